"""Model versions: cards, publishing, going back."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import select

from recsvc.db.session import reading, unit_of_work
from recsvc.db.tables import Publication
from recsvc.errors import AlreadyPublished
from recsvc.service.models import publishing
from tests.api.conftest import a_version, publish_a_trained_model
from tests.api.routes.catalog.test_users import a_model


@pytest.fixture
def versions(context) -> list[int]:
    sha256 = context.shelf.put(a_model(["u", "v"]))
    with unit_of_work(context.database) as session:
        return [a_version(session, checkpoint_sha256=sha256).version for _ in range(4)]


def published(client) -> list[int]:
    return [
        card["version"] for card in client.get("/v1/models").json()["items"] if card["published"]
    ]


def publish(client, version: int):
    return client.post(f"/v1/models/{version}/publish")


def test_before_the_first_training_there_are_no_models(client):
    assert client.get("/v1/models").json() == {"items": [], "next_cursor": None}


def test_models_are_listed_newest_first_page_by_page(client, versions):
    first = client.get("/v1/models", params={"limit": 3}).json()
    second = client.get("/v1/models", params={"limit": 3, "cursor": first["next_cursor"]}).json()

    assert [card["version"] for card in first["items"]] == [4, 3, 2]
    assert [card["version"] for card in second["items"]] == [1]
    assert second["next_cursor"] is None


@pytest.mark.parametrize(
    "cursor", ["x", "WyJtb2RlbHMi", "é", "W10", "WyJ0cmFpbmluZy1qb2JzIiwzXQ", ""]
)
def test_a_cursor_from_elsewhere_is_refused(client, versions, cursor):
    answer = client.get("/v1/models", params={"cursor": cursor})

    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/invalid-cursor"


def test_a_card_says_what_the_model_was_learned_from(client, versions):
    card = client.get(f"/v1/models/{versions[0]}").json()

    assert card["published"] is False
    assert card["metrics"] == {"validation_nll": 1.2, "validation_rmse": 0.93}
    assert card["snapshot_sha256"] == "e" * 64
    assert card["created_at"] == "2026-06-01T12:00:00Z"
    assert card["links"]["publish"] == "/v1/models/1/publish"


@pytest.mark.parametrize(("version", "status"), [("99", 404), ("0", 422), ("x", 422), (2**63, 422)])
def test_a_version_that_is_not_there_is_a_problem(client, version, status):
    for answer in (client.get(f"/v1/models/{version}"), publish(client, version)):
        assert answer.status_code == status


def test_publishing_switches_what_answers(client, versions):
    assert publish(client, 1).json()["published"] is True
    assert publish(client, 3).json()["published"] is True
    assert published(client) == [3]


def test_publishing_the_published_version_again_is_a_conflict(client, versions):
    publish(client, 2)
    answer = publish(client, 2)

    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/already-published"
    assert published(client) == [2]


def test_a_version_whose_weights_are_gone_cannot_be_published(client, context, versions, now):
    with unit_of_work(context.database) as session:
        publishing.get_model(session, 2).retired_at = now

    answer = publish(client, 2)

    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/version-retired"


def test_a_version_that_cannot_be_read_is_not_published(client, context, versions):
    publish(client, 1)
    with unit_of_work(context.database) as session:
        lost = a_version(session).version

    answer = publish(client, lost)

    assert answer.status_code == 503
    assert answer.json()["type"] == "/problems/model-unreadable"
    assert published(client) == [1]
    assert client.get("/readyz").status_code == 200


def test_a_card_is_not_published_where_this_process_cannot_answer_with_it(
    client, app, context, now
):
    with unit_of_work(context.database) as session:
        publishing.publish(session, a_version(session).version, now=now)
    app.state.model_server.refresh()

    assert published(client) == []
    assert client.get("/readyz").status_code == 503


def test_rolling_back_again_and_again_goes_further_back(client, versions):
    for version in (1, 2, 3):
        publish(client, version)

    seen = [client.post("/v1/models/rollback").json()["version"] for _ in range(2)]
    end = client.post("/v1/models/rollback")

    assert seen == [2, 1]
    assert end.status_code == 409
    assert end.json()["type"] == "/problems/nothing-to-roll-back-to"
    assert published(client) == [1]


def test_after_a_rollback_a_new_publication_comes_back_to_where_it_was_made(client, versions):
    for version in (1, 2):
        publish(client, version)
    client.post("/v1/models/rollback")
    publish(client, 3)

    assert client.post("/v1/models/rollback").json()["version"] == 1


def together(*acts):
    """Do things at the same moment, each in a thread; give their results or errors."""
    barrier = Barrier(len(acts))

    def at_once(act):
        barrier.wait()
        try:
            return act()
        except AlreadyPublished as error:
            return error

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(at_once, acts))


def test_of_two_who_publish_the_same_version_at_once_one_is_told_it_was_there(
    context, versions, now
):
    def publish_it():
        with unit_of_work(context.database) as session:
            return publishing.publish(session, 1, now=now)

    for _ in range(5):
        results = together(publish_it, publish_it)
        assert sum(isinstance(result, AlreadyPublished) for result in results) == 1
        with unit_of_work(context.database) as session:
            publishing.publish(session, 2, now=now)


def test_publications_made_at_once_still_form_one_chain(context, versions, now):
    def publishes(version: int):
        def act():
            with unit_of_work(context.database) as session:
                return publishing.publish(session, version, now=now)

        return act

    together(*map(publishes, versions))

    with reading(context.database) as session:
        chain = session.scalars(select(Publication).order_by(Publication.id)).all()
    assert [p.previous_id for p in chain] == [None, *(p.id for p in chain[:-1])]
    assert sorted(p.version for p in chain) == versions


def test_the_newest_versions_and_the_published_one_are_kept(context, versions, now):
    with unit_of_work(context.database) as session:
        publishing.publish(session, 1, now=now)
        going = publishing.select_for_retirement(session, 2)
        assert [version.version for version in going] == [2]
        going[0].retired_at = now

    with unit_of_work(context.database) as session:
        assert publishing.select_for_retirement(session, 2) == []
        assert publishing.published_version(session).version == 1


@pytest.mark.parametrize(("model_kind", "is_another"), [("joint_rbm", True), ("user_rbm", False)])
def test_the_card_names_the_model_that_was_measured_where_another_one_answers(
    client, context, model_kind, is_another
):
    publish_a_trained_model(client, context, model_kind=model_kind)

    card = client.get("/v1/models/1").json()

    assert (card["judged_sha256"] is not None) == is_another
    assert card["judged_sha256"] != card["checkpoint_sha256"]
