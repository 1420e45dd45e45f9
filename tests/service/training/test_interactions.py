"""Views, carts and purchases as something to learn from, beside ratings and without any."""

import numpy as np
import pytest

from recsvc.db.session import reading
from recsvc.rbm.rating_scale import RatingScale
from recsvc.service.recommendations.model_server import ModelServer
from recsvc.service.recommendations.published_model import PublishedModel
from recsvc.service.recommendations.recommend import predict, recommend
from recsvc.service.recommendations.user_history import AnonymousHistory, UserHistory
from recsvc.service.training import snapshots
from tests.conftest import on_sqlite
from tests.factories.shop import Shop, two_camps

STARS = (1.0, 5.0)
LEARNING = {"epochs": 40, "n_hidden": 8, "learning_rate": 0.02}


def purchases(n: int = 12) -> list[tuple[str, str, str]]:
    """Even users buy all even items but one, odd users the odd ones."""
    return [
        (f"u{user:02}", f"i{item:02}", "purchase")
        for user in range(n)
        for item in range(user % 2, n, 2)
        if item != user
    ]


@pytest.fixture
def no_ratings(database, tmp_path) -> Shop:
    """A shop that has nothing but purchases."""
    shop = Shop(database, tmp_path)
    shop.choose(purchases())
    return shop


@pytest.fixture
def server(shop):
    server = ModelServer(shop.context)
    yield server
    server.stop()


def answering(shop: Shop) -> tuple[ModelServer, PublishedModel]:
    server = ModelServer(shop.context)
    server.refresh()
    return server, server.require_model()


def levels_of(shop: Shop, scale: RatingScale) -> dict[tuple[str, str], int]:
    with reading(shop.database) as session:
        snapshot = snapshots.read_snapshot(session)
    matrix = snapshot.matrix(scale)
    ids = snapshot.users.ids, snapshot.items.ids
    return {
        (ids[0][user], ids[1][item]): int(level)
        for user, item, level in zip(matrix.users(), matrix.items, matrix.levels, strict=True)
    }


def test_interaction_level_is_rating_or_strongest_type(shop):
    shop.rate([{"user_id": "new", "item_id": "rated", "value": 1}])
    for item_id, kinds in {
        "rated": ["purchase"],
        "seen": ["view"],
        "bought": ["view", "purchase", "cart"],
        "kept": ["cart", "view"],
    }.items():
        shop.choose([("new", item_id, kind) for kind in kinds])

    found = levels_of(shop, RatingScale(STARS, (), ("view", "cart", "purchase")))

    new = {item: level for (user, item), level in found.items() if user == "new"}
    assert new == {"rated": 0, "seen": 2, "bought": 4, "kept": 3}


def test_levels_without_interaction_types_are_those_of_ratings(shop):
    shop.choose([("u00", "i00", "view")])

    assert len(levels_of(shop, RatingScale(STARS))) == len(two_camps())


@on_sqlite
def test_scale_has_interaction_types_that_are_strongest_of_a_pair(shop):
    shop.choose([("u00", "i00", "view"), ("u00", "i00", "cart"), ("u00", "i01", "view")])
    rated = two_camps()[0]
    shop.choose([(rated["user_id"], rated["item_id"], "purchase")])

    result = shop.train(model_kind="joint_rbm")

    assert shop.model(result["version"]).scale.events == ("view", "cart")
    assert shop.card(result["version"]).rating_scale["events"] == ["view", "cart"]


@on_sqlite
@pytest.mark.parametrize("model_kind", ["user_rbm", "item_rbm"])
def test_masked_machines_learn_from_ratings_only(shop, model_kind):
    alone = shop.train(model_kind=model_kind, publish="never")["weights_sha256"]
    rated = [(entry["user_id"], entry["item_id"], "view") for entry in two_camps()]
    shop.choose(rated)

    assert shop.train(model_kind=model_kind, publish="never")["weights_sha256"] == alone


@on_sqlite
def test_joint_machine_recommends_purchases_of_camp_without_ratings(no_ratings):
    result = no_ratings.train(model_kind="joint_rbm", hyperparameters=LEARNING)
    server, answers = answering(no_ratings)

    assert "validation_rmse" not in result["metrics"]
    for user in range(12):
        user_id = f"u{user:02}"
        known = UserHistory.from_store(answers, server.histories.read(user_id))
        first, *_ = recommend(answers, user_id, known, n=3).items
        assert (first.item_id, first.source) == (f"i{user:02}", "model")
        assert first.expected_rating is None
    server.stop()


@on_sqlite
def test_predict_returns_no_rating_without_ratings(no_ratings):
    no_ratings.train(model_kind="joint_rbm")
    server, answers = answering(no_ratings)
    known = UserHistory.from_store(answers, server.histories.read("u00"))

    for prediction in predict(answers, "u00", known, ["i00", "unheard-of"]):
        assert prediction.expected_rating is None
        assert prediction.distribution == []
    server.stop()


@on_sqlite
def test_rating_counts_as_purchase_for_model_of_purchases(no_ratings):
    no_ratings.train(model_kind="joint_rbm", hyperparameters=LEARNING)
    server, answers = answering(no_ratings)

    rated = UserHistory.from_request(answers, AnonymousHistory({"i01": 5.0, "i03": 4.0}))
    bought = UserHistory.from_request(
        answers, AnonymousHistory({}, [("i01", "purchase"), ("i03", "purchase")])
    )

    listed = [recommend(answers, None, known, n=3).items for known in (rated, bought)]
    assert listed[0] == listed[1]
    assert all(int(place.item_id[1:]) % 2 for place in listed[0])
    server.stop()


def test_recommendations_exclude_purchases_and_keep_views_and_carts(shop, server):
    shop.train(model_kind="joint_rbm")
    shop.choose([("u00", "i00", "purchase"), ("u02", "i02", "view"), ("u02", "i03", "cart")])
    server.refresh()
    answers = server.require_model()

    def listed(user_id, **asked):
        known = UserHistory.from_store(answers, server.histories.read(user_id))
        return {place.item_id for place in recommend(answers, user_id, known, n=12, **asked).items}

    assert listed("u00") == {"i01"}
    assert listed("u02") == {"i02", "i03"}
    assert "i00" in listed("u00", include_rated=True)


def test_recommendations_exclude_purchases_unknown_to_model(shop, server):
    shop.train(model_kind="joint_rbm")
    shop.choose([("u00", "new", "purchase"), ("u02", "new", "view")])
    server.refresh()
    answers = server.require_model()

    def listed(user_id):
        known = UserHistory.from_store(answers, server.histories.read(user_id))
        return {place.item_id for place in recommend(answers, user_id, known, n=20).items}

    assert "new" not in listed("u00")
    assert "new" in listed("u02")


def test_purchase_changes_next_recommendations(no_ratings):
    no_ratings.train(model_kind="joint_rbm", hyperparameters=LEARNING)
    server, answers = answering(no_ratings)
    no_ratings.choose([("passer-by", "i05", "purchase")])
    server.refresh()

    known = UserHistory.from_store(answers, server.histories.read("passer-by"))
    listed = recommend(answers, "passer-by", known, n=5).items

    assert {int(place.item_id[1:]) % 2 for place in listed} == {1}
    server.stop()


@on_sqlite
def test_versions_with_other_interaction_types_are_compared(shop):
    shop.train(model_kind="joint_rbm")
    shop.choose([(f"u{user:02}", f"i{user:02}", "cart") for user in range(12)])

    second = shop.train(model_kind="joint_rbm")

    assert "better than version 1" in second["reason"]
    assert np.isfinite(second["metrics"]["ndcg_at_10"])
