"""Responses and logs stay short, whatever a client sends: a megabyte in every kind of place."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from starlette.testclient import TestClient

from recsvc.api.app import create_app
from tests.api.conftest import settings_for
from tests.conftest import ROOT

LONG = "ÿx" * 500_000
LONG_URL = "x" * 60_000  # a URL has at most 64 kB
SHORT_ENOUGH = 8_000  # bytes of a response, and of what it leaves in the log
DOCUMENT = json.loads((ROOT / "docs" / "openapi.json").read_text())
SCHEMAS = DOCUMENT["components"]["schemas"]
PATH_VALUES = {"user_id": "u42", "item_id": "book-7", "code": "overfit"}
PATH_NAMES = ("user_id", "item_id", "code", "job_id", "version", "sweep_id", "key_id")
JSON = {"Content-Type": "application/json"}

Request = dict[str, Any]


def fill(path: str, **values: str) -> str:
    for name in PATH_NAMES:
        path = path.replace("{" + name + "}", values.get(name, str(PATH_VALUES.get(name, 1))))
    return path


def spoilt_bodies(operation: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Bodies with the long text as a value, in a list, in objects and as a name."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return
    schema = content["schema"]
    if "$ref" in schema:
        schema = SCHEMAS[schema["$ref"].rsplit("/", 1)[1]]
    for name in schema.get("properties", {}):
        objects = [
            {LONG: LONG},
            {"user_id": LONG, "item_id": LONG},
            {"user_id": "u", "value": LONG},
        ]
        yield f"{name} text", {name: LONG}
        yield f"{name} list", {name: [LONG] * 30}
        yield f"{name} objects", {name: objects}
        yield f"{name} members", {name: {LONG: LONG, "n_hidden": [LONG], "trials": LONG}}
        yield f"{name} nested", {name: {"over": {LONG: [LONG]}, "hyperparameters": {LONG: 1}}}
        yield f"{name} number", {name: {"epochs": 10**4000, "n_hidden": 10**4000}}
    yield "unknown name", {LONG: 1}
    yield "text", LONG
    yield "list", [LONG]


def spoilt_requests(
    method: str, path: str, operation: dict[str, Any]
) -> Iterator[tuple[str, Request]]:
    plain: Request = {"method": method, "url": fill(path)}
    if method in ("post", "put", "patch"):
        plain["json"] = {}
    for parameter in operation.get("parameters", ()):
        name, where = parameter["name"], parameter["in"]
        values = {
            "path": {"url": fill(path, **{name: LONG_URL})},
            "query": {"params": {name: LONG_URL}},
            "header": {"headers": {name: LONG.encode()}},
            "cookie": {"headers": {"Cookie": f"{name}={LONG_URL}"}},
        }
        yield f"{where} {name}", plain | values[where]
    yield "unknown query", plain | {"params": {LONG_URL: "x"}}
    for header in ("Content-Type", "Host", "Origin", "X-Request-ID", "X-API-Key", "If-None-Match"):
        yield f"header {header}", plain | {"headers": {header: LONG.encode()}}
    for place, body in spoilt_bodies(operation):
        yield f"body {place}", {"method": method, "url": fill(path), "json": body}


OPERATIONS = {
    f"{method} {path}": (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}


@pytest.fixture(scope="module")
def client(tmp_path_factory) -> Iterator[TestClient]:
    home = tmp_path_factory.mktemp("echo") / "home"
    app = create_app(settings_for("", home))
    with TestClient(app, raise_server_exceptions=False) as client:
        client.post("/v1/training-jobs", json={})
        client.post("/v1/training-jobs/1/cancel", json={})  # so that its stream of events ends
        yield client


def check(client: TestClient, place: str, request: Request) -> None:
    with structlog.testing.capture_logs() as lines:
        answer = client.request(**request)

    assert answer.status_code in (503, *range(200, 500)), (place, answer.text[:1000])
    if answer.status_code >= 400:
        assert len(answer.content) < SHORT_ENOUGH, (place, answer.text[:3000])
        problem = answer.json()
        assert len(problem.get("errors", ())) <= 20
        assert not problem["detail"].endswith("…"), (place, "the remedy is missing")
        told = str({name: fact for name, fact in problem.items() if name != "instance"})
        assert LONG[:230] not in told, (place, told)
        assert LONG_URL[:230] not in told, (place, told)
    assert len(json.dumps(lines, default=str)) < SHORT_ENOUGH, place


@pytest.mark.parametrize("operation", OPERATIONS)
def test_response_and_log_are_short_for_a_megabyte_in_each_place(client, operation):
    for place, request in spoilt_requests(*OPERATIONS[operation]):
        check(client, place, request)


def test_path_without_a_route_is_cut(client):
    check(client, "path", {"method": "get", "url": f"/{LONG_URL}"})
    check(client, "method", {"method": "PATCH", "url": f"/problems/{LONG_URL}"})
    check(client, "not UTF-8", {"method": "get", "url": "/v1/items/" + "%FF" * 20_000})


@pytest.mark.parametrize("path", ["/v1/ratings", "/v1/interactions"])
def test_refused_lines_are_short(client, path):
    fields = ("user_id", "item_id", "value", "type", "quantity", "rated_at", "occurred_at")
    good = {"user_id": "u", "item_id": "i", "value": 4, "type": "view"}
    lines = [json.dumps(good | {field: LONG}) for field in fields]
    lines += [LONG, json.dumps({LONG: LONG}), json.dumps([LONG]), f'{{"user_id": "{LONG}']
    answer = client.post(
        path, content="\n".join(lines).encode(), headers={"Content-Type": "application/x-ndjson"}
    )

    refused = answer.json()["refused"]
    assert len(refused) >= 8
    assert max(len(one["detail"]) for one in refused) < 300


def test_upload_with_long_names_is_answered_briefly(client):
    good = ("a.csv", b"user,item,rating\nu,i,4\n")
    for place, request in {
        "file name": {"files": {"file": ("x" * 1_000_000, good[1])}},
        "format": {"files": {"file": good}, "data": {"format": "y" * 1_000_000}},
        "long format": {"files": {"file": good}, "data": {"format": "y" * 100_000}},
        "dry_run": {"files": {"file": good}, "data": {"dry_run": "y" * 100_000}},
        "field": {"files": {"x" * 1_000_000: good}},
        "media type": {"files": {"file": (*good, "x" * 1_000_000)}},
    }.items():
        answer = client.post("/v1/import-jobs", **request)
        assert answer.status_code < 500
        assert len(answer.content) < SHORT_ENOUGH, (place, answer.text[:1000])


def test_twenty_invalid_fields_are_listed_and_the_others_counted(client):
    problem = client.post("/v1/keys", json={"name": "a", "scopes": [7] * 50}).json()

    assert len(problem["errors"]) == 20
    assert problem["n_more_errors"] == 30
    assert problem["detail"].startswith(
        "50 fields are invalid, of which 20 are listed. The first: "
    )


def test_values_that_nest_deeply_are_refused_briefly(client):
    for depth in (50, 400, *range(850, 1000, 10), 100_000):
        nested = "[" * depth + "]" * depth
        for body in (f'{{"hyperparameters": {{"epochs": {nested}}}}}', f'{{"seed": {nested}}}'):
            request = {"content": body, "headers": JSON}
            check(client, str(depth), {"method": "post", "url": "/v1/training-jobs", **request})
