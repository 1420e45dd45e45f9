"""Interactions in the database: each event once, the account exact, all of them stream out."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from recsvc.db import bulk_copy
from recsvc.db.catalog import users
from recsvc.db.feedback import interaction_bulk, interactions, ratings
from recsvc.db.feedback.interaction_bulk import Events
from recsvc.db.feedback.interactions import InteractionBatch
from recsvc.db.feedback.rating_merge import WriteCounts
from recsvc.db.session import Database, reading, unit_of_work
from recsvc.db.tables import Interaction, InteractionType, Item, User

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
TYPES = list(InteractionType)
Given = tuple[str, str, str, int, float]  # user, item, type, time, quantity


def batch_of(rows: list[Given]) -> InteractionBatch:
    user_ids, item_ids = sorted({row[0] for row in rows}), sorted({row[1] for row in rows})
    return InteractionBatch(
        user_ids,
        np.array([user_ids.index(row[0]) for row in rows], dtype=np.int64),
        item_ids,
        np.array([item_ids.index(row[1]) for row in rows], dtype=np.int64),
        np.array([TYPES.index(row[2]) for row in rows], dtype=np.uint8),
        np.array([row[4] for row in rows], dtype=np.float64),
        np.array([row[3] for row in rows], dtype=np.int64),
    )


def write(database: Database, rows: list[Given], *, now: datetime = NOON) -> WriteCounts:
    with unit_of_work(database) as session:
        return interactions.write(session, batch_of(rows), now=now)


def all_of(database: Database) -> dict[tuple[str, str, str, int], float]:
    """What is stored, row by row."""
    found = (
        select(User.user_id, Item.item_id, Interaction)
        .join(User, User.key == Interaction.user_key)
        .join(Item, Item.key == Interaction.item_key)
    )
    with reading(database) as session:
        return {
            (user_id, item_id, row.type, micros(row.occurred_at)): row.quantity
            for user_id, item_id, row in session.execute(found)
        }


def micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def interaction_counts(database: Database) -> dict[tuple[str, str, str], int]:
    """What training reads: how often each user did what with each item."""
    with reading(database) as session:
        user_ids = dict(zip(*map(list, ratings.all_user_ids(session)), strict=True))
        item_ids = dict(zip(*map(list, ratings.all_item_ids(session)), strict=True))
        return {
            (user_ids[user], item_ids[item], TYPES[kind]): n
            for block in interactions.all_interactions(session)
            for user, item, kind, n in zip(*(column.tolist() for column in block), strict=True)
        }


@pytest.fixture(params=[1, 10**6], ids=["gamble", "careful"])
def write_path(request, monkeypatch):
    """Both ways to write: as if all were new, and looking first."""
    monkeypatch.setattr(interaction_bulk, "MIN_ROWS_FOR_COPY", request.param)


@pytest.mark.usefixtures("write_path")
def test_repeated_event_counts_once(database):
    first = write(database, [("u", "i", "view", 10, 1)])
    again = write(database, [("u", "i", "view", 10, 1)])
    later = write(database, [("u", "i", "view", 11, 1)])
    other = write(database, [("u", "i", "cart", 10, 1)])

    assert (first, again) == (WriteCounts(added=1), WriteCounts(unchanged=1))
    assert (later, other) == (WriteCounts(added=1), WriteCounts(added=1))
    assert interaction_counts(database) == {("u", "i", "view"): 2, ("u", "i", "cart"): 1}


@pytest.mark.usefixtures("write_path")
def test_write_keeps_last_quantity_of_event(database):
    write(database, [("u", "i", "purchase", 10, 2)])
    more = write(database, [("u", "i", "purchase", 10, 6)], now=NOON + timedelta(days=1))
    same = write(database, [("u", "i", "purchase", 10, 6)], now=NOON + timedelta(days=2))

    assert (more, same) == (WriteCounts(changed=1), WriteCounts(unchanged=1))
    assert all_of(database) == {("u", "i", "purchase", 10): 6}
    with reading(database) as session:
        assert session.scalar(select(Interaction.updated_at)) == NOON + timedelta(days=1)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.sampled_from("xy"),
        st.sampled_from(TYPES),
        st.integers(0, 2),
        st.sampled_from([1.0, 2.0]),
    ),
    min_size=1,
    max_size=40,
)


def one_by_one(rows: list[Given]) -> tuple[dict[tuple[str, str, str, int], float], WriteCounts]:
    """The rule as plainly as it can be said."""
    standing: dict[tuple[str, str, str, int], float] = {}
    counts = Counter()
    for *event, quantity in rows:
        before = standing.get(tuple(event))
        fate = "added" if before is None else "unchanged" if before == quantity else "changed"
        counts[fate] += 1
        standing[tuple(event)] = quantity
    return standing, WriteCounts(**counts)


@pytest.mark.usefixtures("write_path")
@given(given_=EVENTS, cut=st.integers(0, 40))
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_write_counts_do_not_depend_on_batches(database, given_, cut):
    with unit_of_work(database) as session:
        for user in "ab":
            users.erase(session, user)

    parts = [write(database, part) for part in (given_[:cut], given_[cut:]) if part]

    standing, account = one_by_one(given_)
    assert all_of(database) == standing
    for fate in ("added", "changed", "unchanged", "outdated"):
        assert sum(getattr(part, fate) for part in parts) == getattr(account, fate)


def test_interactions_are_read_in_bounded_blocks_by_user_and_item(database, monkeypatch):
    monkeypatch.setattr(bulk_copy, "READ_ROWS", 100)
    row_bytes = bulk_copy.copy_dtype(interaction_bulk.ROW).itemsize
    monkeypatch.setattr(bulk_copy, "READ_BYTES", 100 * row_bytes)
    rows = [(f"u{n % 37}", f"i{n % 101}", TYPES[n % 3], n // 2000, 1.0) for n in range(4000)]
    write(database, rows)

    with reading(database) as session:
        blocks = list(interactions.all_interactions(session))

    user_keys, item_keys, types, counts = map(np.concatenate, zip(*blocks, strict=True))
    assert max(block[0].size for block in blocks) <= 200
    order = np.lexsort((np.arange(user_keys.size), item_keys, user_keys))
    assert np.array_equal(order, np.arange(user_keys.size))
    assert interaction_counts(database) == Counter(row[:3] for row in set(rows))
    assert counts.sum() == len(set(rows))
    assert (types.dtype, counts.dtype) == (np.uint8, np.int64)


def test_empty_batch_and_database_have_no_interactions(database):
    with unit_of_work(database) as session:
        assert interactions.write(session, batch_of([]), now=NOON) == WriteCounts()
        assert interactions.count_interactions(session) == 0

    assert interaction_counts(database) == {}


def test_interaction_table_refuses_unknown_user_or_item(database):
    write(database, [("u", "i", "view", 1, 1)])
    for user_key, item_key in ((999, 1), (1, 999)):
        stray = Events(*(np.array([n]) for n in (user_key, item_key, 0, 1)), np.array([1.0]))
        with pytest.raises(IntegrityError), unit_of_work(database) as session:
            interaction_bulk.insert(session, stray, NOON)


def test_concurrent_writers_of_same_interactions_all_succeed(database):
    def rows(quantity: float) -> list[Given]:
        return [(f"u{n % 50}", f"i{n % 97}", TYPES[n % 3], n % 7, quantity) for n in range(3000)]

    parts = [rows(1.0), rows(2.0)[::-1], rows(3.0), rows(1.0)[::-1]]
    with ThreadPoolExecutor(4) as pool:
        written = list(pool.map(lambda part: write(database, part), parts))

    stored = all_of(database)
    assert sum(one.total for one in written) == 4 * 3000
    assert sum(one.added for one in written) == len(stored) == len({r[:4] for r in rows(1.0)})
    assert len(set(stored.values())) == 1
