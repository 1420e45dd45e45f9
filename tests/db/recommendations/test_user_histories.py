"""What an API process reads for every request."""

import threading
from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import create_engine, text

from recsvc.db.feedback import interactions
from recsvc.db.recommendations.user_histories import PURCHASE, UserHistories, catalogue_rows
from recsvc.db.session import Database, reading, unit_of_work
from recsvc.db.tables import InteractionType
from recsvc.errors import DatabaseUnavailable
from recsvc.rbm.rating_scale import EVENT_TYPES
from recsvc.service.catalog import items
from recsvc.service.feedback import ratings
from tests.conftest import NOON, PATIENCE_SECONDS, eventually
from tests.db.feedback import test_interactions
from tests.factories.single_ratings import rating_of

WAIT_MS = 1000 * PATIENCE_SECONDS
VIEW = list(InteractionType).index(InteractionType.VIEW)


@pytest.fixture
def histories(database):
    histories = UserHistories(database)
    yield histories
    histories.close()


def rate(database, user_id, **values):
    with unit_of_work(database) as session:
        for item_id, value in values.items():
            ratings.rate_each(session, [rating_of(user_id, item_id, value)])


def do(database, rows):
    with unit_of_work(database) as session:
        interactions.write(session, test_interactions.batch_of(rows), now=NOON)


def describe(database, item_id, now, **known):
    description = {
        "title": None,
        "categories": [],
        "price": None,
        "available": True,
        "hidden": False,
        "attributes": {},
    }
    with unit_of_work(database) as session:
        items.put_item(session, item_id, {**description, **known}, now=now)


def connections(histories) -> int:
    """How many connections of a Histories the server has, PostgreSQL."""
    with reading(histories._database) as session:
        own = "datname = current_database() AND pid <> pg_backend_pid()"
        return session.execute(
            text(f"SELECT count(*) FROM pg_stat_activity WHERE {own} AND query LIKE '%item_key%'")
        ).scalar_one()


def is_postgresql(database) -> bool:
    return database.dialect == "postgresql"


def ratings_of(user_id, histories):
    history = histories.read(user_id)
    return dict(zip(history.rated_keys.tolist(), history.values.tolist(), strict=True))


def test_user_history_has_ratings_by_item(database, histories):
    rate(database, "u", b=2, a=5, c=3.5)
    rate(database, "v", a=1)

    assert ratings_of("u", histories) == {1: 2, 2: 5, 3: 3.5}
    assert ratings_of("v", histories) == {2: 1}


def test_user_history_has_newest_rating_at_once(database, histories):
    rate(database, "u", a=1)
    before = ratings_of("u", histories)
    rate(database, "u", a=4, b=2)

    assert (before, ratings_of("u", histories)) == ({1: 1}, {1: 4, 2: 2})


def test_user_history_has_each_type_of_interaction_once(database, histories):
    rate(database, "u", a=2, b=5)
    rate(database, "v", a=1)
    do(database, [("u", "a", "view", 1, 1), ("u", "a", "view", 2, 1), ("u", "c", "view", 1, 1)])
    do(database, [("u", "c", "purchase", 3, 2), ("v", "c", "cart", 1, 1)])

    history = histories.read("u")

    assert ratings_of("u", histories) == {1: 2, 2: 5}
    done = zip(history.event_keys.tolist(), history.event_types.tolist(), strict=True)
    assert sorted(done) == [(1, VIEW), (3, VIEW), (3, PURCHASE)]
    assert history.purchase_keys().tolist() == [3]
    assert history.event_keys.dtype == history.rated_keys.dtype == np.int64


@pytest.mark.parametrize("user_id", ["nobody", "only-rated", "only-bought"])
def test_user_history_may_have_ratings_or_interactions_only(database, histories, user_id):
    rate(database, "only-rated", a=1)
    do(database, [("only-bought", "b", "purchase", 1, 1)])

    history = histories.read(user_id)

    assert history.rated_keys.size == history.values.size == (user_id == "only-rated")
    assert history.event_keys.size == history.event_types.size == (user_id == "only-bought")


def test_interaction_types_equal_those_of_model():
    assert [kind.value for kind in InteractionType] == list(EVENT_TYPES)


@pytest.mark.parametrize("user_id", ["nobody", "' OR 1=1 --", "%s", "?", "é/😀"])
def test_user_history_of_unknown_user_is_empty(database, histories, user_id):
    rate(database, "u", a=1)

    assert histories.read(user_id).rated_keys.size == 0


def test_user_histories_reuse_connection(database, histories):
    for _ in range(20):
        histories.read("u")

    assert len(histories._idle) == 1
    if is_postgresql(database):
        assert connections(histories) == 1


def test_user_histories_reuse_connection_across_threads(database, histories):
    """A web server's threads end when idle; each new one must not cost a connection."""
    for _ in range(12):
        thread = threading.Thread(target=histories.read, args=("u",))
        thread.start()
        thread.join()

    assert len(histories._idle) == 1
    if is_postgresql(database):
        assert connections(histories) == 1


def test_user_histories_can_be_read_by_many_threads(database, histories):
    for user in range(8):
        rate(database, f"u{user}", **{f"i{item}": user + item for item in range(1, 6)})
    wrong = []

    def read_again_and_again(user):
        seen = [sorted(ratings_of(f"u{user}", histories).values()) for _ in range(50)]
        if seen != [[user + item for item in range(1, 6)]] * 50:
            wrong.append(user)

    threads = [threading.Thread(target=read_again_and_again, args=(user,)) for user in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert len(histories._idle) <= 8


def test_user_histories_replace_closed_connections(database, histories):
    rate(database, "u", a=1)
    threads = [threading.Thread(target=histories.read, args=("u",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if is_postgresql(database):
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        terminated = f"SELECT pg_terminate_backend(pid, {WAIT_MS}) FROM pg_stat_activity"
        with unit_of_work(database) as session:
            assert all(session.scalars(text(f"{terminated} WHERE {others}")))
    else:
        for connection in histories._idle:
            connection.close()

    assert [ratings_of("u", histories) for _ in range(5)] == [{1: 1}] * 5


def test_user_histories_raise_database_unavailable_without_table(database_url):
    database = Database(database_url)
    histories = UserHistories(database)
    histories.read("u")
    with unit_of_work(database) as session:
        session.execute(text("ALTER TABLE rating RENAME TO elsewhere"))

    with pytest.raises(DatabaseUnavailable, match="The database does not respond"):
        histories.read("u")

    with unit_of_work(database) as session:
        session.execute(text("ALTER TABLE elsewhere RENAME TO rating"))
    assert ratings_of("u", histories) == {}
    histories.close()
    database.close()


def test_user_histories_raise_database_unavailable_without_server(tmp_path):
    database = Database(f"postgresql:///nothing?host={tmp_path}")

    with pytest.raises(DatabaseUnavailable):
        UserHistories(database).read("u")
    database.close()


def test_user_histories_reconnect_after_close(database_url):
    database = Database(database_url)
    histories = UserHistories(database)
    histories.read("u")
    histories.close()
    histories.close()
    assert histories._idle == []
    database.close()
    if is_postgresql(database):
        alone = create_engine(database_url)
        with alone.connect() as connection:
            others = "datname = current_database() AND pid <> pg_backend_pid()"
            query = text(f"SELECT count(*) FROM pg_stat_activity WHERE {others}")
            # a server takes a moment to see a client go
            eventually(lambda: connection.execute(query).scalar_one() == 0)
        alone.dispose()

    assert ratings_of("u", histories) == {}
    histories.close()


def test_catalogue_rows_have_title_and_availability_of_each_item(database):
    rate(database, "u", rated=3)
    describe(database, "titled", NOON, title="A title")
    describe(database, "hidden", NOON, hidden=True)
    describe(database, "sold-out", NOON, available=False)

    with reading(database) as session:
        rows = catalogue_rows(session)

    assert [(row.key, row.item_id, row.title, row.is_barred) for row in rows] == [
        (1, "rated", None, False),
        (2, "titled", "A title", False),
        (3, "hidden", None, True),
        (4, "sold-out", None, True),
    ]


def test_catalogue_rows_since_time_are_changed_items(database):
    for minute, item_id in enumerate(("early", "middle", "late")):
        describe(database, item_id, NOON + timedelta(minutes=minute))

    with reading(database) as session:
        rows = catalogue_rows(session, since=NOON + timedelta(minutes=1))

    assert [row.item_id for row in rows] == ["middle", "late"]
    assert rows[0].updated_at == NOON + timedelta(minutes=1)
