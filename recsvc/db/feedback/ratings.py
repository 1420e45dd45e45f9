"""Ratings: writes that keep the newest rating; reads as rows or as arrays."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple

import numpy as np
from sqlalchemy import Select, bindparam, delete, func, select, text

from recsvc.db.arrays import Doubles, Flags, Ints
from recsvc.db.feedback import rating_bulk, rating_merge
from recsvc.db.feedback.rating_merge import Rows, WriteCounts
from recsvc.db.session import Session
from recsvc.db.surrogate_keys import ensure_item_keys, ensure_keys_by_row, ensure_user_keys
from recsvc.db.tables import MICROSECOND, Item, Rating, User

MIN_ROWS_FOR_COPY = 1000  # ratings
DAY = timedelta(days=1) // MICROSECOND
SELECT_BY_DAY = (
    "SELECT rated_at / :day, COUNT(*), SUM(value), SUM(value * value) "
    "FROM rating GROUP BY 1 ORDER BY 1"
)


@dataclass(frozen=True)
class RatingBatch:
    """Ratings in the order received.

    users, items      ids
    user_of, item_of  (n,) index of each rating's user and item
    values, rated_at  (n,) finite; microseconds since 1970
    arrived           (n,) whether `rated_at` is the time of arrival, which is never older than that
                      of the replaced rating; None for no rating
    """

    users: Sequence[str]
    user_of: Ints
    items: Sequence[str]
    item_of: Ints
    values: Doubles
    rated_at: Ints
    arrived: Flags | None = None


class StoredRating(NamedTuple):
    """A user's rating of an item; `item_key` is the position of a page."""

    item_key: int
    item_id: str
    value: float
    rated_at: datetime


def write(session: Session, batch: RatingBatch, *, now: datetime) -> WriteCounts:
    """Store ratings in order, and insert new users and items."""
    if not batch.values.size:
        return WriteCounts()
    received = Rows(
        ensure_keys_by_row(ensure_user_keys, session, batch.users, batch.user_of, now),
        ensure_keys_by_row(ensure_item_keys, session, batch.items, batch.item_of, now),
        batch.values,
        batch.rated_at,
    )
    order = rating_merge.pair_order(received)
    rows = received.at(order)
    dated = np.zeros(order.size, dtype=np.bool_)
    arrived = dated if batch.arrived is None else batch.arrived[order]
    pairs = rows.at(rating_merge.pair_starts(rows))
    none_stored = np.zeros(pairs.value.size, dtype=np.bool_)
    if rows.value.size >= MIN_ROWS_FOR_COPY:
        merged = rating_merge.merge_ratings(rows, arrived, none_stored, pairs)
        if rating_bulk.insert_new(session, merged.rows):
            return merged.counts
    merged = rating_merge.merge_ratings(rows, arrived, *rating_bulk.read_stored(session, pairs))
    rating_bulk.upsert(session, merged.rows.at(merged.must_write))
    return merged.counts


def delete_rating(session: Session, user_id: str, item_id: str) -> bool:
    """Delete a rating; return whether it existed."""
    statement = (
        delete(Rating)
        .where(Rating.user_key == select(User.key).where(User.user_id == user_id).scalar_subquery())
        .where(Rating.item_key == select(Item.key).where(Item.item_id == item_id).scalar_subquery())
        .returning(Rating.item_key)
    )
    return session.scalar(statement) is not None


def get_rating(session: Session, user_id: str, item_id: str) -> StoredRating | None:
    """Return a rating, None if it does not exist."""
    row = session.execute(_select_rating(), {"user": user_id, "item": item_id}).one_or_none()
    return None if row is None else StoredRating._make(row)


def get_ratings(
    session: Session, user_id: str, *, after: int | None = None, limit: int | None = None
) -> list[StoredRating]:
    """Return a user's ratings by item key, with item keys above `after`."""
    found = _select_ratings().where(User.user_id == user_id).order_by(Rating.item_key)
    if after is not None:
        found = found.where(Rating.item_key > after)
    return [StoredRating._make(row) for row in session.execute(found.limit(limit))]


def user_exists(session: Session, user_id: str) -> bool:
    """Return whether the user exists, with or without ratings."""
    return session.scalar(select(User.key).where(User.user_id == user_id)) is not None


def count_ratings(session: Session) -> int:
    """Count all ratings; this takes 20 ms for a million."""
    return session.scalar(select(func.count()).select_from(Rating)) or 0


def count_users(session: Session) -> int:
    """Count all users, with or without ratings."""
    return session.scalar(select(func.count()).select_from(User)) or 0


def all_ratings(session: Session) -> Iterator[tuple[Ints, Ints, Doubles]]:
    """Yield (user keys, item keys, values) of all ratings, sorted by user, then item.

    One block is in memory at a time.
    """
    for block in rating_bulk.iter_rows(session):
        yield (
            block["user_key"].astype(np.int64),
            block["item_key"].astype(np.int64),
            block["value"].astype(np.float64),
        )


def daily_statistics(session: Session) -> tuple[Ints, Ints, Doubles, Doubles]:
    """Return (days since 1970, counts, sums, sums of squares) of the rating values, by day."""
    rows = session.execute(text(SELECT_BY_DAY), {"day": DAY}).all()
    days, counts, sums, squares = zip(*rows, strict=True) if rows else ((), (), (), ())
    return (
        np.array(days, dtype=np.int64),
        np.array(counts, dtype=np.int64),
        np.array(sums, dtype=np.float64),
        np.array(squares, dtype=np.float64),
    )


def all_user_ids(session: Session) -> tuple[Ints, list[str]]:
    """Return (keys, user_ids) of all users, by key."""
    return _keys_and_ids(session, "SELECT key, user_id FROM user_account ORDER BY key")


def all_item_ids(session: Session) -> tuple[Ints, list[str]]:
    """Return (keys, item_ids) of all items, by key."""
    return _keys_and_ids(session, "SELECT key, item_id FROM item ORDER BY key")


def _keys_and_ids(session: Session, query: str) -> tuple[Ints, list[str]]:
    rows = session.execute(text(query)).all()
    return np.array([key for key, _ in rows], dtype=np.int64), [id_ for _, id_ in rows]


def _select_ratings() -> Select[int, str, float, datetime]:
    return (
        select(Rating.item_key, Item.item_id, Rating.value, Rating.rated_at)
        .join(User, User.key == Rating.user_key)
        .join(Item, Item.key == Rating.item_key)
    )


@cache  # building the statement takes longer than running it
def _select_rating() -> Select[int, str, float, datetime]:
    return _select_ratings().where(
        User.user_id == bindparam("user"), Item.item_id == bindparam("item")
    )
