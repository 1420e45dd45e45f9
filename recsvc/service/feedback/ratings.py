"""Use cases of ratings: store one or many, delete, list."""

from collections.abc import Sequence
from datetime import datetime

from recsvc.db.feedback import ratings, single_ratings
from recsvc.db.feedback.ratings import StoredRating
from recsvc.db.feedback.single_ratings import Outcome, SingleRating
from recsvc.db.session import Session
from recsvc.errors import RatingNotFound, UserNotFound
from recsvc.rbm.rating_scale import RatingScale
from recsvc.service.imports.bulk import Bulk, BulkReport, default_timestamps, read_bulk
from recsvc.service.imports.fields import check_id, check_value
from recsvc.service.imports.file_format import RATINGS

MAX_RATINGS = 10_000  # ratings in one request


def single_rating(
    user_id: str,
    item_id: str,
    value: float,
    *,
    rated_at: datetime | None,
    now: datetime,
    scale: RatingScale | None,
) -> SingleRating:
    """Return the rating of a request. Raises InvalidId, InvalidRating, ValueOffScale."""
    return SingleRating(
        check_id("user_id", user_id),
        check_id("item_id", item_id),
        check_value(value, scale),
        rated_at,
        now,
    )


def rate_each(session: Session, rated: Sequence[SingleRating]) -> list[Outcome]:
    """Store the ratings of several requests in order and return the outcome of each.

    A rating older than the stored one changes nothing. A rating without `rated_at` is dated by its
    arrival, or like the stored rating if a clock that is ahead has set that.
    """
    return single_ratings.store_each(session, rated)


def add_ratings(
    session: Session, bulk: Bulk, *, now: datetime, scale: RatingScale | None
) -> BulkReport:
    """Store many ratings `{user_id, item_id, value, rated_at?}`, in their order.

    A rating without `rated_at` is dated `now`, as `rate` does it. Lines that are not ratings
    are refused.
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
