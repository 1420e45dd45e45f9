"""Recommendations that say why, over HTTP, from a joint model that was really trained."""

import pytest

from recsvc.api.routes.recommendations.recommendations import RecommendationsOut
from tests.api.conftest import publish_a_trained_model

LIST = "/v1/users/u3/recommendations"
ASKED = {"explain": "true"}


@pytest.fixture
def shop(client, app, context):
    chosen = [
        {"user_id": f"u{user}", "item_id": f"i{item}", "type": "cart"}
        for user in range(20)
        for item in range(10)
        if (user + item) % 5 == 0
    ]
    client.post("/v1/interactions", json={"interactions": chosen})
    publish_a_trained_model(client, context, model_kind="joint_rbm")
    app.state.model_server.refresh()
    return client


def ratings_of_user(client) -> dict[str, float]:
    listed = client.get("/v1/users/u3/ratings").json()["items"]
    return {rating["item_id"]: rating["value"] for rating in listed}


def reasons_of(answer) -> dict[str, list]:
    assert answer.status_code == 200, answer.text
    RecommendationsOut.model_validate(answer.json())
    return {place["item_id"]: place["because"] for place in answer.json()["items"]}


@pytest.mark.parametrize("include_rated", ["false", "true"])
def test_explain_adds_reasons_and_keeps_list(shop, include_rated):
    asked = {"include_rated": include_rated}
    plain = shop.get(LIST, params=asked)
    told = shop.get(LIST, params=asked | ASKED)

    bare = [{k: v for k, v in place.items() if k != "because"} for place in told.json()["items"]]
    assert told.json() | {"items": bare} == plain.json()
    assert any(place["because"] for place in told.json()["items"])
    assert told.headers["etag"] != plain.headers["etag"]


def test_recommendations_have_no_reasons_without_explain(shop):
    plain = shop.get(LIST)

    assert b"because" not in plain.content
    assert shop.get(LIST, params={"explain": "false"}).content == plain.content
    given = {"ratings": [{"item_id": "i1", "value": 5}]}
    bodies = [given, given | {"explain": False}]
    one, other = (shop.post("/v1/recommendations", json=body) for body in bodies)
    assert b"because" not in one.content
    assert one.content == other.content


def test_reasons_are_ratings_or_interactions_of_user_by_effect(shop):
    mine = ratings_of_user(shop)
    for because in reasons_of(shop.get(LIST, params=ASKED)).values():
        assert len(because) <= 3
        effects = [reason["effect"] for reason in because]
        assert effects == sorted(effects, reverse=True)
        for reason in because:
            assert reason.keys() == {"item_id", "rating", "type", "effect"}
            assert reason["rating"] == mine.get(reason["item_id"])
            assert reason["type"] == (None if reason["item_id"] in mine else "cart")


def test_effect_equals_loss_of_score_after_rating_is_deleted(shop):
    mine = ratings_of_user(shop)
    before = shop.get(LIST, params=ASKED).json()["items"]
    place, reason = next(
        (place, reason)
        for place in before
        for reason in place["because"]
        if reason["item_id"] in mine
    )

    assert shop.delete(f"/v1/users/u3/ratings/{reason['item_id']}").status_code == 204

    after = shop.get(LIST).json()["items"]
    (score,) = (other["score"] for other in after if other["item_id"] == place["item_id"])
    assert place["score"] - score == pytest.approx(reason["effect"], abs=1e-4)


def test_anonymous_user_gets_reasons_of_equal_stored_user(shop):
    ratings = [{"item_id": "i1", "value": 5}, {"item_id": "i2", "value": 1}]
    cart = [{"item_id": "i3", "type": "cart"}]
    shop.post("/v1/ratings", json={"ratings": [{"user_id": "new"} | one for one in ratings]})
    shop.post("/v1/interactions", json={"interactions": [{"user_id": "new"} | cart[0]]})
    body = {"ratings": ratings, "interactions": cart, "explain": True}

    given = reasons_of(shop.post("/v1/recommendations", json=body))

    assert given == reasons_of(shop.get("/v1/users/new/recommendations", params=ASKED))
    told = [(one["item_id"], one["rating"], one["type"]) for each in given.values() for one in each]
    assert ("i3", None, "cart") in told
    assert set(told) <= {("i1", 5, None), ("i2", 1, None), ("i3", None, "cart")}


def test_popular_items_have_no_reasons(shop):
    answer = shop.get("/v1/users/nobody/recommendations", params=ASKED)

    assert list(reasons_of(answer).values()) == [[]] * 10


def test_explain_refuses_values_that_are_not_boolean(shop):
    for answer in (
        shop.get(LIST, params={"explain": "perhaps"}),
        shop.post("/v1/recommendations", json={"explain": "perhaps"}),
    ):
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "explain"
