"""The catalogue over HTTP."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from urllib.parse import quote

import pytest

from recsvc.client import Client
from tests.conftest import on_sqlite

DEFAULTS = {
    "title": None,
    "categories": [],
    "price": None,
    "available": True,
    "hidden": False,
    "attributes": {},
}
WHOLE = {
    "title": "The Quiet Harbour",
    "categories": ["Crime", "Küste"],
    "price": 12.5,
    "available": False,
    "hidden": True,
    "attributes": {"author": {"name": "A. Writer"}, "pages": [1, 2]},
}


@pytest.mark.parametrize("item_id", ["book/7", "ü", "a b", "100%", "x" * 256])
def test_put_item_creates_and_replaces(client, item_id):
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


def test_item_created_by_rating_has_no_title(client):
    client.put("/v1/users/u/ratings/i", json={"value": 3})

    assert client.get("/v1/items/i").json()["title"] is None
    assert client.put("/v1/items/i", json={"title": "I"}).status_code == 200


def test_get_item_responds_404_for_unknown_id(client):
    answer = client.get("/v1/items/a%2Fb")

    assert (answer.status_code, answer.json()["item_id"]) == (404, "a/b")


def fields_of(client, item_id: str = "i") -> dict[str, object]:
    item = client.get(f"/v1/items/{item_id}").json()
    return {name: item[name] for name in DEFAULTS}


def send_many(client, entries: list, *, as_lines: bool):
    if not as_lines:
        return client.post("/v1/items", json={"items": entries})
    lines = "".join(json.dumps(entry) + "\n" for entry in entries)
    return client.post("/v1/items", content=lines, headers={"content-type": "application/x-ndjson"})


def counts_of(report: dict) -> tuple[int, int, int, int]:
    return report["accepted"], report["added"], report["changed"], report["unchanged"]


UNACCEPTABLE = pytest.mark.parametrize(
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
        f'{{"attributes": {{"x": "{"y" * 65_536}"}}}}',
        '{"attributes": {"x": "\\u0000"}}',
        '{"attributes": {"x": "\\ud800"}}',
        '{"attributes": ' + '{"x":' * 101 + "1" + "}" * 102,
        '{"colour": "red"}',
        '{"item_id": "i"}',
        "[]",
        "7",
    ],
)


@on_sqlite
@UNACCEPTABLE
def test_put_item_refuses_invalid_body(client, body):
    answer = client.put("/v1/items/i", content=body, headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/malformed-request")
    assert client.get("/v1/items/i").status_code == 404


def test_put_item_refuses_overlong_id(client):
    answer = client.put("/v1/items/" + "x" * 257, json={})

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-id")


@pytest.mark.parametrize("content_type", ["application/json", "application/merge-patch+json"])
def test_patch_changes_named_fields_only(client, content_type):
    made = client.put("/v1/items/i", json=WHOLE).json()
    patch = {"available": True, "attributes": {"author": {"born": 1950, "name": None}, "new": 1}}

    answer = client.patch(
        "/v1/items/i", content=json.dumps(patch), headers={"content-type": content_type}
    )

    assert answer.status_code == 200
    assert answer.json() == client.get("/v1/items/i").json()
    attributes = {"author": {"born": 1950}, "pages": [1, 2], "new": 1}
    assert fields_of(client) == WHOLE | {"available": True, "attributes": attributes}
    assert answer.json()["created_at"] == made["created_at"]
    assert answer.json()["updated_at"] > made["updated_at"]


@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_null_restores_default_of_each_field(client, method):
    client.put("/v1/items/i", json=WHOLE)
    nulls = dict.fromkeys(DEFAULTS)

    if method == "PATCH":
        assert client.patch("/v1/items/i", json=nulls).status_code == 200
    else:
        send_many(client, [{"item_id": "i", **nulls}], as_lines=False)

    assert fields_of(client) == DEFAULTS


def test_patch_of_unknown_item_responds_404(client):
    answer = client.patch("/v1/items/a%2Fb", json={"title": "A"})

    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/item-not-found")
    assert client.get("/v1/items/a%2Fb").status_code == 404


@on_sqlite
@UNACCEPTABLE
def test_patch_refuses_invalid_body_without_change(client, body):
    made = client.put("/v1/items/i", json=WHOLE).json()

    answer = client.patch("/v1/items/i", content=body, headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/malformed-request")
    assert answer.json()["errors"][0]["detail"]
    assert client.get("/v1/items/i").json() == made


def test_patch_without_effect_leaves_item_unchanged(client):
    made = client.put("/v1/items/i", json=WHOLE).json()

    for patch in ({}, {"price": 12.5, "attributes": {"gone": None}}, WHOLE):
        assert client.patch("/v1/items/i", json=patch).json() == made


def test_concurrent_patches_of_different_fields_all_apply(url):
    """Each reads the whole item and writes the whole item back."""
    with Client(url) as shop:
        shop.put_item("i")
    patches = [
        lambda n: {"title": f"title {n}"},
        lambda n: {"price": n},
        lambda n: {"attributes": {"left": n}},
        lambda n: {"attributes": {"right": n}},
    ]
    together = Barrier(len(patches))

    def change(patch) -> None:
        with Client(url) as shop:
            for n in range(1, 11):
                together.wait()
                shop.patch_item("i", **patch(n))
                together.wait()
                shown = shop.item("i")
                assert (shown["title"], shown["price"]) == (f"title {n}", n)
                assert shown["attributes"] == {"left": n, "right": n}

    with ThreadPoolExecutor(len(patches)) as pool:
        for done in [pool.submit(change, patch) for patch in patches]:
            done.result()


as_json_and_as_lines = pytest.mark.parametrize("as_lines", [False, True], ids=["json", "ndjson"])


@as_json_and_as_lines
def test_post_items_stores_many_and_reports_refusals_by_line(client, as_lines):
    entries = [
        {"item_id": "a", "title": "A"},
        {"item_id": "", "title": "?"},
        {"item_id": "b", "price": -2},
        {"title": "no id"},
        {"item_id": "c"},
        {"item_id": "a", "title": "The last wins"},
    ]

    report = send_many(client, entries, as_lines=as_lines).json()

    assert counts_of(report) == (3, 2, 1, 0)
    assert [(refusal["line"], refusal["code"]) for refusal in report["refused"]] == [
        (2, "invalid-item-id"),
        (3, "invalid-item"),
        (4, "invalid-item"),
    ]
    assert client.get("/v1/items/a").json()["title"] == "The last wins"


@as_json_and_as_lines
def test_stock_feed_changes_availability_only(client, as_lines):
    client.put("/v1/items/9998", json=WHOLE | {"available": True})
    client.put("/v1/users/u/ratings/rated", json={"value": 3})
    feed = [{"item_id": item_id, "available": False} for item_id in ("9998", "rated", "new")]

    report = send_many(client, feed, as_lines=as_lines).json()
    again = send_many(client, feed, as_lines=as_lines).json()

    assert counts_of(report) == (3, 1, 2, 0)
    assert counts_of(again) == (3, 0, 0, 3)
    assert fields_of(client, "9998") == WHOLE | {"available": False}
    assert fields_of(client, "rated") == DEFAULTS | {"available": False}
    assert fields_of(client, "new") == DEFAULTS | {"available": False}


def test_post_items_merges_lines_of_one_item_in_order(client):
    entries = [
        {"item_id": "i", "title": "A", "attributes": {"a": {"x": 1}}},
        {"item_id": "i", "price": 2, "attributes": {"a": {"y": 2}}},
        {"item_id": "i", "title": "A"},
        {"item_id": "i", "title": None, "attributes": {"a": {"x": None}}},
    ]

    report = send_many(client, entries, as_lines=False).json()

    assert counts_of(report) == (4, 1, 2, 1)
    assert fields_of(client) == DEFAULTS | {"price": 2, "attributes": {"a": {"y": 2}}}


def test_post_items_does_not_write_unchanged_item(client):
    client.put("/v1/items/same", json=WHOLE)
    client.put("/v1/items/other", json=WHOLE)
    same, other = (client.get(f"/v1/items/{name}").json() for name in ("same", "other"))
    entries = [
        {"item_id": "same", "title": WHOLE["title"], "attributes": {"pages": [1, 2]}},
        {"item_id": "other", "attributes": {"pages": [True, 2]}},
        {"item_id": "same", "price": 1},
        {"item_id": "same", "price": WHOLE["price"]},
    ]

    report = send_many(client, entries, as_lines=False).json()

    assert counts_of(report) == (4, 0, 3, 1)
    assert client.get("/v1/items/same").json() == same
    assert client.get("/v1/items/other").json()["updated_at"] > other["updated_at"]
    assert fields_of(client, "other")["attributes"]["pages"][0] is True


@as_json_and_as_lines
def test_post_items_stores_no_part_of_line_with_wrong_type(client, as_lines):
    made = client.put("/v1/items/i", json=WHOLE).json()
    entries = [
        {"item_id": "i", "title": "New", "price": "12"},
        {"item_id": "i", "title": "New", "colour": "red"},
        {"item_id": "i", "title": "New", "available": 0},
        {"item_id": "j", "title": "New", "attributes": []},
    ]

    report = send_many(client, entries, as_lines=as_lines).json()

    assert counts_of(report) == (0, 0, 0, 0)
    assert [refusal["code"] for refusal in report["refused"]] == ["invalid-item"] * 4
    assert client.get("/v1/items/i").json() == made
    assert client.get("/v1/items/j").status_code == 404


def test_item_pages_list_each_item_once(client):
    client.post("/v1/items", json={"items": [{"item_id": name} for name in "zyxwv"]})

    first = client.get("/v1/items", params={"limit": 3}).json()
    client.put("/v1/items/new", json={})
    rest = client.get("/v1/items", params={"limit": 3, "cursor": first["next_cursor"]}).json()

    assert sorted(item["item_id"] for item in first["items"] + rest["items"]) == sorted(
        ["new", *"zyxwv"]
    )
    assert rest["next_cursor"] is None
