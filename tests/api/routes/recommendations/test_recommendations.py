"""Recommendations over HTTP, from a model that was really trained."""

import json

import pytest
from starlette.testclient import TestClient

from recsvc.api.app import create_app
from tests.api.conftest import publish_a_trained_model, settings_for
from tests.conftest import eventually, on_sqlite

LIST = "/v1/users/{}/recommendations"
ITEMS = {f"i{number}" for number in range(10)}


@pytest.fixture
def shop(client, app, context):
    publish_a_trained_model(client, context)
    app.state.model_server.refresh()
    return client


def item_ids_rated_by(client, user_id) -> set[str]:
    return {r["item_id"] for r in client.get(f"/v1/users/{user_id}/ratings").json()["items"]}


def ids(answer) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [place["item_id"] for place in answer.json()["items"]]


def check_problem(answer) -> dict:
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()


def field_of(problem) -> str:
    return problem["errors"][0]["field"]


# ------------------------------------------------------------------------- a stored user


def test_recommendations_are_unrated_items_by_score(shop):
    answer = shop.get(LIST.format("u3"), params={"n": 3})

    body = answer.json()
    assert body.keys() == {"user_id", "model_version", "items", "shortfall"}
    assert (body["user_id"], body["model_version"], body["shortfall"]) == ("u3", 1, None)
    assert set(ids(answer)) <= ITEMS - item_ids_rated_by(shop, "u3")
    scores = [place["score"] for place in body["items"]]
    assert scores == sorted(scores, reverse=True)
    assert body["items"][0].keys() == {"item_id", "title", "score", "expected_rating", "source"}
    assert {place["source"] for place in body["items"]} == {"model"}
    assert answer.headers["content-type"] == "application/json"


def test_recommendations_explain_shortfall(shop):
    answer = shop.get(LIST.format("u3"))

    assert set(ids(answer)) == ITEMS - item_ids_rated_by(shop, "u3")
    missing = 10 - len(ids(answer))
    assert answer.json()["shortfall"].startswith(f"{missing} fewer than requested")


def test_recommendations_exclude_newly_rated_item(shop):
    before = ids(shop.get(LIST.format("u3")))
    shop.put(f"/v1/users/u3/ratings/{before[0]}", json={"value": 1})

    assert set(ids(shop.get(LIST.format("u3")))) == set(before[1:])


def test_unknown_user_gets_popular_items(shop):
    answer = shop.get(LIST.format("somebody%20new%2F7"), params={"n": 10})

    assert answer.json()["user_id"] == "somebody new/7"
    assert set(ids(answer)) == ITEMS
    assert {place["source"] for place in answer.json()["items"]} == {"popular"}


def test_recommendations_accept_user_ids_with_slash_or_any_script(shop):
    for user_id, address in (("a/b", "a%2Fb"), ("é😀", "%C3%A9%F0%9F%98%80")):
        rating = {"user_id": user_id, "item_id": "i1", "value": 5}
        assert shop.post("/v1/ratings", json={"ratings": [rating]}).json()["accepted"] == 1

        answer = shop.get(LIST.format(address))

        assert answer.json()["user_id"] == user_id
        assert set(ids(answer)) == ITEMS - {"i1"}


@on_sqlite
@pytest.mark.parametrize("address", ["a%00b", "%01", "x" * 257])
def test_recommendations_and_predictions_refuse_invalid_user_id(shop, address):
    for kind in ("recommendations", "predictions?item_id=i1"):
        problem = check_problem(shop.get(f"/v1/users/{address}/{kind}"))
        assert problem["type"] == "/problems/invalid-id"


@on_sqlite
@pytest.mark.parametrize("n", [1, 500])
def test_recommendations_accept_shortest_and_longest_n(shop, n):
    assert len(ids(shop.get(LIST.format("nobody"), params={"n": n}))) == min(n, 10)


@on_sqlite
@pytest.mark.parametrize("n", ["0", "-1", "501", "x", "1.5", ""])
def test_recommendations_refuse_n_out_of_range(shop, n):
    assert field_of(check_problem(shop.get(LIST.format("u3"), params={"n": n}))) == "n"


def test_exclude_removes_each_named_item(shop):
    before = ids(shop.get(LIST.format("nobody")))
    excluded = {"exclude": [before[0], before[2], "unheard-of"]}

    after = ids(shop.get(LIST.format("nobody"), params=excluded))

    assert after == [before[1], *before[3:]]


@on_sqlite
def test_exclude_refuses_over_500_items(shop):
    many = {"exclude": [f"x{number}" for number in range(501)]}

    assert field_of(check_problem(shop.get(LIST.format("u3"), params=many))) == "exclude"


def test_include_rated_returns_rated_items(shop):
    answer = shop.get(LIST.format("u3"), params={"include_rated": "true"})

    assert set(ids(answer)) == ITEMS


def test_recommendations_have_titles_and_omit_hidden_items(shop, app):
    shop.put("/v1/items/i1", json={"title": "One"})
    shop.put("/v1/items/i2", json={"hidden": True})
    app.state.model_server.refresh()

    answer = shop.get(LIST.format("nobody"))

    titles = {place["item_id"]: place["title"] for place in answer.json()["items"]}
    assert titles["i1"] == "One"
    assert titles.keys() == ITEMS - {"i2"}


# ------------------------------------------------------------------------- the same again


@on_sqlite
def test_recommendations_respond_304_for_same_etag(shop):
    first = shop.get(LIST.format("u3"))
    tag = first.headers["etag"]

    for named in (tag, f"W/{tag}", f'"other", {tag}'):
        again = shop.get(LIST.format("u3"), headers={"If-None-Match": named})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)


@on_sqlite
def test_etag_differs_between_lists(shop):
    tag = shop.get(LIST.format("u3")).headers["etag"]
    shop.put("/v1/users/u3/ratings/i3", json={"value": 1})

    answer = shop.get(LIST.format("u3"), headers={"If-None-Match": tag})

    assert answer.status_code == 200
    assert answer.headers["etag"] != tag
    assert shop.get(LIST.format("u4")).headers["etag"] != tag


# ------------------------------------------------------------------------- anybody


def ratings_body(*ratings) -> dict:
    return {"ratings": [{"item_id": item_id, "value": value} for item_id, value in ratings]}


def test_anonymous_user_gets_list_of_stored_user_with_same_ratings(shop):
    mine = [("i1", 5), ("i2", 1), ("i4", 1)]
    for item_id, value in mine:
        shop.put(f"/v1/users/newcomer/ratings/{item_id}", json={"value": value})

    answer = shop.post("/v1/recommendations", json=ratings_body(*mine) | {"n": 7})

    stored = shop.get(LIST.format("newcomer"), params={"n": 7}).json()
    assert answer.json() == stored | {"user_id": None}


def test_anonymous_ratings_are_not_stored(shop):
    shop.post("/v1/recommendations", json=ratings_body(("i1", 5), ("unheard-of", 5)))

    assert shop.get("/v1/items/unheard-of").status_code == 404


def test_anonymous_list_omits_rated_and_excluded_items(shop):
    body = ratings_body(("i1", 5)) | {"exclude": ["i2"]}
    with_rated = body | {"include_rated": True}

    assert set(ids(shop.post("/v1/recommendations", json=body))) == ITEMS - {"i1", "i2"}
    assert set(ids(shop.post("/v1/recommendations", json=with_rated))) == ITEMS - {"i2"}


def test_anonymous_list_omits_purchases_and_keeps_cart_items(shop):
    done = [{"item_id": "i1", "type": "purchase"}, {"item_id": "i2", "type": "cart"}]
    body = {"interactions": done} | ratings_body(("i4", 5))

    assert set(ids(shop.post("/v1/recommendations", json=body))) == ITEMS - {"i1", "i4"}
    again = body | {"include_rated": True}
    assert set(ids(shop.post("/v1/recommendations", json=again))) == ITEMS


def test_anonymous_user_gets_list_of_stored_user_with_same_interactions(client, app, context):
    chosen = [
        {"user_id": f"u{user}", "item_id": f"i{item}", "type": "cart"}
        for user in range(20)
        for item in range(10)
        if (user + item) % 2
    ]
    client.post("/v1/interactions", json={"interactions": chosen})
    publish_a_trained_model(client, context, model_kind="joint_rbm")
    app.state.model_server.refresh()
    mine = [{"item_id": "i1", "type": "view"}, {"item_id": "i3", "type": "cart"}]
    stored = [{"user_id": "newcomer"} | event for event in mine]
    client.post("/v1/interactions", json={"interactions": stored})

    answer = client.post("/v1/recommendations", json={"interactions": mine})

    same = client.get(LIST.format("newcomer")).json()
    assert answer.json() == same | {"user_id": None}
    assert {place["source"] for place in same["items"]} == {"model"}


def test_anonymous_list_without_ratings_has_popular_items(shop):
    answer = shop.post("/v1/recommendations", json={})

    assert {place["source"] for place in answer.json()["items"]} == {"popular"}


@on_sqlite
def test_anonymous_list_uses_last_of_duplicate_ratings(shop):
    twice = shop.post("/v1/recommendations", json=ratings_body(("i1", 1), ("i1", 5)))
    once = shop.post("/v1/recommendations", json=ratings_body(("i1", 5)))

    assert twice.json() == once.json()


@on_sqlite
@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e308"])
def test_anonymous_ratings_refuse_non_finite_or_huge_value(shop, value):
    body = f'{{"ratings": [{{"item_id": "i1", "value": {value}}}]}}'
    answer = shop.post(
        "/v1/recommendations", content=body, headers={"Content-Type": "application/json"}
    )

    problem = check_problem(answer)
    assert "value" in problem["detail"]
    json.dumps(problem, allow_nan=False)


@on_sqlite
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"rating": []}, "rating"),
        ({"ratings": [{"item_id": "i1", "value": 5, "stars": 3}]}, "ratings.0.stars"),
        ({"ratings": [{"item_id": "i1"}]}, "ratings.0.value"),
        ({"ratings": [{"item_id": "", "value": 5}]}, "ratings.0.item_id"),
        ({"ratings": [{"item_id": "x" * 257, "value": 5}]}, "ratings.0.item_id"),
        ({"ratings": [{"item_id": "i1", "value": "good"}]}, "ratings.0.value"),
        ({"ratings": [{"item_id": "i1", "value": 5}] * 10_001}, "ratings"),
        ({"n": 0}, "n"),
        ({"n": 501}, "n"),
        ({"exclude": ["x"] * 501}, "exclude"),
        ({"exclude": "i1"}, "exclude"),
        ({"interactions": [{"item_id": "i1", "type": "look"}]}, "interactions.0.type"),
        ({"interactions": [{"item_id": "i1"}]}, "interactions.0.type"),
    ],
)
def test_post_recommendations_names_invalid_field(shop, body, field):
    assert field_of(check_problem(shop.post("/v1/recommendations", json=body))) == field


@on_sqlite
def test_post_recommendations_refuses_value_off_scale(database_url, tmp_path):
    settings = settings_for(database_url, tmp_path / "home", rating_scale="1:5:1")
    app = create_app(settings)
    with TestClient(app) as client:
        publish_a_trained_model(client, app.state.context)
        app.state.model_server.refresh()

        problem = check_problem(
            client.post("/v1/recommendations", json=ratings_body(("i1", 5), ("i2", 11)))
        )

        assert problem["type"] == "/problems/value-off-scale"
        assert (problem["value"], problem["scale"]) == (11, "1, 2, 3, 4, 5")


# ------------------------------------------------------------------------- no model


def test_recommendations_are_popular_then_new_items_without_model(client):
    for user, item in (("a", "tea"), ("b", "tea"), ("c", "tea"), ("a", "cup"), ("b", "cup")):
        client.put(f"/v1/users/{user}/ratings/{item}", json={"value": 5})
    client.put("/v1/items/pot", json={"title": "A pot"})
    client.put("/v1/items/tray", json={"available": False})
    first = {"n": 2}
    eventually(lambda: ids(client.get(LIST.format("nobody"), params=first)) == ["tea", "cup"])

    unknown = client.get(LIST.format("nobody"), params={"n": 3})
    known = client.get(LIST.format("c"), params={"explain": True})
    anonymous = {"ratings": [{"item_id": "cup", "value": 5}], "exclude": ["pot"], "n": 1}
    given = client.post("/v1/recommendations", json=anonymous)

    assert (ids(unknown), ids(known), ids(given)) == (
        ["tea", "cup", "pot"],
        ["cup", "pot"],
        ["tea"],
    )
    for answer in (unknown, known, given):
        assert answer.json()["model_version"] is None
    assert [place["source"] for place in unknown.json()["items"]] == ["popular", "popular", "new"]
    assert unknown.json()["items"][2]["title"] == "A pot"
    assert known.json()["shortfall"].startswith("8 fewer than requested")
    assert ids(client.get(LIST.format("c"), params={"include_rated": True}))[0] == "tea"


def test_predictions_respond_503_without_model(client):
    answer = client.get("/v1/users/u3/predictions", params={"item_id": "i1"})

    assert answer.status_code == 503
    assert answer.json()["type"] == "/problems/no-model-published"
    assert int(answer.headers["retry-after"]) > 0


def test_predictions_name_sha256_of_unreadable_model(client, app, context):
    with app.state.model_server._refresh_lock:  # as in a process that starts now
        publish_a_trained_model(client, context)
        sha256 = client.get("/v1/models/1").json()["checkpoint_sha256"]
        context.shelf.remove(sha256)
    app.state.model_server.refresh()

    answer = client.get("/v1/users/u3/predictions", params={"item_id": "i1"})

    assert answer.status_code == 503
    assert answer.json()["type"] == "/problems/model-unreadable"
    assert sha256 in answer.json()["detail"]
    assert client.get(LIST.format("u3")).json()["model_version"] is None
