"""Snapshots of the ratings: the same for the same ratings, and of one moment."""

import shutil

import pytest
from sqlalchemy import event

from recsvc.db.session import Database, reading, unit_of_work
from recsvc.rbm import checkpoint
from recsvc.rbm.rating_scale import EVENT_TYPES
from recsvc.service.feedback import ratings
from recsvc.service.training import snapshots
from tests.factories.shop import Shop, two_camps

ODD_IDS = ["a", "B", "é", "Z", "_", "ä", "b/c", "10", "9", "😀", "z"]


def current_snapshot(shop):
    with reading(shop.database) as session:
        return snapshots.read_snapshot(session)


def triples(snapshot):
    return {
        (snapshot.users.ids[user], snapshot.items.ids[item], value)
        for user, item, value in zip(
            snapshot.user_numbers, snapshot.item_numbers, snapshot.values, strict=True
        )
    }


def triples_of(entries):
    return {(entry["user_id"], entry["item_id"], entry["value"]) for entry in entries}


def test_snapshot_has_every_rating(shop):
    assert triples(current_snapshot(shop)) == triples_of(two_camps())


def test_snapshot_bytes_do_not_depend_on_order_of_ratings(shop, migrated_sqlite, tmp_path):
    place = tmp_path / "other.sqlite3"
    shutil.copy(migrated_sqlite, place)
    other = Shop(Database(f"sqlite:///{place}"), tmp_path / "other")
    for entry in reversed(two_camps()):
        other.rate([entry])

    written, again = (checkpoint.write_snapshot(current_snapshot(each)) for each in (shop, other))
    other.database.close()

    assert written == again


def test_snapshot_numbers_ids_by_code_point(database, tmp_path):
    shop = Shop(database, tmp_path)
    entries = [
        {"user_id": user, "item_id": item, "value": place}
        for place, (user, item) in enumerate(zip(ODD_IDS, reversed(ODD_IDS), strict=True))
    ]
    shop.rate(entries)

    snapshot = current_snapshot(shop)

    assert list(snapshot.users.ids) == list(snapshot.items.ids) == sorted(ODD_IDS)
    assert triples(snapshot) == triples_of(entries)


def test_snapshot_omits_users_and_items_without_ratings(shop):
    shop.describe("a-new-one")  # it sorts before all others
    shop.rate([{"user_id": "a-fickle-one", "item_id": "a-new-one", "value": 3}])
    with unit_of_work(shop.database) as session:
        ratings.delete_rating(session, "a-fickle-one", "a-new-one")

    snapshot = current_snapshot(shop)

    assert {"a-fickle-one", "a-new-one"}.isdisjoint(snapshot.users.ids + snapshot.items.ids)
    assert triples(snapshot) == triples_of(two_camps())


def test_snapshot_of_empty_database_is_empty(database, tmp_path):
    snapshot = current_snapshot(Shop(database, tmp_path))

    assert (len(snapshot.users), len(snapshot.items), snapshot.values.size) == (0, 0, 0)
    assert checkpoint.read_snapshot(checkpoint.write_snapshot(snapshot)).values.size == 0


@pytest.mark.parametrize("table", ["user_account", "item"])
def test_snapshot_omits_rating_written_meanwhile(shop, table):
    newest = {"user_id": "a-late-user", "item_id": "a-late-item", "value": 3.0}

    def write_meanwhile(connection, cursor, statement, *rest):
        if f"FROM {table}" in statement and not written:
            written.append(statement)
            shop.rate([newest])

    written = []
    event.listen(shop.database.engine, "after_cursor_execute", write_meanwhile)
    snapshot = current_snapshot(shop)

    assert written
    assert triples(snapshot) == triples_of(two_camps())
    assert triples(current_snapshot(shop)) == triples_of([*two_camps(), newest])


CHOSEN = [
    ("u03", "i01", "purchase"),
    ("u03", "i01", "view"),
    ("Z", "only-viewed", "view"),
    ("a-buyer", "i02", "cart"),
    ("a-buyer", "i02", "purchase"),
]


def events_of(snapshot):
    return [
        (snapshot.users.ids[user], snapshot.items.ids[item], EVENT_TYPES[kind])
        for user, item, kind in zip(
            snapshot.event_users, snapshot.event_items, snapshot.event_types, strict=True
        )
    ]


def test_snapshot_has_each_interaction_type_once_in_order(shop):
    shop.choose(reversed(CHOSEN))
    shop.choose(CHOSEN, hours=1)

    snapshot = current_snapshot(shop)

    order = ("Z", "a-buyer", "u03"), EVENT_TYPES
    assert events_of(snapshot) == sorted(
        CHOSEN, key=lambda event: (order[0].index(event[0]), event[1], order[1].index(event[2]))
    )
    assert {"Z", "a-buyer"} < set(snapshot.users.ids)
    assert "only-viewed" in snapshot.items.ids
    assert triples(snapshot) == triples_of(two_camps())
    read = checkpoint.read_snapshot(checkpoint.write_snapshot(snapshot))
    assert events_of(read) == events_of(snapshot)


def test_snapshot_of_interactions_needs_no_ratings(database, tmp_path):
    shop = Shop(database, tmp_path)
    shop.choose(CHOSEN)

    snapshot = current_snapshot(shop)

    assert sorted(events_of(snapshot)) == sorted(CHOSEN)
    assert (len(snapshot.users), len(snapshot.items), snapshot.values.size) == (3, 3, 0)


def test_training_includes_users_with_interactions_only(shop):
    shop.choose(CHOSEN)

    shop.train()

    assert {"Z", "a-buyer"} < set(shop.model(1).users.ids)


def test_take_snapshot_reads_ratings_once_per_job(shop):
    shop.ask()
    lease = shop.claim()
    snapshot, sha256 = snapshots.take_snapshot(shop.context, lease, shop.job(1))
    shop.rate(two_camps(first_user=12))

    again, same = snapshots.take_snapshot(shop.context, lease, shop.job(1))

    assert shop.job(1).snapshot_sha256 == sha256 == same
    assert triples(again) == triples(snapshot) == triples_of(two_camps())
