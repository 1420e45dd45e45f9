"""Predictions over HTTP, from a model that was really trained."""

import math

import pytest

from tests.api.conftest import publish_a_trained_model
from tests.conftest import on_sqlite


@pytest.fixture
def shop(client, app, context):
    publish_a_trained_model(client, context)
    app.state.model_server.refresh()
    return client


def predictions(client, user_id="u3", *, item_id):
    answer = client.get(f"/v1/users/{user_id}/predictions", params={"item_id": item_id})
    assert answer.status_code == 200, answer.text
    return answer.json()


@on_sqlite
def test_predictions_have_distributions_in_requested_order(shop):
    body = predictions(shop, item_id=["i7", "i2", "i7"])

    assert (body["user_id"], body["model_version"]) == ("u3", 1)
    assert [item["item_id"] for item in body["items"]] == ["i7", "i2", "i7"]
    assert body["items"][0] == body["items"][2] != body["items"][1]
    for item in body["items"]:
        values = [share["value"] for share in item["distribution"]]
        shares = [share["probability"] for share in item["distribution"]]
        assert values == [1, 5]
        assert sum(shares) == pytest.approx(1)
        assert item["expected_rating"] == pytest.approx(shares[0] + 5 * shares[1])
        assert item["entropy"] == pytest.approx(-sum(p * math.log(p) for p in shares))
        assert item["source"] == "model"


def test_expected_rating_equals_that_of_recommendations(shop):
    listed = shop.get("/v1/users/u3/recommendations").json()["items"]

    body = predictions(shop, item_id=[place["item_id"] for place in listed])

    for place, item in zip(listed, body["items"], strict=True):
        assert place["expected_rating"] == pytest.approx(item["expected_rating"], rel=1e-6)


def test_prediction_ignores_own_rating_of_item(shop):
    (before,) = predictions(shop, item_id="i2")["items"]
    for value in (1, 5):
        shop.put("/v1/users/u3/ratings/i2", json={"value": value})
        assert predictions(shop, item_id="i2")["items"] == [before]


def test_prediction_uses_new_ratings_of_other_items(shop):
    (before,) = predictions(shop, item_id="i2")["items"]
    shop.put("/v1/users/u3/ratings/i4", json={"value": 1})
    shop.put("/v1/users/u3/ratings/i6", json={"value": 5})

    assert predictions(shop, item_id="i2")["items"] != [before]


@pytest.mark.parametrize(("user_id", "item_id"), [("u3", "unheard-of"), ("nobody", "i2")])
def test_prediction_uses_baseline_for_unknown_user_or_item(shop, user_id, item_id):
    (item,) = predictions(shop, user_id, item_id=item_id)["items"]

    assert item["item_id"] == item_id
    assert item["source"] == "baseline"
    assert 1 < item["expected_rating"] < 5
    assert sum(share["probability"] for share in item["distribution"]) == pytest.approx(1)


def test_predictions_accept_ids_with_slashes(shop):
    rating = {"user_id": "a/b", "item_id": "i/1", "value": 5}
    shop.post("/v1/ratings", json={"ratings": [rating]})

    body = predictions(shop, "a%2Fb", item_id=["i/1", "i1"])

    assert body["user_id"] == "a/b"
    assert [item["item_id"] for item in body["items"]] == ["i/1", "i1"]


@on_sqlite
@pytest.mark.parametrize("asked", [{}, {"item_id": [f"i{number}" for number in range(501)]}])
def test_predictions_refuse_zero_or_over_500_items(shop, asked):
    answer = shop.get("/v1/users/u3/predictions", params=asked)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "item_id"


def test_predictions_accept_500_items(shop):
    items = [f"i{number}" for number in range(500)]

    assert [item["item_id"] for item in predictions(shop, item_id=items)["items"]] == items
