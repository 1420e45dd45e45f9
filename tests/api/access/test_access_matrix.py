"""Each operation of the API document, called with every kind of caller that it names."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.testclient import TestClient

from recsvc.api.access.exposure import Exposure
from recsvc.service.access.scopes import SCOPES
from tests.conftest import ROOT
from tests.factories.access import Service, bearer, serving

DOCUMENT = json.loads((ROOT / "docs" / "openapi.json").read_text())
PATH_VALUES = {"user_id": "u42", "item_id": "book-7", "code": "overfit"}
CHANGES = ("post", "put", "patch", "delete")
MULTIPART = {"files": {"file": ("ratings.csv", b"user,item,rating\nu,i,4\n")}}


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    scope: str | None
    body: dict[str, Any]

    def call(self, client: TestClient, **headers: str) -> int:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.request(self.method, self.path, headers=names, **self.body).status_code


def operations() -> Iterator[Operation]:
    for path, methods in DOCUMENT["paths"].items():
        for method, described in methods.items():
            if path.endswith("/events"):
                continue  # a stream, which ends with its job: tests/api/routes/jobs
            filled = path.format(
                **{
                    parameter["name"]: PATH_VALUES.get(parameter["name"], 1)
                    for parameter in described.get("parameters", ())
                    if parameter["in"] == "path"
                }
            )
            security = described.get("security") or [{"": [None]}]
            (scopes,) = {tuple(scopes) for entry in security for scopes in entry.values()}
            yield Operation(method, filled, scopes[0], body_of(described, method))


def body_of(described: dict[str, Any], method: str) -> dict[str, Any]:
    content = described.get("requestBody", {}).get("content", {})
    if "multipart/form-data" in content:
        return MULTIPART
    if "application/json" not in content:
        return {"json": {}} if method == "post" else {}
    media = content["application/json"]
    example = media.get("example") or next(iter(media["examples"].values()))["value"]
    return {"json": example}


OPERATIONS = list(operations())
KEYED = [operation for operation in OPERATIONS if operation.scope]
by_name = pytest.mark.parametrize(
    "operation", OPERATIONS, ids=lambda one: f"{one.method} {one.path}"
)
by_keyed_name = pytest.mark.parametrize(
    "operation", KEYED, ids=lambda one: f"{one.method} {one.path}"
)


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("network") / "home"
    with serving(home, Exposure.NETWORK, rate_limit=0) as service:
        yield service


@pytest.fixture(scope="module")
def limited_service(tmp_path_factory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("limited") / "home"
    with serving(home, Exposure.NETWORK, rate_limit=1) as service:
        yield service


def test_document_lists_scope_of_every_operation():
    opened = {operation.path for operation in OPERATIONS if operation.scope is None}

    assert opened == {"/livez", "/readyz", "/v1/login", "/problems/overfit", "/diagnosis/overfit"}
    assert {operation.scope for operation in KEYED} == set(SCOPES)


@by_keyed_name
def test_operation_needs_key(service, operation):
    assert operation.call(service.client) == 401
    assert operation.call(service.client, X_API_Key="rsk_0123456789_unknown") == 401


@by_keyed_name
@pytest.mark.parametrize("invalid", ["revoked", "expired"])
def test_operation_refuses_invalid_key(service, operation, invalid):
    assert operation.call(service.client, **bearer(service.secrets[invalid])) == 401


@by_keyed_name
def test_operation_refuses_key_without_scope(service, operation):
    for scope in set(SCOPES) - {operation.scope, "admin"}:
        assert operation.call(service.client, **bearer(service.secrets[scope])) == 403


@by_keyed_name
@pytest.mark.parametrize("header", ["bearer", "x-api-key"])
def test_operation_accepts_key_with_scope(service, operation, header):
    for scope in (operation.scope, "admin"):
        secret = service.secrets[scope]
        sent = bearer(secret) if header == "bearer" else {"X-API-Key": secret}
        assert operation.call(service.client, **sent) not in (401, 403, 421, 429, 500)


@by_keyed_name
def test_operation_refuses_requests_over_rate_limit(limited_service, operation):
    headers = bearer(limited_service.secrets[operation.scope])
    answers = [operation.call(limited_service.client, **headers) for _ in range(3)]

    assert 429 in answers, "one request a second is permitted"


@by_name
def test_operation_refuses_foreign_host(service, operation):
    key = bearer(service.secrets["admin"])
    status = operation.call(service.client, Host="rebound.example", **key)

    assert status == (200 if operation.path in ("/livez", "/readyz") else 421)


@by_name
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://other.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=lambda headers: " ".join(map(": ".join, headers.items())),
)
def test_operation_refuses_changes_of_other_sites(service, operation, headers):
    key = bearer(service.secrets["admin"])
    status = operation.call(service.client, **headers, **key)

    if operation.method in CHANGES:
        assert status == 403
    else:
        assert status != 403, "a page of another site cannot read the response"


def test_key_gets_429_for_a_job_above_its_quota(tmp_path):
    with serving(tmp_path / "home", Exposure.NETWORK, max_jobs_per_key=2) as service:
        secrets, post = service.secrets, service.client.post
        of_train, of_admin = bearer(secrets["train"]), bearer(secrets["admin"])
        for _ in range(2):
            assert post("/v1/training-jobs", json={}, headers=of_train).status_code == 202
        sweep = {"grid": {"n_hidden": [4, 8]}}
        refused = [
            post("/v1/training-jobs", json={}, headers=of_train),
            post("/v1/sweeps", json=sweep, headers=of_train),
        ]
        others = [
            post("/v1/sweeps", json=sweep, headers=of_admin),
            post("/v1/import-jobs", headers=of_admin, **MULTIPART),
        ]
        uploaded = post("/v1/import-jobs", headers=of_admin, **MULTIPART)

    problem = refused[0].json()
    assert [answer.status_code for answer in refused] == [429, 429]
    assert refused[0].headers["Retry-After"]
    assert problem["type"] == "/problems/job-quota-reached"
    assert problem["prefix"] in secrets["train"]
    assert problem["limit"] == problem["n_jobs"] == 2
    assert "RECSVC_MAX_JOBS_PER_KEY" in problem["detail"]
    assert [answer.status_code for answer in others] == [202, 202]
    assert (uploaded.status_code, uploaded.json()["n_jobs"]) == (429, 2)
