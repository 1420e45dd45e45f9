import pytest
from fastapi.testclient import TestClient

from recsvc.api.app import create_app
from recsvc.config import Settings

RATE = "/v1/users/ann/ratings/tea"
SHOP = "https://shop.example"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    home = tmp_path_factory.mktemp("guarded") / "home"
    settings = Settings(
        home=home, allowed_hosts="recommender.internal, .shop.example", cors_origins=SHOP
    )
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        yield client


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:8000", 200),
        ("127.0.0.1:80", 200),
        ("[::1]:8000", 200),
        ("Recommender.Internal", 200),
        ("a.shop.example", 200),
        ("shop.example", 421),
        ("localhost.other.example", 421),
        ("127.0.0.1.other.example", 421),
        ("10.0.0.7", 421),
        ("[", 421),
        ("", 421),
    ],
)
def test_host_must_be_loopback_or_allowed(client, host, status):
    answer = client.get("/v1/items", headers={"Host": host})

    assert answer.status_code == status
    if status == 421:
        assert "RECSVC_ALLOWED_HOSTS" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://localhost"}, 200),
        ({"Origin": SHOP}, 200),
        ({"Origin": SHOP, "Sec-Fetch-Site": "cross-site"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "http://localhost:8080"}, 403),
        ({"Origin": "https://a.shop.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_change_must_come_from_own_or_allowed_origin(client, headers, status):
    client.put(RATE, json={"value": 3})

    assert client.put(RATE, json={"value": 4}, headers=headers).status_code == status


def test_post_without_body_needs_content_type(client):
    refused = client.post("/v1/models/rollback")
    accepted = client.post("/v1/models/rollback", headers={"Content-Type": "application/json"})

    assert (refused.status_code, accepted.status_code) == (415, 409)
    assert "Content-Type: application/json" in refused.json()["detail"]


def test_cors_is_limited_to_named_origins(client):
    preflight = {"Access-Control-Request-Method": "PUT"}
    named = client.options(RATE, headers=preflight | {"Origin": SHOP})
    other = client.options(RATE, headers=preflight | {"Origin": "https://other.example"})

    assert named.headers["Access-Control-Allow-Origin"] == SHOP
    assert "Access-Control-Allow-Origin" not in other.headers


def test_responses_forbid_content_sniffing(client):
    for path in ("/", "/livez", "/v1/items", "/v1/nothing", "/metrics", "/docs"):
        assert client.get(path).headers["X-Content-Type-Options"] == "nosniff", path


def test_personal_responses_are_kept_from_shared_caches(client):
    listed = client.get("/v1/users/ann/recommendations")
    ratings = client.get("/v1/users/ann/ratings")

    assert "ETag" in listed.headers
    assert listed.headers["Cache-Control"] == "private, no-cache"
    assert ratings.headers["Cache-Control"] == "private, no-store"
    assert "Authorization" in ratings.headers["Vary"]


def test_origin_setting_must_have_scheme(tmp_path):
    with pytest.raises(ValueError, match="scheme and host"):
        Settings(home=tmp_path, cors_origins="shop.example")
