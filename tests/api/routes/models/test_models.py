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


def published_versions(client) -> list[int]:
    return [
        card["version"] for card in client.get("/v1/models").json()["items"] if card["published"]
    ]


def publish(client, version: int):
    return client.post(f"/v1/models/{version}/publish", json={})


def test_models_list_is_empty_before_first_training(client):
    assert client.get("/v1/models").json() == {"items": [], "next_cursor": None}


def test_models_are_listed_newest_first_by_page(client, versions):
    first = client.get("/v1/models", params={"limit": 3}).json()
    second = client.get("/v1/models", params={"limit": 3, "cursor": first["next_cursor"]}).json()

    assert [card["version"] for card in first["items"]] == [4, 3, 2]
    assert [card["version"] for card in second["items"]] == [1]
    assert second["next_cursor"] is None


@pytest.mark.parametrize(
    "cursor", ["x", "WyJtb2RlbHMi", "é", "W10", "WyJ0cmFpbmluZy1qb2JzIiwzXQ", ""]
)
def test_models_list_refuses_invalid_cursor(client, versions, cursor):
    answer = client.get("/v1/models", params={"cursor": cursor})

    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/invalid-cursor"


def test_model_card_has_metrics_and_snapshot(client, versions):
    card = client.get(f"/v1/models/{versions[0]}").json()

    assert card["published"] is False
    assert card["metrics"] == {"validation_nll": 1.2, "validation_rmse": 0.93}
    assert card["snapshot_sha256"] == "e" * 64
    assert card["created_at"] == "2026-06-01T12:00:00Z"
    assert card["links"]["publish"] == "/v1/models/1/publish"


@pytest.mark.parametrize(("version", "status"), [("99", 404), ("0", 422), ("x", 422), (2**63, 422)])
def test_model_endpoints_refuse_unknown_version(client, version, status):
    for answer in (client.get(f"/v1/models/{version}"), publish(client, version)):
        assert answer.status_code == status


def test_publish_replaces_published_version(client, versions):
    assert publish(client, 1).json()["published"] is True
    assert publish(client, 3).json()["published"] is True
    assert published_versions(client) == [3]


def test_publish_of_published_version_responds_409(client, versions):
    publish(client, 2)
    answer = publish(client, 2)

    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/already-published"
    assert published_versions(client) == [2]


def test_publish_of_retired_version_responds_409(client, context, versions, now):
    with unit_of_work(context.database) as session:
        publishing.get_model(session, 2).retired_at = now

    answer = publish(client, 2)

    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/version-retired"


def test_publish_of_unreadable_version_responds_503(client, context, versions):
    publish(client, 1)
    with unit_of_work(context.database) as session:
        lost = a_version(session).version

    answer = publish(client, lost)

    assert answer.status_code == 503
    assert answer.json()["type"] == "/problems/model-unreadable"
    assert published_versions(client) == [1]
    assert client.get("/readyz").status_code == 200


def test_model_is_unpublished_when_process_cannot_load_its_version(client, app, context, now):
    with unit_of_work(context.database) as session:
        publishing.publish(session, a_version(session).version, now=now)
    app.state.model_server.refresh()

    assert published_versions(client) == []
    assert client.get("/readyz").status_code == 503


def test_rollback_returns_to_previous_publication_each_time(client, versions):
    for version in (1, 2, 3):
        publish(client, version)

    seen = [client.post("/v1/models/rollback", json={}).json()["version"] for _ in range(2)]
    end = client.post("/v1/models/rollback", json={})

    assert seen == [2, 1]
    assert end.status_code == 409
    assert end.json()["type"] == "/problems/nothing-to-roll-back-to"
    assert published_versions(client) == [1]


def test_rollback_after_new_publication_returns_to_version_before(client, versions):
    for version in (1, 2):
        publish(client, version)
    client.post("/v1/models/rollback", json={})
    publish(client, 3)

    assert client.post("/v1/models/rollback", json={}).json()["version"] == 1


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


def test_concurrent_publish_raises_already_published_once(context, versions, now):
    def publish_it():
        with unit_of_work(context.database) as session:
            return publishing.publish(session, 1, now=now)

    for _ in range(5):
        results = together(publish_it, publish_it)
        assert sum(isinstance(result, AlreadyPublished) for result in results) == 1
        with unit_of_work(context.database) as session:
            publishing.publish(session, 2, now=now)


def test_concurrent_publications_form_one_chain(context, versions, now):
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


def test_retirement_keeps_newest_and_published_versions(context, versions, now):
    with unit_of_work(context.database) as session:
        publishing.publish(session, 1, now=now)
        going = publishing.select_for_retirement(session, 2)
        assert [version.version for version in going] == [2]
        going[0].retired_at = now

    with unit_of_work(context.database) as session:
        assert publishing.select_for_retirement(session, 2) == []
        assert publishing.published_version(session).version == 1


@pytest.mark.parametrize(("model_kind", "is_another"), [("joint_rbm", True), ("user_rbm", False)])
def test_model_card_has_judged_sha256_when_evaluated_model_differs(
    client, context, model_kind, is_another
):
    publish_a_trained_model(client, context, model_kind=model_kind)

    card = client.get("/v1/models/1").json()

    assert (card["judged_sha256"] is not None) == is_another
    assert card["judged_sha256"] != card["checkpoint_sha256"]
