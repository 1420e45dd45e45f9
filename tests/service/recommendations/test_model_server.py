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


def listed(server, user_id="nobody", n=30):
    answering = server.require_model()
    known = UserHistory.from_store(answering, server.histories.read(user_id))
    return recommend(answering, user_id, known, n=n).items


def titles(server):
    return {place.item_id: place.title for place in listed(server)}


def test_before_anything_is_published_there_is_no_answer_and_no_trouble(shop, server):
    shop.train(publish="never")
    server.refresh()

    assert server.load_error is None
    with pytest.raises(NoModelPublished):
        server.require_model()


def test_what_is_published_answers_after_one_look(shop, server):
    shop.train()
    server.refresh()

    answering = server.require_model()
    assert answering.version == 1
    assert answering.model.params.sha256() == shop.card(1).weights_sha256
    assert len(listed(server, "u03")) == 2  # ten of twelve are rated


def test_a_newly_published_version_and_then_the_one_before_it_answer(shop, server):
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
def test_what_was_taken_to_answer_from_goes_on_answering_after_the_swap(shop, server):
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
def test_looking_again_loads_nothing_again(shop, server):
    shop.train()
    server.refresh()
    first = server.require_model()
    shop.context.shelf.remove(shop.card(1).checkpoint_sha256)
    server.refresh()

    assert server.require_model() is first
    assert server.load_error is None


def test_the_published_version_published_anew_is_not_loaded_anew(shop, server):
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
def test_a_version_that_cannot_be_read_leaves_the_one_before_it_answering(shop, server, damage):
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
def test_where_there_is_none_before_it_every_answer_says_why(shop, server, damage):
    shop.train()
    sha256 = shop.card(1).checkpoint_sha256
    DAMAGES[damage](shop, sha256)
    server.refresh()

    with pytest.raises(ModelUnreadable, match=sha256):
        server.require_model()


@on_sqlite
def test_going_back_ends_the_trouble(shop, server):
    shop.train()
    server.refresh()
    shop.train(seed=2, publish="always")
    shop.spoil(shop.card(2).checkpoint_sha256)
    server.refresh()
    shop.rollback()
    server.refresh()

    assert (server.require_model().version, server.load_error) == (1, None)


@on_sqlite
def test_no_error_ends_the_looking(shop, server):
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


def test_a_changed_catalogue_shows_after_one_look(shop, server):
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


def test_looking_at_a_catalogue_that_has_not_changed_reads_no_item(shop, server):
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


def test_an_item_made_by_a_rating_shows_after_one_look(shop, server):
    shop.train()
    server.refresh()
    shop.rate([{"user_id": "u00", "item_id": "just-rated", "value": 5}])
    server.refresh()

    assert "just-rated" in titles(server)
    assert "just-rated" not in {place.item_id for place in listed(server, "u00")}


def test_a_version_that_knows_the_new_items_takes_the_whole_catalogue(shop, server):
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
def test_an_item_oriented_version_is_loaded_like_any_other(shop, server):
    shop.train(model_kind="item_rbm")
    server.refresh()

    assert server.load_error is None
    assert {place.source for place in listed(server, "u03")} == {"model"}
    assert {place.source for place in listed(server, "nobody")} == {"popular"}


def test_a_started_process_notices_by_itself_and_stops_when_told(shop):
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


def test_a_process_looks_often_enough_to_notice_within_a_second():
    assert REFRESH_SECONDS < 1


def test_a_process_that_was_never_started_can_be_stopped(shop):
    ModelServer(shop.context).stop()
