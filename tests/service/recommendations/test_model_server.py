"""A process keeps answering from the version that is published."""

import threading

import pytest
from sqlalchemy import event

from recsvc.errors import ModelUnreadable, NoModelPublished
from recsvc.service.recommendations.model_server import REFRESH_SECONDS, ModelServer
from recsvc.service.recommendations.recommend import recommend
from recsvc.service.recommendations.user_history import AnonymousHistory, UserHistory
from tests.conftest import eventually, on_sqlite
from tests.factories.shop import two_camps


@pytest.fixture
def server(shop):
    server = ModelServer(shop.context)
    yield server
    server.stop()


def recommend_to(server, user_id="nobody", n=30):
    answering = server.require_model()
    known = UserHistory.from_store(answering, server.histories.read(user_id))
    return recommend(answering, user_id, known, n=n).items


def titles(server):
    return {place.item_id: place.title for place in recommend_to(server)}


def test_model_server_raises_no_model_published_before_publication(shop, server):
    shop.train(publish="never")
    server.refresh()

    assert server.load_error is None
    with pytest.raises(NoModelPublished):
        server.require_model()


def test_refresh_loads_published_version(shop, server):
    shop.train()
    server.refresh()

    answering = server.require_model()
    assert answering.version == 1
    assert answering.model.params.sha256() == shop.card(1).weights_sha256
    assert len(recommend_to(server, "u03")) == 2  # ten of twelve are rated


def test_refresh_follows_publication_and_rollback(shop, server):
    shop.train()
    shop.train(seed=2, publish="always")
    server.refresh()
    second = server.require_model()
    shop.rollback()
    server.refresh()
    first = server.require_model()
    shop.publish(2)
    server.refresh()

    assert [second.version, first.version, server.require_model().version] == [2, 1, 2]
    assert first.model.params.sha256() == shop.card(1).weights_sha256


@on_sqlite
def test_replaced_model_continues_to_recommend(shop, server):
    shop.train()
    server.refresh()
    taken = server.require_model()
    before = recommend(taken, None, UserHistory.from_request(taken, AnonymousHistory({})), n=5)
    shop.rate(two_camps(first_user=12))
    shop.train(publish="always")
    server.refresh()
    shop.context.shelf.remove(shop.card(1).checkpoint_sha256)

    assert (
        recommend(taken, None, UserHistory.from_request(taken, AnonymousHistory({})), n=5) == before
    )


@on_sqlite
def test_refresh_keeps_loaded_model(shop, server):
    shop.train()
    server.refresh()
    first = server.require_model()
    shop.context.shelf.remove(shop.card(1).checkpoint_sha256)
    server.refresh()

    assert server.require_model() is first
    assert server.load_error is None


def test_refresh_keeps_model_when_same_version_is_published_again(shop, server):
    shop.train()
    shop.train(seed=2, publish="never")
    server.refresh()
    first = server.require_model()
    shop.publish(2)
    shop.rollback()  # before anybody looked
    server.refresh()

    again = server.require_model()
    assert (again.version, again.model) == (1, first.model)
    assert again.publication_id > first.publication_id


def to_a_folder(shop, sha256):
    shop.context.shelf.remove(sha256)
    shop.place(sha256).mkdir()


DAMAGES = {
    "corrupt": lambda shop, sha256: shop.spoil(sha256),
    "missing": lambda shop, sha256: shop.context.shelf.remove(sha256),
}


@on_sqlite
@pytest.mark.parametrize("damage", DAMAGES)
def test_unreadable_version_leaves_previous_model_loaded(shop, server, damage):
    shop.train()
    server.refresh()
    shop.train(seed=2, publish="always")
    sha256 = shop.card(2).checkpoint_sha256
    whole = shop.place(sha256).read_bytes()
    DAMAGES[damage](shop, sha256)
    server.refresh()

    assert server.require_model().version == 1
    assert sha256 in server.load_error

    shop.place(sha256).write_bytes(whole)
    server.refresh()
    assert server.require_model().version == 2
    assert server.load_error is None


@on_sqlite
@pytest.mark.parametrize("damage", DAMAGES)
def test_unreadable_version_raises_model_unreadable_without_previous_model(shop, server, damage):
    shop.train()
    sha256 = shop.card(1).checkpoint_sha256
    DAMAGES[damage](shop, sha256)
    server.refresh()

    with pytest.raises(ModelUnreadable, match=sha256):
        server.require_model()


@on_sqlite
def test_rollback_clears_load_error(shop, server):
    shop.train()
    server.refresh()
    shop.train(seed=2, publish="always")
    shop.spoil(shop.card(2).checkpoint_sha256)
    server.refresh()
    shop.rollback()
    server.refresh()

    assert (server.require_model().version, server.load_error) == (1, None)


@on_sqlite
def test_refresh_thread_survives_load_errors(shop, server):
    shop.train()
    server.start()
    shop.train(seed=2, publish="never")
    sha256 = shop.card(2).checkpoint_sha256
    whole = shop.place(sha256).read_bytes()
    to_a_folder(shop, sha256)
    shop.publish(2)
    eventually(lambda: server.load_error is not None)

    shop.place(sha256).rmdir()
    shop.place(sha256).write_bytes(whole)
    eventually(lambda: server.require_model().version == 2)


def test_refresh_reads_changed_catalogue(shop, server):
    shop.train()
    server.refresh()
    shop.describe("i03", title="Third")
    shop.describe("i04", hidden=True)
    shop.describe("i05", available=False)
    shop.describe("brand-new", title="New")
    server.refresh()

    shown = titles(server)
    assert shown["i03"] == "Third"
    assert shown["brand-new"] == "New"
    assert shown.keys() == {f"i{n:02}" for n in range(12) if n not in (4, 5)} | {"brand-new"}

    shop.describe("i03")
    shop.describe("i04", title="Back")
    shop.describe("brand-new", hidden=True)
    server.refresh()
    shown = titles(server)
    assert (shown["i03"], shown["i04"]) == (None, "Back")
    assert not shown.keys() & {"brand-new", "i05"}


def test_refresh_reads_no_item_of_unchanged_catalogue(shop, server):
    shop.train()
    server.refresh()
    read = []
    event.listen(shop.database.engine, "after_cursor_execute", lambda *told: read.append(told[2]))

    server.refresh()
    unchanged = [statement for statement in read if "item.title" in statement]
    shop.describe("i03", title="Third")
    read.clear()
    server.refresh()

    assert unchanged == []
    assert len([statement for statement in read if "item.title" in statement]) == 1


def test_refresh_reads_item_created_by_rating(shop, server):
    shop.train()
    server.refresh()
    shop.rate([{"user_id": "u00", "item_id": "just-rated", "value": 5}])
    server.refresh()

    assert "just-rated" in titles(server)
    assert "just-rated" not in {place.item_id for place in recommend_to(server, "u00")}


def test_refresh_reads_whole_catalogue_for_new_version(shop, server):
    shop.describe("i03", title="Third")
    shop.train()
    server.refresh()
    shop.rate({**entry, "item_id": "x" + entry["item_id"]} for entry in two_camps())
    shop.describe("i04", hidden=True)
    shop.train(publish="always")
    server.refresh()

    shown = titles(server)
    assert server.require_model().version == 2
    assert (shown["i03"], "i04" in shown, len(shown)) == ("Third", False, 23)


@on_sqlite
def test_refresh_loads_item_rbm(shop, server):
    shop.train(model_kind="item_rbm")
    server.refresh()

    assert server.load_error is None
    assert {place.source for place in recommend_to(server, "u03")} == {"model"}
    assert {place.source for place in recommend_to(server, "nobody")} == {"popular"}


def test_model_server_thread_follows_publications_and_stops(shop):
    shop.train()
    before = set(threading.enumerate())
    server = ModelServer(shop.context)
    server.start()
    try:
        assert server.require_model().version == 1
        shop.train(seed=2, publish="always")
        eventually(lambda: server.require_model().version == 2)
        started = {thread.name for thread in set(threading.enumerate()) - before}
    finally:
        server.stop()

    assert "model-server" in started
    assert "model-server" not in {thread.name for thread in set(threading.enumerate()) - before}


def test_refresh_interval_is_below_a_second():
    assert REFRESH_SECONDS < 1


def test_model_server_can_be_stopped_before_start(shop):
    ModelServer(shop.context).stop()
