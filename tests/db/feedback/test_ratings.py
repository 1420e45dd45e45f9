"""Ratings in the database: the newest stands, the account is exact, all of them stream out."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from recsvc.db import bulk_copy
from recsvc.db.catalog import users
from recsvc.db.feedback import rating_bulk, ratings
from recsvc.db.feedback.rating_merge import Rows, WriteCounts
from recsvc.db.feedback.ratings import RatingBatch
from recsvc.db.session import Database, reading, unit_of_work

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
Given = tuple[str, str, float, int]


def batch_of(rows: list[Given]) -> RatingBatch:
    users, items = sorted({row[0] for row in rows}), sorted({row[1] for row in rows})
    return RatingBatch(
        users,
        np.array([users.index(row[0]) for row in rows], dtype=np.int64),
        items,
        np.array([items.index(row[1]) for row in rows], dtype=np.int64),
        np.array([row[2] for row in rows], dtype=np.float64),
        np.array([row[3] for row in rows], dtype=np.int64),
    )


def write(database: Database, rows: list[Given]) -> WriteCounts:
    with unit_of_work(database) as session:
        return ratings.write(session, batch_of(rows), now=NOON)


def all_of(database: Database) -> dict[tuple[str, str], float]:
    with reading(database) as session:
        users = dict(zip(*map(list, ratings.all_user_ids(session)), strict=True))
        items = dict(zip(*map(list, ratings.all_item_ids(session)), strict=True))
        return {
            (users[user], items[item]): value
            for block in ratings.all_ratings(session)
            for user, item, value in zip(*(column.tolist() for column in block), strict=True)
        }


@pytest.fixture(params=[1, 10**6], ids=["gamble", "careful"])
def write_path(request, monkeypatch):
    """Both ways to write: as if all were new, and looking first."""
    monkeypatch.setattr(ratings, "MIN_ROWS_FOR_COPY", request.param)


@pytest.mark.usefixtures("write_path")
def test_write_keeps_newest_rating_and_last_received_of_equal_time(database):
    first = write(database, [("u", "i", 3.0, 20)])
    older = write(database, [("u", "i", 1.0, 10)])
    equal = write(database, [("u", "i", 4.0, 20)])
    same = write(database, [("u", "i", 4.0, 30)])

    assert first == WriteCounts(added=1)
    assert older == WriteCounts(outdated=1)
    assert equal == WriteCounts(changed=1)
    assert same == WriteCounts(unchanged=1)
    with reading(database) as session:
        standing = ratings.get_rating(session, "u", "i")
    assert standing is not None
    assert standing.value == 4.0
    assert standing.rated_at == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=30)


@pytest.mark.usefixtures("write_path")
def test_write_counts_of_batch_equal_those_of_single_ratings(database):
    rows = [
        ("u", "i", 3.0, 20),
        ("u", "j", 5.0, 20),
        ("u", "i", 3.0, 20),
        ("u", "i", 1.0, 10),
        ("u", "i", 4.0, 20),
    ]

    assert write(database, rows) == WriteCounts(added=2, changed=1, unchanged=1, outdated=1)
    assert all_of(database) == {("u", "i"): 4.0, ("u", "j"): 5.0}


PAIRS = st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"))
RATINGS = st.lists(
    st.tuples(PAIRS, st.sampled_from([1.0, 2.0]), st.integers(0, 3)), min_size=1, max_size=40
)


def one_by_one(rows: list[Given]) -> tuple[dict[tuple[str, str], tuple[float, int]], WriteCounts]:
    """The rule as plainly as it can be said."""
    standing: dict[tuple[str, str], tuple[float, int]] = {}
    counts = dict.fromkeys(("added", "changed", "unchanged", "outdated"), 0)
    for user, item, value, rated_at in rows:
        old = standing.get((user, item))
        if old is not None and rated_at < old[1]:
            counts["outdated"] += 1
            continue
        fate = "added" if old is None else "unchanged" if value == old[0] else "changed"
        counts[fate] += 1
        standing[user, item] = (value, rated_at)
    return standing, WriteCounts(**counts)


@pytest.mark.usefixtures("write_path")
@given(given_=RATINGS, cut=st.integers(0, 40))
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_write_counts_do_not_depend_on_batches(database, given_, cut):
    rows = [(user, item, value, time) for (user, item), value, time in given_]
    with unit_of_work(database) as session:
        for user in "abc":
            users.erase(session, user)

    parts = [write(database, part) for part in (rows[:cut], rows[cut:]) if part]

    standing, account = one_by_one(rows)
    assert all_of(database) == {pair: value for pair, (value, _) in standing.items()}
    for name in ("added", "changed", "unchanged", "outdated"):
        assert sum(getattr(part, name) for part in parts) == getattr(account, name)


def test_delete_rating_deletes_once(database):
    write(database, [("u", "i", 3.0, 1), ("u", "j", 4.0, 1), ("v", "i", 5.0, 1)])

    with unit_of_work(database) as session:
        assert ratings.delete_rating(session, "u", "i")
        assert not ratings.delete_rating(session, "u", "i")
        assert not ratings.delete_rating(session, "nobody", "i")

    assert all_of(database) == {("u", "j"): 4.0, ("v", "i"): 5.0}


def test_get_ratings_pages_keep_order_during_writes(database):
    write(database, [("u", f"i{n:02}", float(n), 1) for n in range(7)])
    with reading(database) as session:
        first = ratings.get_ratings(session, "u", limit=3)
    write(database, [("u", "i00", 9.0, 2), ("u", "new", 1.0, 1)])

    with reading(database) as session:
        rest = ratings.get_ratings(session, "u", after=first[-1].item_key, limit=10)

    assert [stored.item_id for stored in (*first, *rest)] == [f"i{n:02}" for n in range(7)] + [
        "new"
    ]


@pytest.mark.parametrize(
    "odd", ["ü/ß", "日本", "'; DROP TABLE rating; --", "a\u2028b", "\U0001f3ac"]
)
def test_ids_accept_any_text(database, odd):
    write(database, [(odd, odd, 3.0, 1)])

    assert all_of(database) == {(odd, odd): 3.0}


def test_ratings_are_read_in_bounded_blocks_by_user_and_item(database, monkeypatch):
    monkeypatch.setattr(bulk_copy, "READ_ROWS", 100)
    monkeypatch.setattr(
        bulk_copy, "READ_BYTES", 100 * bulk_copy.copy_dtype(rating_bulk.RATING).itemsize
    )
    rows = [(f"u{n % 37}", f"i{n}", float(n % 5) + 0.5, 1) for n in range(1000)]
    write(database, rows)

    with reading(database) as session:
        blocks = list(ratings.all_ratings(session))

    users, items, values = (np.concatenate(columns) for columns in zip(*blocks, strict=True))
    assert max(block[0].size for block in blocks) <= 200
    assert np.array_equal(np.lexsort((items, users)), np.arange(1000))
    assert values.sum() == sum(row[2] for row in rows)
    assert (users.dtype, items.dtype, values.dtype) == (np.int64, np.int64, np.float64)


def test_ratings_of_empty_database_are_none(database):
    assert all_of(database) == {}


def test_rating_table_refuses_unknown_user_or_item(database):
    write(database, [("u", "i", 3.0, 1)])
    for user_key, item_key in ((999, 1), (1, 999)):
        stray = Rows(*(np.array([n]) for n in (user_key, item_key)), np.array([3.0]), np.array([1]))
        with pytest.raises(IntegrityError), unit_of_work(database) as session:  # noqa: PT012
            assert not rating_bulk.insert_new(session, stray)
            rating_bulk.upsert(session, stray)


def test_concurrent_writers_of_same_ratings_all_succeed(database):
    from concurrent.futures import ThreadPoolExecutor

    rows = [(f"u{n % 50}", f"i{n % 97}", float(n % 5), 1) for n in range(3000)]

    with ThreadPoolExecutor(4) as pool:
        written = list(pool.map(lambda part: write(database, part), [rows, rows[::-1], rows, rows]))

    assert sum(one.total for one in written) == 4 * len(rows)
    assert len(all_of(database)) == len({row[:2] for row in rows})


def test_daily_statistics_sum_ratings_by_day(database):
    day = 86_400 * 10**6
    write(
        database,
        [
            ("u", "i", 3.0, 5 * day),
            ("u", "j", 1.5, 6 * day - 1),
            ("v", "i", 2.0, 20_000 * day),
        ],
    )

    with reading(database) as session:
        days, counts, sums, squares = ratings.daily_statistics(session)

    assert days.tolist() == [5, 20_000]
    assert counts.tolist() == [2, 1]
    assert (sums.tolist(), squares.tolist()) == ([4.5, 2.0], [11.25, 4.0])


def test_daily_statistics_are_empty_without_ratings(database):
    with reading(database) as session:
        assert [column.size for column in ratings.daily_statistics(session)] == [0, 0, 0, 0]
