"""Keys, logins and the audit log of a service in a network."""

import re
from collections.abc import Iterator

import pytest

from recsvc.api.access.authorization import COOKIE
from recsvc.api.access.exposure import Exposure
from tests.factories.access import Service, bearer, serving

PREFIX = re.compile(r"rsk_[0-9a-f]{10}")
SHOP = {"name": "shop back end", "scopes": ["write", "recommend"]}
RATE = "/v1/users/ann/ratings/tea"


@pytest.fixture
def service(tmp_path) -> Iterator[Service]:
    with serving(tmp_path / "home", Exposure.NETWORK, rate_limit=0) as service:
        yield service


@pytest.fixture
def admin(service) -> dict[str, str]:
    return bearer(service.secrets["admin"])


def test_created_key_works_at_once_and_is_listed_without_secret(service, admin):
    created = service.client.post("/v1/keys", json=SHOP, headers=admin)
    key = created.json()

    rated = service.client.put(RATE, json={"value": 4}, headers=bearer(key["key"]))
    listed = service.client.get("/v1/keys", headers=admin).json()["items"]

    assert (created.status_code, rated.status_code) == (201, 201)
    assert created.headers["Location"] == f"/v1/keys/{key['id']}"
    assert PREFIX.fullmatch(key["prefix"])
    assert key["scopes"] == ["recommend", "write"]
    unstable = {"key", "last_used_at"}  # the rating has used it
    assert {name: listed[-1][name] for name in key if name not in unstable} == {
        name: key[name] for name in key if name not in unstable
    }
    assert "key" not in listed[-1]
    assert key["key"] not in service.client.get("/v1/keys", headers=admin).text


def test_revoked_key_is_refused_by_next_request(service, admin):
    key = service.client.post("/v1/keys", json=SHOP, headers=admin).json()

    revoked = service.client.delete(f"/v1/keys/{key['id']}", headers=admin)
    refused = service.client.put(RATE, json={"value": 4}, headers=bearer(key["key"]))

    assert revoked.json()["revoked_at"] is not None
    assert refused.status_code == 401
    assert refused.json()["type"] == "/problems/key-revoked"
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")


def test_rotated_key_replaces_old_one(service, admin):
    old = service.client.post("/v1/keys", json=SHOP, headers=admin).json()

    new = service.client.post(f"/v1/keys/{old['id']}/rotate", json={}, headers=admin).json()
    answers = [
        service.client.put(RATE, json={"value": 4}, headers=bearer(key["key"])).status_code
        for key in (old, new)
    ]

    assert answers == [401, 201]
    assert (new["name"], new["scopes"]) == (old["name"], old["scopes"])


def test_key_with_past_expiry_is_refused_with_remedy(service, admin):
    body = SHOP | {"expires_at": "2020-01-01T00:00:00Z"}
    answer = service.client.post("/v1/keys", json=body, headers=admin)

    assert answer.status_code == 422
    assert "not in the future" in answer.json()["detail"]


def test_scope_error_names_required_and_own_scopes(service):
    answer = service.client.put(
        RATE, json={"value": 4}, headers=bearer(service.secrets["recommend"])
    )

    problem = answer.json()
    assert problem["required_scope"] == "write"
    assert problem["scopes"] == ["recommend"]
    assert service.secrets["recommend"] not in answer.text


def test_last_use_of_key_is_recorded(service, admin):
    service.client.put(RATE, json={"value": 4}, headers=bearer(service.secrets["write"]))
    service.client.app.state.key_ring.stop()  # records what the minute has not ended for

    listed = service.client.get("/v1/keys", headers=admin).json()["items"]

    used = {key["name"]: key["last_used_at"] for key in listed}
    assert used["write"] is not None
    assert used["train"] is None


def test_audit_log_lists_changes_with_key_and_request_id(service, admin):
    trained = service.client.post(
        "/v1/training-jobs", json={}, headers=bearer(service.secrets["train"])
    )
    service.client.put(RATE, json={"value": 4}, headers=bearer(service.secrets["write"]))
    service.client.delete("/v1/users/ann", headers=admin)
    service.client.delete("/v1/users/nobody", headers=admin)

    entries = service.client.get("/v1/audit", headers=admin).json()["items"]

    assert [(entry["operation"], entry["path"]) for entry in entries] == [
        ("erase_user", "/v1/users/ann"),
        ("request_training", "/v1/training-jobs"),
    ], "ratings are not listed, nor is what changed nothing"
    assert entries[1]["request_id"] == trained.headers["X-Request-ID"]
    assert PREFIX.fullmatch(entries[1]["key_prefix"])


# Logins


@pytest.fixture
def token(service) -> str:
    """The CSRF token of a client that has logged in as an administrator."""
    answer = service.client.post("/v1/login", json={"key": service.secrets["admin"]})
    assert answer.status_code == 200
    return answer.json()["csrf_token"]


def test_login_cookie_is_strict_and_hidden_from_scripts(service):
    answer = service.client.post("/v1/login", json={"key": service.secrets["admin"]})

    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert service.secrets["admin"] not in cookie


def test_login_refuses_unknown_key(service):
    answer = service.client.post("/v1/login", json={"key": "rsk_0123456789_unknown"})

    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers


def test_cookie_reads_without_token_and_changes_with_it(service, token):
    read = service.client.get("/v1/training-jobs")
    refused = service.client.post("/v1/training-jobs", json={})
    wrong = service.client.post("/v1/training-jobs", json={}, headers={"X-CSRF-Token": "0" * 64})
    changed = service.client.post("/v1/training-jobs", json={}, headers={"X-CSRF-Token": token})

    assert [answer.status_code for answer in (read, refused, wrong, changed)] == [
        200,
        403,
        403,
        202,
    ]
    assert refused.json()["type"] == "/problems/invalid-csrf-token"


def test_login_survives_restart_and_ends_with_its_key(service, token):
    assert service.client.get("/v1/login").json()["csrf_token"] == token
    (admin_id,) = [
        key["id"]
        for key in service.client.get("/v1/keys").json()["items"]
        if key["name"] == "admin"
    ]

    service.client.delete(f"/v1/keys/{admin_id}", headers={"X-CSRF-Token": token})

    assert service.client.get("/v1/training-jobs").status_code == 401
    assert service.client.get("/v1/login").json() == {
        "needs_key": True,
        "prefix": None,
        "scopes": None,
        "csrf_token": None,
    }


def test_logout_ends_login(service, token):
    cookie = service.client.cookies[COOKIE]
    answer = service.client.delete("/v1/login", headers={"X-CSRF-Token": token})
    service.client.cookies.set(COOKIE, cookie)

    assert answer.status_code == 204
    assert service.client.get("/v1/training-jobs").json()["type"] == "/problems/login-expired"


# Exposure


def test_loopback_service_is_open_until_first_key(tmp_path):
    from fastapi.testclient import TestClient

    from recsvc.api.app import create_app
    from tests.api.conftest import settings_for

    app = create_app(settings_for("", tmp_path / "home"), Exposure.LOOPBACK)
    with TestClient(app, base_url="http://localhost") as client:
        before = client.put(RATE, json={"value": 4})
        key = client.post("/v1/keys", json=SHOP).json()
        without = client.put(RATE, json={"value": 5})
        with_key = client.put(RATE, json={"value": 5}, headers=bearer(key["key"]))
        metrics = client.get("/metrics")

    answers = (before, without, with_key, metrics)
    assert [answer.status_code for answer in answers] == [201, 401, 200, 200]
