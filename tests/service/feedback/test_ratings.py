import json
import threading
from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import text

from recsvc.db.feedback.ratings import get_ratings
from recsvc.db.session import reading, unit_of_work
from recsvc.service.feedback import ratings
from recsvc.service.imports.bulk import Bulk
from tests.conftest import NOON, eventually
from tests.factories.single_ratings import rating_of

HOUR = timedelta(hours=1)


def rate(database, *rated):
    with unit_of_work(database) as session:
        outcomes = ratings.rate_each(session, rated)
    return [(current.value, current.rated_at, is_new) for current, is_new in outcomes]


def stored_ratings(database, users):
    with reading(database) as session:
        return {user: {row[1:] for row in get_ratings(session, user)} for user in users}


def test_rating_replaces_one_of_clock_that_was_ahead(database):
    ahead = NOON + HOUR
    rate(database, rating_of("ann", value=2, received_at=ahead))

    assert rate(database, rating_of("ann", value=5)) == [(5, ahead, False)]
    later = rating_of("ann", value=3, received_at=NOON + 2 * HOUR)
    assert rate(database, later) == [(3, NOON + 2 * HOUR, False)]


def test_rating_with_older_time_of_client_changes_nothing(database):
    rate(database, rating_of("ann", value=2))

    assert rate(database, rating_of("ann", value=5, rated_at=NOON - HOUR)) == [(2, NOON, False)]


def test_ratings_of_one_pair_are_stored_in_order(database):
    outcomes = rate(
        database,
        rating_of("ann", value=1),
        rating_of("bob", value=2),
        rating_of("ann", value=3, rated_at=NOON - HOUR),
        rating_of("ann", value=4),
    )

    assert outcomes == [(1, NOON, True), (2, NOON, True), (1, NOON, False), (4, NOON, False)]
    assert stored_ratings(database, ["ann", "bob"]) == {
        "ann": {("tea", 4, NOON)},
        "bob": {("tea", 2, NOON)},
    }


def test_ratings_stored_together_equal_ratings_stored_one_by_one(database):
    random = Random(7)
    rated = [
        rating_of(
            f"{random.randrange(8)}",
            f"i{random.randrange(4)}",
            random.randrange(1, 6),
            rated_at=random.choice([None, NOON + random.randrange(-3, 4) * HOUR]),
            received_at=NOON + random.randrange(-1, 2) * HOUR,
        )
        for _ in range(300)
    ]
    alone = [rating._replace(user_id=f"alone-{rating.user_id}") for rating in rated]

    together = [
        outcome for n in range(0, 300, 60) for outcome in rate(database, *rated[n : n + 60])
    ]

    assert together == [rate(database, rating)[0] for rating in alone]
    users = [f"{n}" for n in range(8)]
    expected = stored_ratings(database, [f"alone-{user}" for user in users])
    assert stored_ratings(database, users) == {user: expected[f"alone-{user}"] for user in users}


def test_rating_follows_newer_one_of_another_process_that_commits_meanwhile(database):
    ahead, outcomes = NOON + HOUR, []
    rate(database, rating_of("ann", "other item"), rating_of("bob"))

    def rate_now():
        old = rating_of("ann", value=1, rated_at=NOON)
        outcomes.extend(rate(database, old, rating_of("ann", value=5)))

    with unit_of_work(database) as session:
        ratings.rate_each(session, [rating_of("ann", value=2, rated_at=ahead)])
        other = threading.Thread(target=rate_now)
        other.start()
        eventually(lambda: database.dialect == "sqlite" or is_waiting(database))
    other.join()

    assert outcomes == [(2, ahead, False), (5, ahead, False)]
    assert stored_ratings(database, ["ann"])["ann"] == {
        ("other item", 5, NOON),
        ("tea", 5, ahead),
    }


def is_waiting(database):
    """Return whether a transaction waits for another one."""
    with reading(database) as session:
        return session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))


def add(database, entries, *, now, as_lines=False):
    lines = "\n".join(json.dumps(entry) for entry in entries).encode()
    bulk = Bulk(lines=lines) if as_lines else Bulk(entries=entries)
    with unit_of_work(database) as session:
        return ratings.add_ratings(session, bulk, now=now, scale=None).written


def of_ann(value, item="tea", **others):
    return {"user_id": "ann", "item_id": item, "value": value} | others


@pytest.mark.parametrize("as_lines", [False, True], ids=["json", "ndjson"])
@pytest.mark.parametrize("n_others", [0, 1500], ids=["few", "many"])
def test_add_ratings_replaces_those_of_clock_that_was_set_back(database, as_lines, n_others):
    others = [of_ann(3, f"i{n}") for n in range(n_others)]
    ahead = NOON + timedelta(hours=1)
    add(database, [of_ann(2), of_ann(2, "mug")], now=ahead, as_lines=as_lines)

    dated = of_ann(4, "mug", rated_at=NOON.isoformat())
    written = add(database, [of_ann(5), dated, *others], now=NOON, as_lines=as_lines)

    assert (written.changed, written.outdated, written.added) == (1, 1, n_others)
    with unit_of_work(database) as session:
        stored = {
            one.item_id: (one.value, one.rated_at)
            for one in ratings.list_ratings(session, "ann", limit=2)
        }
    assert stored == {"tea": (5, ahead), "mug": (2, ahead)}


def test_add_ratings_replaces_earlier_rating_of_same_request(database):
    ahead = NOON + timedelta(hours=1)
    entries = [of_ann(2, rated_at=ahead.isoformat()), of_ann(5), of_ann(1, rated_at="2020-01-01")]

    written = add(database, entries, now=NOON)

    assert (written.added, written.changed, written.outdated) == (1, 1, 1)
    late = rating_of("ann", value=1, rated_at=NOON)
    assert rate(database, late) == [(5, ahead, False)]
