"""Importing files: real ones whole, dirty ones line by line, killed ones exactly once."""

import gzip
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import zstandard

from recsvc.db.catalog import users
from recsvc.db.feedback import ratings
from recsvc.db.imports import refusals
from recsvc.db.jobs.queue import JobQueue, Lease, job_lease
from recsvc.db.session import reading, unit_of_work
from recsvc.db.tables import Job
from recsvc.errors import (
    BinaryFile,
    InflatedTooLarge,
    LeaseLost,
    TruncatedFile,
    UnrecognisedFormat,
)
from recsvc.rbm.rating_scale import RatingScale
from recsvc.service.context import Context
from recsvc.service.imports import decompression, import_job
from recsvc.service.jobs import runner
from tests.conftest import on_sqlite

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def context(database, shelf) -> Context:
    return a_context(database, shelf)


def a_context(database, shelf, scale: str = "auto") -> Context:
    return Context(
        database=database,
        shelf=shelf,
        rating_scale=RatingScale.parse(scale),
        training_threads=1,
        memory_limit_bytes=None,
        checkpoint_seconds=10.0,
        shelf_keep=5,
    )


def upload(
    context: Context,
    content: bytes,
    *,
    file_format: str = "auto",
    dry_run: bool = False,
    now: datetime = NOON,
) -> int:
    shelved = import_job.shelve_upload(
        context, io.BytesIO(content), filename="ratings.csv", file_format=file_format
    )
    with unit_of_work(context.database) as session:
        return import_job.request_import(session, shelved, dry_run=dry_run, now=now).id


def claim(context: Context) -> tuple[Lease, Job]:
    with unit_of_work(context.database) as session:
        job = JobQueue(session).claim(
            worker="w1", now=NOON + timedelta(days=1), lease_seconds=60, max_attempts=3
        )
        assert job is not None
        return job_lease(job), job


def carry_out(context: Context) -> dict:
    return import_job.carry_out(context, *claim(context))


def import_bytes(context: Context, content: bytes, **how) -> dict:
    """Upload, claim and carry out; give the account, having checked that it adds up."""
    upload(context, content, **how)
    return check_account(carry_out(context))


def check_account(account: dict) -> dict:
    n_refused = sum(account["refused"].values())
    fates = ("added", "changed", "unchanged", "outdated")
    assert account["lines"] == (
        account["header"] + account["blank"] + account["accepted"] + n_refused
    )
    assert account["accepted"] == account["ratings"] + account["interactions"]
    if not account["dry_run"]:
        assert account["accepted"] == sum(account[fate] for fate in fates)
    return account


def stored(context: Context) -> dict[tuple[str, str], float]:
    with reading(context.database) as session:
        users = dict(zip(*map(list, ratings.all_user_ids(session)), strict=True))
        items = dict(zip(*map(list, ratings.all_item_ids(session)), strict=True))
        return {
            (users[user], items[item]): value
            for block in ratings.all_ratings(session)
            for user, item, value in zip(*(column.tolist() for column in block), strict=True)
        }


def refused_lines(context: Context, job_id: int) -> list[tuple[int, str]]:
    with reading(context.database) as session:
        found = refusals.page(session, job_id, after=0, limit=1000)
        return [(refused.line, refused.code) for refused in found]


DIRTY = (
    b"\xef\xbb\xbfuser_id,item_id,rating,timestamp\r\n"
    b"u1,i1,4,100\r\n"
    b"\r\n"
    b"u1,i1,4,100\r\n"
    b"u1,i1,2,50\r\n"
    b"u1,i1,5,200\r\n"
    b",i1,4,100\r\n"
    b"u2,i1,9,100\r\n"
    b"u2,i1,good,100\r\n"
    b'"u,3","i ""2""",3,2026-06-01T12:00:00Z\r\n'
    b"Jos\xe9,i3,1,\r\n"
    b"u4,i4,3,never\r\n"
    b"u4,i4"
)


def test_import_counts_every_line_of_dirty_file_by_reason(database, shelf):
    context = a_context(database, shelf, "1:5:1")
    job_id = upload(context, DIRTY)

    account = check_account(carry_out(context))

    assert account == {
        "format": "csv",
        "dry_run": False,
        "lines": 13,
        "header": 1,
        "blank": 1,
        "accepted": 6,
        "ratings": 6,
        "interactions": 0,
        "added": 3,
        "changed": 1,
        "unchanged": 1,
        "outdated": 1,
        "refused": {
            "bad-timestamp": 1,
            "empty-user-id": 1,
            "not-a-number": 1,
            "too-few-fields": 1,
            "value-off-scale": 1,
        },
    }
    assert stored(context) == {("u1", "i1"): 5.0, ("u,3", 'i "2"'): 3.0, ("José", "i3"): 1.0}
    assert refused_lines(context, job_id) == [
        (7, "empty-user-id"),
        (8, "value-off-scale"),
        (9, "not-a-number"),
        (12, "bad-timestamp"),
        (13, "too-few-fields"),
    ]


def test_rating_without_time_has_time_of_upload(context):
    import_bytes(context, b"u,i,4\n")

    with reading(context.database) as session:
        standing = ratings.get_rating(session, "u", "i")
    assert standing is not None
    assert standing.rated_at == NOON


def test_repeated_import_adds_no_rating(context):
    content = b"user,item,rating\n" + b"".join(b"u%d,i%d,3\n" % (n % 7, n) for n in range(2000))

    first = import_bytes(context, content)
    again = import_bytes(context, content, now=NOON + timedelta(hours=1))

    assert (first["added"], again["added"], again["unchanged"]) == (2000, 0, 2000)
    assert len(stored(context)) == 2000


def test_dry_run_counts_lines_and_stores_no_rating(context):
    job_id = upload(context, b"u,i,4\nu,i,bad\n", dry_run=True)

    account = check_account(carry_out(context))

    assert (account["accepted"], account["refused"]) == (1, {"not-a-number": 1})
    assert refused_lines(context, job_id) == [(2, "not-a-number")]
    assert stored(context) == {}


LINES = b"".join(b"u%d::i%d::%d\n" % (n % 97, n % 211, n % 5) for n in range(3000))
BROKEN = LINES + b"nonsense\n" + LINES


@pytest.fixture
def small_chunks(monkeypatch):
    """Some 20 chunks instead of one."""
    chunks_of(monkeypatch, 4096)


def chunks_of(monkeypatch, n_bytes: int) -> None:
    monkeypatch.setattr(import_job, "CHUNK_BYTES", n_bytes)
    monkeypatch.setattr(decompression, "READ_BYTES", n_bytes // 4)


class Killed(BaseException):
    """The process is gone: nothing after this line runs."""


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("chunk", [1, 2, 9])
@pytest.mark.parametrize("moment", ["before the commit", "after the commit"])
def test_killed_import_resumes_after_last_chunk_with_exact_counts(
    context, monkeypatch, chunk, moment
):
    undisturbed = import_bytes(context, BROKEN)
    expected = stored(context)
    with unit_of_work(context.database) as session:
        for number in range(97):
            users.erase(session, f"u{number}")
    job_id = upload(context, BROKEN)
    chunks = iter(range(1, 1000))
    if moment == "before the commit":
        kill_at(monkeypatch, JobQueue, "record_checkpoint", chunks, chunk)
    else:
        kill_at(monkeypatch, import_job, "_share", chunks, chunk + 1)

    with pytest.raises(Killed):
        carry_out(context)
    monkeypatch.undo()
    chunks_of(monkeypatch, 5000)  # other borders than before
    the_lease_runs_out(context, job_id)

    assert check_account(carry_out(context)) == undisturbed
    assert stored(context) == expected
    assert refused_lines(context, job_id) == [(3001, "too-few-fields")]


def kill_at(monkeypatch, owner, name, calls, number) -> None:
    real = getattr(owner, name)

    def killing(*args, **kwargs):
        if next(calls) == number:
            raise Killed
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, killing)


def the_lease_runs_out(context: Context, job_id: int) -> None:
    with unit_of_work(context.database) as session:
        session.get_one(Job, job_id).lease_expires_at = NOON - timedelta(days=9)


@pytest.mark.usefixtures("small_chunks")
def test_import_killed_after_last_chunk_is_not_repeated(context):
    job_id = upload(context, LINES)
    first = carry_out(context)
    the_lease_runs_out(context, job_id)

    assert carry_out(context) == first


@pytest.mark.usefixtures("small_chunks")
def test_import_without_lease_stores_no_rating(context):
    job_id = upload(context, LINES)
    stale = claim(context)
    the_lease_runs_out(context, job_id)
    claim(context)

    with pytest.raises(LeaseLost):
        import_job.carry_out(context, *stale)

    assert stored(context) == {}


@pytest.mark.usefixtures("small_chunks")
def test_import_records_progress_and_counts_while_running(context, monkeypatch):
    job_id = upload(context, LINES)
    kill_at(monkeypatch, JobQueue, "record_checkpoint", iter(range(1, 100)), 5)

    with pytest.raises(Killed):
        carry_out(context)

    with reading(context.database) as session:
        job = session.get_one(Job, job_id)
    assert 0 < job.progress <= 1
    assert job.progress_note is not None
    assert 0 < job.progress_note["lines"] < 3000
    assert job.attempt == 1


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_compressed_files_are_recognised_by_first_bytes(context, pack):
    assert import_bytes(context, pack(LINES))["lines"] == 3000


def test_gzip_with_several_members_is_read_completely(context):
    content = gzip.compress(LINES[: len(LINES) // 2]) + gzip.compress(LINES[len(LINES) // 2 :])

    assert import_bytes(context, content + b"\0" * 100)["lines"] == 3000


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_truncated_file_keeps_and_counts_ratings_before_its_end(context, pack):
    rows = [b"user%d,item%d,%d\n" % (n * 7919 % 10007, n, n % 5) for n in range(20_000)]
    whole = b"".join(rows)
    packed = pack(whole)
    upload(context, packed[: len(packed) // 2])

    with pytest.raises(TruncatedFile, match="ends early, after line") as caught:
        carry_out(context)

    account = {"lines": caught.value.facts["line"], **caught.value.facts}
    check_account(account)
    assert account["accepted"] > 1000
    assert account["refused"] in ({}, {"truncated-line": 1})
    kept = stored(context)
    assert len(kept) == account["accepted"]
    assert all(
        b"%s,%s,%d\n" % (u.encode(), i.encode(), v) in whole
        for (u, i), v in list(kept.items())[:50]
    )

    again = import_bytes(context, packed, now=NOON + timedelta(hours=1))

    assert again["added"] == 20_000 - account["accepted"]
    assert len(stored(context)) == 20_000


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04" + bytes(50), "a ZIP archive or an Excel workbook"),
        (b"PAR1abcdef", "a Parquet file"),
        ("user,item\n".encode("utf-16"), "text in UTF-16"),
        (bytes(range(256)), "0x00"),
        (gzip.compress(b"\x00\x01\x02", mtime=0), "0x00"),
    ],
)
def test_binary_file_is_refused_by_name_of_its_kind(context, content, said):
    upload(context, content)

    with pytest.raises(BinaryFile, match=said):
        carry_out(context)


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"title,price\na,1\n", gzip.compress(b"", mtime=0)]
)
def test_file_without_ratings_is_refused_with_remedy(context, content):
    upload(context, content)

    with pytest.raises(UnrecognisedFormat, match="A file needs a header"):
        carry_out(context)


def test_overlong_line_is_refused_and_others_are_added(context, monkeypatch):
    chunks_of(monkeypatch, 1 << 16)
    content = b"u,i,4\n" + b"x" * (1 << 22) + b"\nu,j,4\n"

    account = import_bytes(context, content)

    assert (account["lines"], account["added"]) == (3, 2)
    assert account["refused"] == {"line-too-long": 1}


def test_decompression_yields_small_pieces():
    bomb = gzip.compress(b"\n" * (1 << 26))

    pieces = decompression.Upload(io.BytesIO(bomb), 1 << 30).pieces()

    assert max(map(len, pieces)) <= decompression.PIECE_BYTES


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_file_over_decompressed_limit_fails_and_keeps_lines_before(context, monkeypatch, compress):
    chunks_of(monkeypatch, 1 << 10)
    small = replace(context, max_inflated_bytes=20_000_000)
    many = b"".join(b"u%d,i,4\n" % number for number in range(100)) + b"\n" * 40_000_000
    upload(small, compress(many))

    with pytest.raises(InflatedTooLarge, match=r"more than \d+ MB"):
        carry_out(small)

    with reading(context.database) as session:
        assert len(ratings.get_ratings(session, "u99", after=None, limit=5)) == 1


def test_highly_compressed_file_fails_by_ratio(monkeypatch):
    monkeypatch.setattr(decompression, "FREE_BYTES", 1 << 20)
    plain = decompression.Upload(io.BytesIO(b"u,i,4\n" * (1 << 20)), 1 << 30)
    packed = decompression.Upload(io.BytesIO(zstandard.compress(b"\n" * (1 << 26))), 1 << 30)

    assert sum(map(len, plain.pieces())) == 6 << 20
    with pytest.raises(InflatedTooLarge):
        list(packed.pieces())


def test_refused_lines_are_all_counted_and_first_ones_stored(context, monkeypatch):
    monkeypatch.setattr(import_job, "MAX_STORED_REFUSALS", 3)
    chunks_of(monkeypatch, 16)

    account = import_bytes(context, b"u,i,4\n" + b"u,,1\n" * 20)

    with reading(context.database) as session:
        stored = refusals.page(session, 1, after=0, limit=100)
    assert sum(account["refused"].values()) == 20
    assert [refused.line for refused in stored] == [2, 3, 4]


def test_carriage_returns_end_lines_without_line_feeds(context):
    assert import_bytes(context, b"user,item,rating\ru,i,4\ru,j,5\r")["added"] == 2


def test_json_lines_are_imported_and_refused_by_line(context):
    rows = [{"user_id": "u", "item_id": f"i{n}", "value": n} for n in range(5)]
    content = "\n".join(map(json.dumps, rows)) + '\n{"user_id": "u"}\n{\n'

    account = import_bytes(context, content.encode())

    assert (account["added"], account["format"]) == (5, "ndjson")
    assert account["refused"] == {"missing-field": 1, "not-json": 1}


@pytest.mark.parametrize(
    ("file", "n_lines", "n_added", "n_changed", "n_unchanged"),
    [
        ("ml-100k/u.data", 100_000, 100_000, 0, 0),
        ("movietweetings/ratings.dat", 100_000, 100_000, 0, 0),
        ("ml-1m/ratings_no_timestamp.dat", 1_000_209, 1_000_209, 0, 0),
        ("goodbooks/ratings.csv", 981_757, 979_478, 637, 1_641),
    ],
)
def test_public_data_sets_are_imported_completely(
    context, data_dir: Path, file, n_lines, n_added, n_changed, n_unchanged
):
    """goodbooks repeats 2,278 pairs: 1,641 times with the value before, 637 with another."""
    account = import_bytes(context, (data_dir / file).read_bytes())

    assert account["lines"] == n_lines
    assert account["refused"] == {}
    assert (account["added"], account["changed"], account["unchanged"]) == (
        n_added,
        n_changed,
        n_unchanged,
    )
    with reading(context.database) as session:
        assert ratings.count_ratings(session) == n_added


LONG = "ÿx" * 10_000  # shorter than the longest line
HEADER = "user,item,rating,timestamp,type"


@on_sqlite
@pytest.mark.parametrize(
    "content",
    [
        f"{HEADER}\n{LONG},i,4,1,view\nu,{LONG},4,1,view\nu,i,{LONG},1,rating\nu,i,4,{LONG},\n"
        f"u,i,,1,{LONG}\n",
        f'{{"user_id": "{LONG}"}}\n{{"{LONG}": 1}}\n[{LONG}]\n'
        f'{{"user_id": "u", "item_id": ["{LONG}"]}}\n',
        f"{LONG},{LONG}\n",
        f"user,item,{LONG}\nu,i,4\n",
        f"user,item,rating\n{LONG}\n",
    ],
    ids=["fields", "ndjson", "no header", "header", "no fields"],
)
def test_refusals_and_errors_of_a_file_with_long_fields_are_short(context, content):
    job_id = upload(context, content.encode())

    runner.carry_out(context, job_id, claim(context)[0])

    with reading(context.database) as session:
        job = session.get_one(Job, job_id)
        details = [one.detail for one in refusals.page(session, job_id, after=0, limit=100)]
    assert job.error is None or len(json.dumps(job.error, ensure_ascii=False)) < 3000
    assert job.error or details
    assert max(map(len, details), default=0) < 300
