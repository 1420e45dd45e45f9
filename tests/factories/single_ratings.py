"""Ratings of single requests."""

from datetime import datetime

from recsvc.db.feedback.single_ratings import SingleRating
from tests.conftest import NOON


def rating_of(
    user_id: str,
    item_id: str = "tea",
    value: float = 5.0,
    *,
    rated_at: datetime | None = None,
    received_at: datetime = NOON,
) -> SingleRating:
    return SingleRating(user_id, item_id, value, rated_at, received_at)
