"""A process keeps answering from the version that is published."""

import threading

import pytest
from sqlalchemy import event

from recsvc.errors import ModelUnreadable, NoModelPublished
from recsvc.service.recommendations.model_server import LOOK_SECONDS, Serving
from recsvc.service.recommendations.recommend import Known, recommend
from tests.conftest import eventually, on_sqlite
from tests.factories.shop import two_camps


@pytest.fixture
def serving(shop):
    serving = Serving(shop.context)
    yield serving
    serving.stop()


def listed(serving, user_id="nobody", n=30):
    answering = serving.answering()
    known = Known.stored(answering, serving.histories.read(user_id))
    return recommend(answering, user_id, known, n=n).items


def titles(serving):
    return {place.item_id: place.title for place in listed(serving)}


def test_before_anything_is_published_there_is_no_answer_and_no_trouble(shop, serving):
    shop.train(publish="never")
    serving.look()

    assert serving.trouble is None
    with pytest.raises(NoModelPublished):
        serving.answering()


def test_what_is_published_answers_after_one_look(shop, serving):
    shop.train()
    serving.look()

    answering = serving.answering()
    assert answering.version == 1
    assert answering.model.params.sha256() == shop.card(1).weights_sha256
    assert len(listed(serving, "u03")) == 2  # ten of twelve are rated


def test_a_newly_published_version_and_then_the_one_before_it_answer(shop, serving):
    shop.train()
    shop.train(seed=2, publish="always")
    serving.look()
    second = serving.answering()
    shop.rollback()
    serving.look()
    first = serving.answering()
    shop.publish(2)
    serving.look()

    assert [second.version, first.version, serving.answering().version] == [2, 1, 2]
    assert first.model.params.sha256() == shop.card(1).weights_sha256


@on_sqlite
def test_what_was_taken_to_answer_from_goes_on_answering_after_the_swap(shop, serving):
    shop.train()
    serving.look()
    taken = serving.answering()
    before = recommend(taken, None, Known.given(taken, {}), n=5)
    shop.rate(two_camps(first_user=12))
    shop.train(publish="always")
    serving.look()
    shop.context.shelf.remove(shop.card(1).checkpoint_sha256)

    assert recommend(taken, None, Known.given(taken, {}), n=5) == before


@on_sqlite
def test_looking_again_loads_nothing_again(shop, serving):
    shop.train()
    serving.look()
    first = serving.answering()
    shop.context.shelf.remove(shop.card(1).checkpoint_sha256)
    serving.look()

    assert serving.answering() is first
    assert serving.trouble is None


def test_the_published_version_published_anew_is_not_loaded_anew(shop, serving):
    shop.train()
    shop.train(seed=2, publish="never")
    serving.look()
    first = serving.answering()
    shop.publish(2)
    shop.rollback()  # before anybody looked
    serving.look()

    again = serving.answering()
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
def test_a_version_that_cannot_be_read_leaves_the_one_before_it_answering(shop, serving, damage):
    shop.train()
    serving.look()
    shop.train(seed=2, publish="always")
    sha256 = shop.card(2).checkpoint_sha256
    whole = shop.place(sha256).read_bytes()
    DAMAGES[damage](shop, sha256)
    serving.look()

    assert serving.answering().version == 1
    assert sha256 in serving.trouble

    shop.place(sha256).write_bytes(whole)
    serving.look()
    assert serving.answering().version == 2
    assert serving.trouble is None


@on_sqlite
@pytest.mark.parametrize("damage", DAMAGES)
def test_where_there_is_none_before_it_every_answer_says_why(shop, serving, damage):
    shop.train()
    sha256 = shop.card(1).checkpoint_sha256
    DAMAGES[damage](shop, sha256)
    serving.look()

    with pytest.raises(ModelUnreadable, match=sha256):
        serving.answering()


@on_sqlite
def test_going_back_ends_the_trouble(shop, serving):
    shop.train()
    serving.look()
    shop.train(seed=2, publish="always")
    shop.spoil(shop.card(2).checkpoint_sha256)
    serving.look()
    shop.rollback()
    serving.look()

    assert (serving.answering().version, serving.trouble) == (1, None)


@on_sqlite
def test_no_error_ends_the_looking(shop, serving):
    shop.train()
    serving.start()
    shop.train(seed=2, publish="never")
    sha256 = shop.card(2).checkpoint_sha256
    whole = shop.place(sha256).read_bytes()
    to_a_folder(shop, sha256)
    shop.publish(2)
    eventually(lambda: serving.trouble is not None)

    shop.place(sha256).rmdir()
    shop.place(sha256).write_bytes(whole)
    eventually(lambda: serving.answering().version == 2)


def test_a_changed_catalogue_shows_after_one_look(shop, serving):
    shop.train()
    serving.look()
    shop.describe("i03", title="Third")
    shop.describe("i04", hidden=True)
    shop.describe("i05", available=False)
    shop.describe("brand-new", title="New")
    serving.look()

    shown = titles(serving)
    assert shown["i03"] == "Third"
    assert shown["brand-new"] == "New"
    assert shown.keys() == {f"i{n:02}" for n in range(12) if n not in (4, 5)} | {"brand-new"}

    shop.describe("i03")
    shop.describe("i04", title="Back")
    shop.describe("brand-new", hidden=True)
    serving.look()
    shown = titles(serving)
    assert (shown["i03"], shown["i04"]) == (None, "Back")
    assert not shown.keys() & {"brand-new", "i05"}


def test_looking_at_a_catalogue_that_has_not_changed_reads_no_item(shop, serving):
    shop.train()
    serving.look()
    read = []
    event.listen(shop.database.engine, "after_cursor_execute", lambda *told: read.append(told[2]))

    serving.look()
    unchanged = [statement for statement in read if "item.title" in statement]
    shop.describe("i03", title="Third")
    read.clear()
    serving.look()

    assert unchanged == []
    assert len([statement for statement in read if "item.title" in statement]) == 1


def test_an_item_made_by_a_rating_shows_after_one_look(shop, serving):
    shop.train()
    serving.look()
    shop.rate([{"user_id": "u00", "item_id": "just-rated", "value": 5}])
    serving.look()

    assert "just-rated" in titles(serving)
    assert "just-rated" not in {place.item_id for place in listed(serving, "u00")}


def test_a_version_that_knows_the_new_items_takes_the_whole_catalogue(shop, serving):
    shop.describe("i03", title="Third")
    shop.train()
    serving.look()
    shop.rate({**entry, "item_id": "x" + entry["item_id"]} for entry in two_camps())
    shop.describe("i04", hidden=True)
    shop.train(publish="always")
    serving.look()

    shown = titles(serving)
    assert serving.answering().version == 2
    assert (shown["i03"], "i04" in shown, len(shown)) == ("Third", False, 23)


@on_sqlite
def test_an_item_oriented_version_is_loaded_like_any_other(shop, serving):
    shop.train(model_kind="item_rbm")
    serving.look()

    assert serving.trouble is None
    assert {place.source for place in listed(serving, "u03")} == {"model"}
    assert {place.source for place in listed(serving, "nobody")} == {"popular"}


def test_a_started_process_notices_by_itself_and_stops_when_told(shop):
    shop.train()
    before = set(threading.enumerate())
    serving = Serving(shop.context)
    serving.start()
    try:
        assert serving.answering().version == 1
        shop.train(seed=2, publish="always")
        eventually(lambda: serving.answering().version == 2)
        started = {thread.name for thread in set(threading.enumerate()) - before}
    finally:
        serving.stop()

    assert "serving" in started
    assert "serving" not in {thread.name for thread in set(threading.enumerate()) - before}


def test_a_process_looks_often_enough_to_notice_within_a_second():
    assert LOOK_SECONDS < 1


def test_a_process_that_was_never_started_can_be_stopped(shop):
    Serving(shop.context).stop()
