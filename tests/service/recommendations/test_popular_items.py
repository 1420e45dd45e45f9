"""Lists without a model: what most was done with, then what is newest, and nothing barred."""

import pytest

from recsvc.db.session import reading, unit_of_work
from recsvc.service.catalog import items as cataloguing
from recsvc.service.feedback import interactions, ratings
from recsvc.service.imports.bulk import Bulk
from recsvc.service.recommendations import popular_items
from recsvc.service.recommendations.popular_items import PopularItems
from tests.conftest import NOON
from tests.factories.single_ratings import rating_of

DESCRIBED = {
    "title": None,
    "categories": [],
    "price": None,
    "available": True,
    "hidden": False,
    "attributes": {},
}


@pytest.fixture
def items(monkeypatch):
    """Popular items that are counted whenever they are asked to."""
    monkeypatch.setattr(popular_items, "MIN_SECONDS_BETWEEN_COUNTS", 0)
    monkeypatch.setattr(popular_items, "COUNTING_SHARE", 1e9)
    return PopularItems()


def count(database, items):
    with reading(database) as session:
        items.count(session)


@pytest.fixture
def shop(database):
    """Item i0 has three ratings, i1 two, i2 a view by each of two users; n0 to n4 have nothing."""
    with unit_of_work(database) as session:
        for item_id, n_raters in (("i0", 3), ("i1", 2)):
            for user in range(n_raters):
                rate(session, f"u{user}", item_id)
        views = [{"user_id": f"u{user}", "item_id": "i2", "type": "view"} for user in range(2)]
        interactions.add_interactions(session, Bulk(views), now=NOON)
        for number in range(5):
            put(session, f"n{number}")
    return database


def rate(session, user_id, item_id):
    ratings.rate_each(session, [rating_of(user_id, item_id, 5)])


def put(session, item_id, **description):
    cataloguing.put_item(session, item_id, DESCRIBED | description, now=NOON)


def recommend_items(database, items, **asked):
    with reading(database) as session:
        return items.recommend(session, **{"n": 500, **asked})


def ids(ranked):
    return [place.item_id for place in ranked.items]


def test_popular_items_are_newest_before_first_count(shop, items):
    assert ids(recommend_items(shop, items)) == ["n4", "n3", "n2", "n1", "n0", "i2", "i1", "i0"]


def test_popular_items_precede_new_items(shop, items):
    count(shop, items)
    ranked = recommend_items(shop, items)

    assert ids(ranked) == ["i0", "i2", "i1", "n4", "n3", "n2", "n1", "n0"]
    assert [place.source for place in ranked.items] == ["popular"] * 3 + ["new"] * 5
    assert [place.score for place in ranked.items] == [3, 2, 2, 0, 0, 0, 0, 0]


def test_popular_items_return_n_or_shortfall(shop, items):
    count(shop, items)
    assert ids(recommend_items(shop, items, n=4)) == ["i0", "i2", "i1", "n4"]
    assert recommend_items(shop, items, n=8).shortfall is None
    assert recommend_items(shop, items, n=10).shortfall.startswith("2 fewer than requested")


def test_popular_items_omit_barred_excluded_and_owned_items(shop, items):
    count(shop, items)
    with unit_of_work(shop) as session:
        put(session, "i0", hidden=True)
        put(session, "n4", available=False)
        done = cataloguing.get_item(session, "i1").key

    ranked = recommend_items(shop, items, owned_keys=[done], exclude=["n3"], n=3)

    assert ids(ranked) == ["i2", "n2", "n1"]


def test_popular_items_follow_catalogue_between_counts(shop, items):
    count(shop, items)
    assert ids(recommend_items(shop, items, n=2)) == ["i0", "i2"]
    with unit_of_work(shop) as session:
        put(session, "i0", available=False)
        put(session, "newest", title="Just in")

    ranked = recommend_items(shop, items, n=4)

    assert ids(ranked) == ["i2", "i1", "newest", "n4"]
    assert ranked.items[2].title == "Just in"


def test_counts_are_renewed_after_minimum_interval(shop, items, monkeypatch):
    count(shop, items)
    with unit_of_work(shop) as session:
        for user in range(4):
            rate(session, f"w{user}", "n0")
    monkeypatch.setattr(popular_items, "MIN_SECONDS_BETWEEN_COUNTS", 1e9)
    count(shop, items)

    assert ids(recommend_items(shop, items, n=1)) == ["n0"]

    with unit_of_work(shop) as session:
        for user in range(8):
            rate(session, f"x{user}", "n1")
    count(shop, items)

    assert ids(recommend_items(shop, items, n=1)) == ["n0"]


def test_popular_items_include_all_items_newer_than_count(shop, items, monkeypatch):
    monkeypatch.setattr(popular_items, "PAGE_SIZE", 3)
    count(shop, items)
    with unit_of_work(shop) as session:
        for number in range(20):
            put(session, f"late{number:02}", hidden=number % 3 == 0)

    assert len(ids(recommend_items(shop, items, n=21))) == 21
    assert recommend_items(shop, items, n=21).shortfall is None


def test_popular_items_read_every_page_of_catalogue(database, items, monkeypatch):
    monkeypatch.setattr(popular_items, "PAGE_SIZE", 7)
    with unit_of_work(database) as session:
        rows = {f"i{n:03}": {**DESCRIBED, "hidden": n % 2 == 1} for n in range(100)}
        cataloguing.put_items(session, rows, now=NOON)

    count(database, items)
    ranked = recommend_items(database, items, n=60)

    assert ids(ranked) == [f"i{n:03}" for n in range(98, -1, -2)]
    assert ranked.shortfall.startswith("10 fewer")


def test_popular_items_of_empty_database_have_shortfall(database, items):
    ranked = recommend_items(database, items, n=10)

    assert ranked.items == []
    assert ranked.shortfall.startswith("10 fewer")
