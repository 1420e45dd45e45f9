"""Use cases of ratings: store one or many, delete, list."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from recsvc.db.feedback import ratings
from recsvc.db.feedback.ratings import RatingBatch, StoredRating
from recsvc.db.session import Session
from recsvc.db.tables import microseconds
from recsvc.errors import RatingNotFound, UserNotFound
from recsvc.rbm.rating_scale import RatingScale
from recsvc.service.imports.bulk import Bulk, BulkReport, default_timestamps, read_bulk
from recsvc.service.imports.fields import check_id, check_value
from recsvc.service.imports.file_format import RATINGS

MAX_RATINGS = 10_000  # ratings in one request


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
    """Store a rating; return the pair's current one, and whether the pair had none before.

    A rating older than the stored one changes nothing. `rated_at` defaults to `now`, or to the time
    of the stored rating if a clock that is ahead has set it. Raises InvalidId, InvalidRating,
    ValueOffScale.
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
    current = ratings.get_rating(session, user_id, item_id)
    if current is not None and rated_at is None and current.rated_at > now:
        batch = replace(batch, rated_at=np.array([microseconds(current.rated_at)]))
        written = ratings.write(session, batch, now=now)
        current = ratings.get_rating(session, user_id, item_id)
    if current is None:
        raise RatingNotFound(user_id, item_id)
    return current, written.added == 1


def add_ratings(
    session: Session, bulk: Bulk, *, now: datetime, scale: RatingScale | None
) -> BulkReport:
    """Store many ratings `{user_id, item_id, value, rated_at?}`, in their order.

    A rating without `rated_at` is dated `now`. Lines that are not ratings are refused.
    """
    lines = read_bulk(RATINGS, bulk, defaults=default_timestamps(now), scale=scale)
    return BulkReport(ratings.write(session, lines.ratings, now=now), lines.refusals)


def delete_rating(session: Session, user_id: str, item_id: str) -> None:
    """Delete a rating. Raises RatingNotFound."""
    if not ratings.delete_rating(session, user_id, item_id):
        raise RatingNotFound(user_id, item_id)


def list_ratings(
    session: Session, user_id: str, *, after: int | None = None, limit: int = 50
) -> Sequence[StoredRating]:
    """Return a user's ratings in the order in which their items were created.

    `after` is the `item_key` where the previous page ended. Raises UserNotFound.
    """
    found = ratings.get_ratings(session, user_id, after=after, limit=limit)
    if not found and not ratings.user_exists(session, user_id):
        raise UserNotFound(user_id)
    return found
