"""The catalogue over HTTP."""

import json
from urllib.parse import quote

import pytest

WHOLE = {
    "title": "The Quiet Harbour",
    "categories": ["Crime", "Küste"],
    "price": 12.5,
    "available": False,
    "hidden": True,
    "attributes": {"author": {"name": "A. Writer"}, "pages": [1, 2]},
}


@pytest.mark.parametrize("item_id", ["book/7", "ü", "a b", "100%", "x" * 256])
def test_an_item_is_put_looked_at_and_replaced(client, item_id):
    address = f"/v1/items/{quote(item_id, safe='')}"

    made = client.put(address, json=WHOLE)
    assert made.status_code == 201
    assert made.json() == client.get(address).json()
    assert {name: made.json()[name] for name in WHOLE} == WHOLE

    again = client.put(address, json={"title": "Anew"})
    assert again.status_code == 200
    assert (again.json()["title"], again.json()["price"], again.json()["hidden"]) == (
        "Anew",
        None,
        False,
    )
    assert again.json()["created_at"] == made.json()["created_at"]
    assert again.json()["updated_at"] > made.json()["updated_at"]


def test_an_item_that_was_only_rated_is_there_without_a_title(client):
    client.put("/v1/users/u/ratings/i", json={"value": 3})

    assert client.get("/v1/items/i").json()["title"] is None
    assert client.put("/v1/items/i", json={"title": "I"}).status_code == 200


def test_an_item_nobody_knows_is_not_found(client):
    answer = client.get("/v1/items/a%2Fb")

    assert (answer.status_code, answer.json()["item_id"]) == (404, "a/b")


@pytest.mark.parametrize(
    "body",
    [
        '{"price": -1}',
        '{"price": NaN}',
        '{"price": "12"}',
        '{"title": 7}',
        '{"title": "a\\u0000b"}',
        '{"title": "\\ud800"}',
        '{"categories": "Crime"}',
        '{"attributes": {"x": NaN}}',
        '{"attributes": {"x": "\\u0000"}}',
        '{"attributes": {"x": "\\ud800"}}',
        '{"colour": "red"}',
        '{"item_id": "i"}',
    ],
)
def test_a_description_that_cannot_be_kept_is_refused(client, body):
    answer = client.put("/v1/items/i", content=body, headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/malformed-request")
    assert client.get("/v1/items/i").status_code == 404


def test_an_id_that_cannot_be_one_is_refused(client):
    answer = client.put("/v1/items/" + "x" * 257, json={})

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-id")


@pytest.mark.parametrize("as_lines", [False, True])
def test_many_items_are_described_at_once_and_refusals_told_by_line(client, as_lines):
    entries = [
        {"item_id": "a", "title": "A"},
        {"item_id": "", "title": "?"},
        {"item_id": "b", "price": -2},
        {"title": "no id"},
        {"item_id": "c"},
        {"item_id": "a", "title": "The last wins"},
    ]
    if as_lines:
        lines = "".join(json.dumps(entry) + "\n" for entry in entries)
        answer = client.post(
            "/v1/items", content=lines, headers={"content-type": "application/x-ndjson"}
        )
    else:
        answer = client.post("/v1/items", json={"items": entries})

    report = answer.json()
    assert (report["accepted"], report["added"]) == (3, 2)
    assert [(refusal["line"], refusal["code"]) for refusal in report["refused"]] == [
        (2, "invalid-item-id"),
        (3, "invalid-item"),
        (4, "invalid-item"),
    ]
    assert client.get("/v1/items/a").json()["title"] == "The last wins"


def test_items_are_listed_page_by_page_in_the_order_they_came(client):
    client.post("/v1/items", json={"items": [{"item_id": name} for name in "zyxwv"]})

    first = client.get("/v1/items", params={"limit": 3}).json()
    client.put("/v1/items/new", json={})
    rest = client.get("/v1/items", params={"limit": 3, "cursor": first["next_cursor"]}).json()

    assert sorted(item["item_id"] for item in first["items"] + rest["items"]) == sorted(
        ["new", *"zyxwv"]
    )
    assert rest["next_cursor"] is None
