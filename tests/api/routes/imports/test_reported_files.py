"""Small files after public reports: read as they are meant, or refused with nothing stored."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from recsvc.db.catalog import items
from recsvc.db.feedback import interactions, ratings
from recsvc.db.session import reading
from recsvc.service.context import Context
from tests.api.routes.imports.test_import_jobs import upload, work


def import_content(client: TestClient, context: Context, content: bytes, **form: str) -> dict:
    location = upload(client, content, **form).headers["location"]
    work(context)
    return client.get(location).json()


def n_stored(context: Context) -> tuple[int, int, int, int]:
    """Count ratings, interactions, users and items."""
    with reading(context.database) as session:
        return (
            ratings.count_ratings(session),
            interactions.count_interactions(session),
            len(ratings.all_user_ids(session)[1]),
            items.count_items(session),
        )


def check_refusal(job: dict, context: Context, code: str) -> dict:
    """Return the error of a failed import that stored nothing."""
    assert (job["state"], job["error"]["code"]) == ("failed", code)
    assert n_stored(context) == (0, 0, 0, 0)
    return job["error"]


NO_EVENT = "a rating, an event type or a quantity"


@pytest.mark.parametrize(
    ("file", "missing"),
    [
        ("01-user-item-timestamp.csv", [NO_EVENT]),
        ("02-recbole-sequential.inter", [NO_EVENT]),
        ("05-hm-transactions.csv", ["an item", NO_EVENT]),
        ("09-orders-without-quantity.csv", [NO_EVENT]),
        ("10-price-third.csv", [NO_EVENT]),
    ],
)
def test_reported_file_without_rating_is_refused(
    client, context, reported_dir: Path, file, missing
):
    content = (reported_dir / file).read_bytes()

    error = check_refusal(import_content(client, context, content), context, "unrecognised-format")

    assert error["missing"] == missing
    assert all(what in error["detail"] for what in missing)
    separator = "\t" if file.endswith(".inter") else ","
    assert error["columns"] == content.decode().splitlines()[0].split(separator)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (
            "03-recbole-item-first.inter",
            {
                ("ann", "242"): (3, "1997-12-04T15:55:49Z"),
                ("bob", "302"): (5, "1998-04-04T19:22:22Z"),
            },
        ),
        ("04-isbn-first.csv", {("ann", "0345417623"): (8, None), ("bob", "0440234743"): (9, None)}),
    ],
)
def test_reported_file_with_known_columns_is_imported(
    client, context, reported_dir: Path, file, expected
):
    job = import_content(client, context, (reported_dir / file).read_bytes())

    assert (job["state"], job["counts"]["refused"]) == ("succeeded", {})
    assert n_stored(context) == (len(expected), 0, 2, 2)
    for (user_id, item_id), (value, rated_at) in expected.items():
        (rating,) = client.get(f"/v1/users/{user_id}/ratings").json()["items"]
        assert (rating["item_id"], rating["value"]) == (item_id, value)
        assert rating["rated_at"] == (rated_at or rating["rated_at"])


@pytest.mark.parametrize("dry_run", ["false", "true"])
@pytest.mark.parametrize(
    ("header", "row", "missing"),
    [
        ("USER_ID,ITEM_ID,TIMESTAMP", "u{n},i{n},158673160{n}", [NO_EVENT]),
        ("item_id,title,price", "i{n},Title {n},{n}.5", ["a user", NO_EVENT]),
        ("item_id,price,stock", "i{n},{n}.5,{n}", ["a user", NO_EVENT]),
    ],
)
def test_file_with_unrelated_columns_is_refused_without_storing(
    client, context, header, row, missing, dry_run
):
    rows = [row.format(n=n) for n in range(9)]
    content = "\n".join([header, *rows]).encode()

    job = import_content(client, context, content, dry_run=dry_run)

    error = check_refusal(job, context, "unrecognised-format")
    assert (error["columns"], error["missing"]) == (header.split(","), missing)
    assert "A file needs a header that names user, item and one of" in error["detail"]


@pytest.mark.parametrize("dry_run", ["false", "true"])
def test_import_without_accepted_line_fails_and_lists_refusals(client, context, dry_run):
    content = b"user_id,item_id,rating\nann,tea,lots\n\nbob,cup,\n,pot,5\ncyd,jug,many\n"

    job = import_content(client, context, content, dry_run=dry_run)

    error = check_refusal(job, context, "nothing-accepted")
    reasons = {"empty-user-id": 1, "empty-value": 1, "not-a-number": 2}
    assert (job["result"], job["dry_run"]) == (None, dry_run == "true")
    assert (error["lines"], error["accepted"], error["refused"]) == (6, 0, reasons)
    assert (job["counts"]["lines"], job["counts"]["refused"]) == (6, reasons)
    assert "Refused: 1 empty-user-id, 1 empty-value, 2 not-a-number." in (error["detail"])
    assert "Line 2: The rating is 'lots'" in error["detail"]
    listed = client.get(job["links"]["refusals"]).json()["items"]
    assert [entry["line"] for entry in listed] == [2, 4, 5, 6]


def test_import_of_header_only_fails_with_counts(client, context):
    job = import_content(client, context, b"\nuser_id,item_id,rating\n")

    error = check_refusal(job, context, "nothing-accepted")
    assert "no line below its header" in error["detail"]
    counts = job["counts"]
    assert (counts["lines"], counts["header"], counts["blank"]) == (2, 1, 1)


def test_import_with_single_accepted_line_succeeds(client, context):
    job = import_content(client, context, b"user_id,item_id,rating\nann,tea,lots\nbob,cup,5\n")

    assert (job["state"], job["counts"]["accepted"]) == ("succeeded", 1)
    assert n_stored(context) == (1, 0, 1, 1)
