"""Recommendations and predictions of a running service that serves a real model."""

import pytest

from recsvc.client import ApiError, Client
from tests.acceptance.conftest import PATIENCE_SECONDS, ids, sources, trained
from tests.factories.http_shop import N_PROCESSES

pytestmark = pytest.mark.acceptance


def test_recommendations_have_titles_and_exclude_rated_items(shop):
    answer = shop.client.recommendations("196", 20)

    assert len(answer["items"]) == 20
    assert sources(answer) == {"model"}
    assert not set(ids(answer)) & shop.rated("196")
    assert all(item["title"] == shop.titles[item["item_id"]] for item in answer["items"])
    scores = [item["score"] for item in answer["items"]]
    assert scores == sorted(scores, reverse=True)


def test_include_rated_returns_rated_items(shop):
    answer = shop.client.recommendations("405", 50, include_rated="true")

    assert set(ids(answer)) & shop.rated("405")


def test_explain_returns_up_to_three_ratings_as_reasons(shop):
    rated = {rating["item_id"]: rating["value"] for rating in shop.client.ratings("196")}

    answer = shop.client.recommendations("196", 20, explain="true")

    assert ids(answer) == ids(shop.client.recommendations("196", 20))
    reasons = [reason for item in answer["items"] for reason in item["because"]]
    assert 20 < len(reasons) <= 60
    assert all(rated[reason["item_id"]] == reason["rating"] for reason in reasons)


def test_new_rating_changes_recommendations_without_training(shop):
    before = shop.client.recommendations("22", 10)
    loved = before["items"][0]["item_id"]

    shop.client.rate("22", loved, 5)
    after = shop.client.recommendations("22", 10)

    assert after["model_version"] == before["model_version"]
    assert loved not in ids(after)
    kept = {item["item_id"]: item["expected_rating"] for item in after["items"]}
    was = {item["item_id"]: item["expected_rating"] for item in before["items"]}
    assert any(kept[item_id] != was[item_id] for item_id in kept.keys() & was.keys())


def test_new_user_gets_recommendations_of_model(shop):
    for item_id in ("50", "181", "172"):  # Star Wars, three times
        shop.client.rate("newcomer", item_id, 5)

    answer = shop.client.recommendations("newcomer", 10)

    assert sources(answer) == {"model"}
    assert not set(ids(answer)) & {"50", "181", "172"}
    assert ids(answer) != ids(shop.client.recommendations("nobody", 10))


def test_anonymous_ratings_get_list_of_equal_stored_user(shop):
    ratings = [{"item_id": item_id, "value": 4} for item_id in ("100", "258", "313")]
    for rating in ratings:
        shop.client.rate("stored", rating["item_id"], rating["value"])

    given = shop.client.recommend_for(ratings, 10)

    assert given["user_id"] is None
    assert given["items"] == shop.client.recommendations("stored", 10)["items"]


def test_unknown_user_gets_popular_items(shop):
    answer = shop.client.recommendations("nobody-at-all", 10)

    assert sources(answer) == {"popular"}
    assert ids(answer)[0] == "50"  # nothing has more ratings in ml-100k


def test_prediction_has_distribution_and_its_mean(shop):
    asked = ["50", "1", "1682", "never-heard-of"]

    answer = shop.client.predictions("196", asked)

    assert [item["item_id"] for item in answer["items"]] == asked
    for item in answer["items"]:
        levels = item["distribution"]
        assert [level["value"] for level in levels] == [1, 2, 3, 4, 5]
        assert abs(sum(level["probability"] for level in levels) - 1) < 1e-6
        mean = sum(level["value"] * level["probability"] for level in levels)
        assert abs(mean - item["expected_rating"]) < 1e-6
    assert [item["source"] for item in answer["items"]] == ["model"] * 3 + ["baseline"]


@pytest.mark.parametrize("barred", [{"hidden": True}, {"available": False}])
def test_hidden_or_unavailable_item_is_omitted_by_every_process(shop, barred):
    best = shop.client.recommendations("276", 5)["items"][2]["item_id"]

    def comes() -> bool:
        with Client(shop.client.base_url, timeout=PATIENCE_SECONDS) as client:
            return best in ids(client.recommendations("276", 50))

    shop.client.put_item(best, title=shop.titles[best], **barred)
    shop.site.in_every_process(lambda: not comes(), n_processes=N_PROCESSES)
    given = shop.client.recommend_for([{"item_id": "50", "value": 5}], 500)
    assert best not in ids(given)
    assert best not in ids(shop.client.recommendations("nobody", 500))

    shop.client.put_item(best, title=shop.titles[best])
    shop.site.in_every_process(comes, n_processes=N_PROCESSES)


def test_erasure_deletes_user_and_names_versions_with_user(shop):
    n_ratings = len(shop.rated("13"))
    shop.client.rate("gone-soon", "50", 5)

    receipt = shop.client.erase("13")
    late = shop.client.erase("gone-soon")

    assert receipt["ratings_erased"] == n_ratings
    assert shop.training["result"]["version"] in receipt["model_versions"]
    assert late["model_versions"] == []
    with pytest.raises(ApiError) as gone:
        list(shop.client.ratings("13"))
    assert gone.value.status == 404
    assert sources(shop.client.recommendations("13")) == {"popular"}


def test_small_catalogue_has_shortfall(make_site):
    client = make_site().serve()
    client.send_ratings(
        {"user_id": f"u{user}", "item_id": f"i{item}", "value": 1 + (user * item) % 5}
        for user in range(12)
        for item in range(6)
        if user or item < 2
    )
    trained(client)

    answer = client.recommendations("u0", 10)

    assert set(ids(answer)) == {"i2", "i3", "i4", "i5"}
    assert answer["shortfall"]
