"""Ratings over HTTP."""

import json
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from recsvc.api.app import create_app
from tests.api.conftest import settings_for
from tests.conftest import on_sqlite

NDJSON = {"content-type": "application/x-ndjson"}


@pytest.fixture
def scale_client(database_url, tmp_path):
    """A client of a service whose rating scale is declared."""
    settings = settings_for(database_url, tmp_path / "home", rating_scale="1:5:1")
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


def address(user_id: str, item_id: str) -> str:
    return f"/v1/users/{quote(user_id, safe='')}/ratings/{quote(item_id, safe='')}"


def test_put_rating_creates_then_replaces(client):
    first = client.put(address("u", "i"), json={"value": 4})
    second = client.put(address("u", "i"), json={"value": 2.5})

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["value"] == 4
    assert second.json() | {"rated_at": None} == {
        "user_id": "u",
        "item_id": "i",
        "value": 2.5,
        "rated_at": None,
    }
    assert second.json()["rated_at"] > first.json()["rated_at"]


def test_put_rating_keeps_newer_rating(client):
    client.put(address("u", "i"), json={"value": 4, "rated_at": "2026-06-01T14:00:00+02:00"})

    answer = client.put(address("u", "i"), json={"value": 1, "rated_at": "2025-01-01T00:00:00Z"})

    assert answer.status_code == 200
    assert answer.json()["value"] == 4
    assert answer.json()["rated_at"] == "2026-06-01T12:00:00Z"


@pytest.mark.parametrize("odd", ["a/b", "ü ß", "100%", "?#&", "日本語", "a\\b", "+"])
def test_rating_of_any_id_can_be_created_listed_and_deleted(client, odd):
    assert client.put(address(odd, odd), json={"value": 3}).status_code == 201

    listed = client.get(f"/v1/users/{quote(odd, safe='')}/ratings").json()["items"]
    assert [(entry["user_id"], entry["item_id"]) for entry in listed] == [(odd, odd)]

    assert client.delete(address(odd, odd)).status_code == 204
    gone = client.delete(address(odd, odd))
    assert (gone.status_code, gone.json()["type"]) == (404, "/problems/rating-not-found")


@on_sqlite
@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ('{"value": NaN}', "invalid-rating", "value is nan; a rating must be a finite number"),
        ('{"value": Infinity}', "invalid-rating", "value is inf"),
        ('{"value": 1e400}', "invalid-rating", "value is inf"),
        ('{"value": 6}', "value-off-scale", "which is not on the rating scale 1, 2, 3, 4, 5"),
        ('{"value": 2.5}', "value-off-scale", "value is 2.5"),
        ('{"value": "4"}', "malformed-request", "value is '4'"),
        ('{"value": true}', "malformed-request", "value is True"),
        ("{}", "malformed-request", "value is missing; send it"),
        ('{"value": 4, "rated_at": "2026-06-01T12:00:00"}', "malformed-request", "rated_at is"),
        ('{"value": 4, "rating": 5}', "malformed-request", "rating is unknown"),
    ],
)
def test_put_rating_refuses_invalid_value_with_remedy(scale_client, body, code, said):
    answer = scale_client.put(
        address("u", "i"), content=body, headers={"content-type": "application/json"}
    )

    assert (answer.status_code, answer.json()["type"]) == (422, f"/problems/{code}")
    assert said in answer.json()["detail"]
    assert scale_client.get("/v1/users/u/ratings").status_code == 404


@on_sqlite
@pytest.mark.parametrize("bad", ["x" * 257, "a\tb", "a\x00b", "\x7f", "\x85"])
@pytest.mark.parametrize("field", ["user_id", "item_id"])
def test_put_rating_names_invalid_id(client, bad, field):
    ids = {"user_id": "u", "item_id": "i", field: bad}

    answer = client.put(address(**ids), json={"value": 3})

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-id")
    assert answer.json()["field"] == field


PLAIN, OTHER = "application/json", "application/json; charset=utf-8"


@on_sqlite
@pytest.mark.parametrize("user_id", ["u", "a/b", "a\x07"])
@pytest.mark.parametrize(
    "body",
    [
        b'{"value": 4, "rated_at": "2026-06-01T14:00:00+02:00"}',
        b'{"value": 4, "value": 5, "rated_at": "2026-06-01T12:00:00.25Z"}',
        b'\n{"value":3e0,"rated_at":"2026-06-01T12:00:00Z"} ',
        b'{"value": 6}',
        b'{"value": NaN}',
        b'{"value": 123456789012345678901234567890}',
        b'{"value": null}',
        b'{"value": 4, "rated_at": "2026-06-01T12:00:00"}',
        b'{"value": 4, "rated_at": 1780315200}',
        b"{",
        b"",
        b"[]",
        b'{"value": 4, "rated_at": "%s"}' % (b"x" * 5000),
    ],
)
def test_put_rating_responds_alike_with_and_without_fastapi(scale_client, user_id, body):
    responses = [
        scale_client.put(address(user_id, "i"), content=body, headers={"content-type": media_type})
        for media_type in (PLAIN, OTHER)
    ]

    first, second = ((response.json(), dict(response.headers)) for response in responses)
    for found, headers in (first, second):
        found.pop("request_id", None)
        headers.pop("x-request-id")
    assert first == second
    created = {201: 200}  # the second request finds the rating of the first
    assert created.get(responses[0].status_code, responses[0].status_code) == (
        responses[1].status_code
    )


def test_ratings_list_is_empty_for_known_and_404_for_unknown_user(client):
    client.put(address("u", "i"), json={"value": 3})
    client.delete(address("u", "i"))

    assert client.get("/v1/users/u/ratings").json() == {"items": [], "next_cursor": None}
    assert client.get("/v1/users/nobody/ratings").json()["type"] == "/problems/user-not-found"


def test_rating_pages_list_each_rating_once(client):
    entries = [{"user_id": "u", "item_id": f"i{n}", "value": n} for n in range(7)]
    client.post("/v1/ratings", json={"ratings": entries})
    seen, cursor = [], None
    while True:
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = client.get("/v1/users/u/ratings", params=query).json()
        seen += [entry["item_id"] for entry in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert sorted(seen) == [f"i{n}" for n in range(7)]


def test_cursor_of_other_list_is_refused(client):
    entries = [{"user_id": user, "item_id": i, "value": 1} for user in "uv" for i in "abc"]
    client.post("/v1/ratings", json={"ratings": entries})
    cursor = client.get("/v1/users/u/ratings", params={"limit": 1}).json()["next_cursor"]

    for path in ("/v1/users/v/ratings", "/v1/items", "/v1/import-jobs"):
        answer = client.get(path, params={"cursor": cursor})
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-cursor")


def test_post_ratings_stores_many_and_reports_refusals_by_line(scale_client):
    entries = [
        {"user_id": "u", "item_id": "i", "value": 4},
        {"user_id": "", "item_id": "i", "value": 4},
        {"user_id": "u", "item_id": "i", "value": 9},
        "nonsense",
        {"user_id": "u", "item_id": "i", "value": 5, "rated_at": "2026-06-01T12:00:00Z"},
        {"user_id": 7, "item_id": 8, "value": 5},
    ]

    report = scale_client.post("/v1/ratings", json={"ratings": entries}).json()

    counts = {name: report[name] for name in ("accepted", "added", "changed", "outdated")}
    assert counts == {"accepted": 3, "added": 2, "changed": 0, "outdated": 1}
    assert [(refusal["line"], refusal["code"]) for refusal in report["refused"]] == [
        (2, "empty-user-id"),
        (3, "value-off-scale"),
        (4, "not-an-object"),
    ]


def test_post_ratings_reads_ndjson_by_line(client):
    good = json.dumps({"user_id": "u", "item_id": "i", "value": 4})

    answer = client.post("/v1/ratings", content=f"{good}\n\n{{broken\n{good}", headers=NDJSON)

    assert answer.status_code == 200
    assert (answer.json()["accepted"], answer.json()["unchanged"]) == (2, 1)
    assert [(refusal["line"], refusal["code"]) for refusal in answer.json()["refused"]] == [
        (3, "not-json")
    ]


@on_sqlite
@pytest.mark.parametrize(
    ("content", "content_type", "status", "said"),
    [
        (b"[]", "application/json", 422, "with one member, ratings, a list"),
        (b'{"ratings": 4}', "application/json", 422, "with one member, ratings, a list"),
        (b'{"ratings": [], "x": 1}', "application/json", 422, "with one member, ratings, a list"),
        (b"{", "application/json", 422, "The body is not JSON"),
        (b"[" * 100_000, "application/json", 422, "The body is not JSON"),
        (b"\xff\xfe", "application/json", 422, "The body is not JSON"),
        (b'{"ratings": []}', "text/csv", 415, "accepts application/json and application/x-ndjson"),
        (b"{}\n" * 10_001, "application/x-ndjson", 422, "at most 10,000 are accepted at once"),
    ],
)
def test_post_ratings_refuses_invalid_body(client, content, content_type, status, said):
    answer = client.post("/v1/ratings", content=content, headers={"content-type": content_type})

    assert answer.status_code == status
    assert said in answer.json()["detail"]


def test_post_ratings_accepts_at_most_10000_entries(client):
    entry = {"user_id": "u", "item_id": "i", "value": 4}

    assert client.post("/v1/ratings", json={"ratings": [entry] * 10_000}).json()["added"] == 1
    refused = client.post("/v1/ratings", json={"ratings": [entry] * 10_001})
    assert refused.json()["detail"].startswith("ratings has 10,001 entries; at most 10,000")
