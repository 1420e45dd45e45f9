"""Users rate items, one rating or many at a time."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from recsvc.db.feedback import ratings
from recsvc.db.feedback.rating_merge import WriteCounts
from recsvc.db.feedback.ratings import RatingBatch, StoredRating
from recsvc.db.session import Session
from recsvc.db.tables import microseconds
from recsvc.errors import RatingNotFound, UserNotFound
from recsvc.rbm.rating_matrix import RatingScale
from recsvc.service.imports.fields import check_id, check_value
from recsvc.service.imports.file_format import RATINGS
from recsvc.service.imports.parser import read_lines, read_objects
from recsvc.service.imports.records import Lines, Undated

AT_ONCE = 10_000  # ratings in one request


def rate(
    session: Session,
    user_id: str,
    item_id: str,
    value: float,
    *,
    rated_at: datetime | None,
    now: datetime,
    scale: RatingScale | None,
) -> tuple[StoredRating, bool]:
    """Store a rating; give the one that stands now, and whether the pair had none before.

    A rating older than the one that stands changes nothing. Without `rated_at` it is of now.
    Raises InvalidId, InvalidRating, ValueOffScale.
    """
    one = np.zeros(1, dtype=np.int64)
    batch = RatingBatch(
        [check_id("user_id", user_id)],
        one,
        [check_id("item_id", item_id)],
        one,
        np.array([check_value(value, scale)]),
        np.array([microseconds(rated_at or now)]),
    )
    written = ratings.write(session, batch, now=now)
    standing = ratings.get_rating(session, user_id, item_id)
    if standing is None:
        raise RatingNotFound(user_id, item_id)
    return standing, written.added == 1


def read_entries(entries: Sequence[object], *, now: datetime, scale: RatingScale | None) -> Lines:
    """Read ratings from JSON objects `{user_id, item_id, value, rated_at?}`, numbered from 1."""
    return read_objects(RATINGS, entries, undated=_as_of(now), scale=scale)


def read_ndjson(lines: bytes, *, now: datetime, scale: RatingScale | None) -> Lines:
    """Read ratings from lines of JSON, an object each."""
    return read_lines(RATINGS, lines, first_line=1, undated=_as_of(now), scale=scale)


def add_ratings(session: Session, lines: Lines, *, now: datetime) -> WriteCounts:
    """Store what was read from lines; each rating counts as if it came alone, in their order."""
    return ratings.write(session, lines.ratings, now=now)


def forget_rating(session: Session, user_id: str, item_id: str) -> None:
    """Delete a rating. Raises RatingNotFound."""
    if not ratings.delete_rating(session, user_id, item_id):
        raise RatingNotFound(user_id, item_id)


def list_ratings(
    session: Session, user_id: str, *, after: int | None = None, limit: int = 50
) -> Sequence[StoredRating]:
    """Give a user's ratings in an order that stays: by item, in the order the items came.

    `after` is the `item_key` of the last one seen. Raises UserNotFound.
    """
    found = ratings.get_ratings(session, user_id, after=after, limit=limit)
    if not found and not ratings.user_exists(session, user_id):
        raise UserNotFound(user_id)
    return found


def _as_of(now: datetime) -> Undated:
    return Undated(microseconds(now), microseconds(now))
