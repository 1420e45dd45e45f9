"""The catalogue in the database."""

from datetime import UTC, datetime, timedelta

from recsvc.db.catalog import items
from recsvc.db.feedback import ratings
from recsvc.db.session import unit_of_work
from tests.db.feedback.test_ratings import batch_of

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def describing(**known: object) -> dict[str, object]:
    nothing = {
        "title": None,
        "categories": [],
        "price": None,
        "available": True,
        "hidden": False,
        "attributes": {},
    }
    return nothing | known


def test_put_replaces_fields_and_counts_new_items(database):
    with unit_of_work(database) as session:
        first = items.put(session, {"a": describing(title="A", price=2.5)}, now=NOON)
        both = {"b": describing(categories=["x", "y"]), "a": describing(attributes={"n": [1]})}
        second = items.put(session, both, now=NOON)
        a, b = items.get(session, "a"), items.get(session, "b")

    assert (first, second) == (1, 1)
    assert (a.title, a.price, a.attributes) == (None, None, {"n": [1]})
    assert (b.categories, b.available, b.hidden) == (["x", "y"], True, False)


def test_catalogue_state_changes_with_every_write_at_any_clock_time(database):
    seen = []
    with unit_of_work(database) as session:
        seen.append(items.catalogue_state(session))
        for now in (NOON, NOON, NOON - timedelta(days=1)):
            items.put(session, {"a": describing(title=str(len(seen)))}, now=now)
            seen.append(items.catalogue_state(session))
        early = NOON - timedelta(days=9)
        ratings.write(session, batch_of([("u", "rated", 3.0, 1)]), now=early)
        seen.append(items.catalogue_state(session))

    assert len(set(seen)) == len(seen)
    assert items.CatalogueState(None, 0) == seen[0]


def test_item_pages_are_in_order_of_creation(database):
    with unit_of_work(database) as session:
        for name in ("z", "m", "a"):
            items.put(session, {name: describing()}, now=NOON)
        first = items.page(session, after=0, limit=2)
        rest = items.page(session, after=first[-1].key, limit=2)

        assert [item.item_id for item in (*first, *rest)] == ["z", "m", "a"]
        assert items.count_items(session) == 3
