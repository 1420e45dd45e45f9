from datetime import timedelta

from recsvc.db.session import unit_of_work
from recsvc.service.feedback import ratings
from tests.conftest import NOON


def rate(database, value, *, now, rated_at=None):
    with unit_of_work(database) as session:
        stored, _ = ratings.rate(
            session, "ann", "tea", value, rated_at=rated_at, now=now, scale=None
        )
    return stored.value, stored.rated_at


def test_rating_replaces_one_of_clock_that_was_ahead(database):
    ahead = NOON + timedelta(hours=1)
    rate(database, 2, now=ahead)

    assert rate(database, 5, now=NOON) == (5, ahead)
    assert rate(database, 3, now=NOON + timedelta(hours=2)) == (3, NOON + timedelta(hours=2))


def test_rating_with_older_time_of_client_changes_nothing(database):
    rate(database, 2, now=NOON)

    assert rate(database, 5, now=NOON, rated_at=NOON - timedelta(hours=1)) == (2, NOON)
