"""Ids in addresses: any UTF-8, a slash among it, through the test client and a real server."""

from http.client import HTTPConnection
from urllib.parse import quote, urlsplit

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from recsvc.api.app import create_app
from recsvc.api.middleware.raw_path import IdConvertor, canonical, segment
from recsvc.config import Settings

IDS = [
    "u42",
    "a/b",
    "/",
    "a%2Fb",
    "100%",
    "ключ",
    "名前/ü",
    "a b+c",
    "?x=1#y",
    ":validate",
    "👍",
    "a;b=c",
]


@pytest.fixture
def app(tmp_path) -> FastAPI:
    app = create_app(Settings(allowed_hosts="testserver", home=tmp_path))

    @app.get("/echo/{user_id:id}/ratings/{item_id:id}")
    def echo(user_id: str, item_id: str):
        return [user_id, item_id]

    return app


@given(st.text(min_size=1))
def test_segment_round_trips_through_id_convertor(outside_id):
    assert IdConvertor().convert(segment(outside_id)) == outside_id


@given(st.text(min_size=1))
def test_canonical_path_does_not_depend_on_escaping(outside_id):
    sparing = quote(outside_id, safe="!$&'()*+,;=:@")
    lavish = "".join(f"%{byte:02x}" for byte in outside_id.encode())

    assert canonical(f"/v1/{sparing}".encode()) == canonical(f"/v1/{lavish}".encode())
    assert IdConvertor().convert(canonical(lavish.encode())) == outside_id


@pytest.mark.parametrize("outside_id", IDS)
def test_id_arrives_unchanged(client, outside_id):
    answer = client.get(f"/echo/{segment(outside_id)}/ratings/{segment(outside_id)}")

    assert answer.json() == [outside_id, outside_id]


def test_id_arrives_unchanged_through_real_server(url):
    connection = HTTPConnection(urlsplit(url).netloc)
    for outside_id in [*IDS, ".", ".."]:
        connection.request("GET", f"/echo/{segment(outside_id)}/ratings/x")

        assert connection.getresponse().read().decode() == f'["{outside_id}","x"]'
    connection.close()


def test_unescaped_slash_separates_segments(client):
    assert client.get("/echo/a/b/ratings/c").status_code == 404


def test_empty_id_responds_404(client):
    assert client.get("/echo//ratings/c").status_code == 404


def test_path_that_is_not_utf8_responds_422(url):
    connection = HTTPConnection(urlsplit(url).netloc)
    for path in ("/echo/%FF/ratings/x", "/echo/%C3/ratings/x", "/echo/%ED%A0%80/ratings/x"):
        connection.request("GET", path)
        answer = connection.getresponse()

        assert answer.status == 422
        assert b"not UTF-8" in answer.read()
    connection.close()


def test_id_with_nul_is_refused(client):
    for method, path in (
        ("GET", "/v1/users/a%00b/ratings"),
        ("DELETE", "/v1/users/a%00b"),
        ("DELETE", "/v1/users/a/ratings/b%00"),
        ("GET", "/v1/items/%00"),
    ):
        answer = client.request(method, path)

        assert answer.status_code == 422
        assert answer.json()["type"] == "/problems/invalid-id"


def test_path_outside_ids_may_be_escaped(client):
    assert client.get("/%6Civez").json() == {"status": "alive"}
