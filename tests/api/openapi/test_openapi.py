"""The OpenAPI document: complete, kept in docs/, and true of the running app."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import jsonschema_rs
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, reject, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, Case, GenerationMode

from recsvc.api import openapi_export
from recsvc.api.app import create_app
from recsvc.config import Settings
from tests.conftest import ROOT

APP = create_app(Settings(home=Path("/nowhere")))
DOCUMENT: dict[str, Any] = APP.openapi()
VERBS = (
    "add|cancel|create|delete|diagnose|erase|explain|get|list|log|patch|predict|publish|put|rank|recommend|request|"
    "retry|revoke|rollback|rotate|stream|validate"
)


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def examples() -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Give (where, schema, example) for each body and answer."""
    for where, operation in operations():
        contents = {"body": operation.get("requestBody", {}), **operation["responses"]}
        for name, said in contents.items():
            for kind, media in said.get("content", {}).items():
                named = [e["value"] for e in media.get("examples", {}).values()]
                for example in [media["example"]] if "example" in media else named or [None]:
                    yield f"{where} {name} {kind}", media.get("schema", {}), example


def test_openapi_document_in_docs_is_up_to_date():
    kept = (ROOT / "docs" / "openapi.json").read_text(encoding="utf-8")

    assert kept == openapi_export.text_of(APP), (
        "write it again: python -m recsvc.api.openapi_export"
    )


def test_operation_ids_are_unique_verb_and_noun():
    names = [operation["operationId"] for _, operation in operations()]

    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(rf"({VERBS})(_[a-z]+)+", name)] == []


def test_operation_has_summary_and_described_tag():
    explained = {tag["name"] for tag in DOCUMENT["tags"]}

    for where, operation in operations():
        assert operation["summary"], where
        assert len(operation["tags"]) == 1, where
        assert set(operation["tags"]) <= explained, where


@pytest.mark.parametrize(
    ("where", "schema", "example"), [pytest.param(*e, id=e[0]) for e in examples()]
)
def test_body_and_response_have_valid_examples(where, schema, example):
    assert example is not None

    if "json" in where:
        whole = {**schema, "components": DOCUMENT["components"]}
        jsonschema_rs.validator_for(whole).validate(example)


def resolve(answer: dict) -> dict:
    """Return a response, or the shared one that it refers to."""
    name = answer.get("$ref", "").rpartition("/")[2]
    return DOCUMENT["components"]["responses"][name] if name else answer


def test_error_responses_are_problem_documents():
    for where, operation in operations():
        for status, answer in operation["responses"].items():
            if status.startswith(("4", "5")) and where != "GET /readyz":
                answer = resolve(answer)
                assert list(answer["content"]) == ["application/problem+json"], (where, status)


def test_operation_with_input_documents_422():
    for where, operation in operations():
        if "parameters" in operation or "requestBody" in operation:
            assert "422" in operation["responses"], where


# Requests made up from the document, good and bad, against the app over real databases

MADE_UP = schemathesis.openapi.from_dict(DOCUMENT)
MADE_UP_ONCE = (Phase.explicit, Phase.generate)  # shrinking a failure would take minutes
ENDLESS = "GET /v1/training-jobs/{job_id}/events"


def labels() -> list[str]:
    return [where for where, _ in operations() if where != ENDLESS]


def send(client, case: Case):
    """Send a request as it was made up, but never wait for a job."""
    case.query = {name: value for name, value in (case.query or {}).items() if name != "wait"}
    made = requests.Request(**case.as_transport_kwargs(base_url="http://testserver")).prepare()
    return client.request(made.method, made.url, content=made.body, headers=dict(made.headers))


@pytest.mark.parametrize("label", labels())
def test_generated_requests_get_documented_responses(client, label):
    for mode in GenerationMode:
        answers_as_documented(client, MADE_UP.find_operation_by_label(label), mode)


def answers_as_documented(client, operation: APIOperation, mode: GenerationMode) -> None:
    documented = {*operation.definition.raw["responses"], "404", "405"}

    @seed(7)
    @settings(
        max_examples=8,
        phases=MADE_UP_ONCE,
        database=None,
        deadline=None,
        suppress_health_check=HealthCheck,
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send_what_is_made_up(case: Case) -> None:
        try:
            answer = send(client, case)
        except httpx2.InvalidURL:  # longer than the client sends
            reject()
        assert str(int(answer.status_code)) in documented, answer.text

    try:
        send_what_is_made_up()
    except Unsatisfiable:  # nothing can be sent there that is not in the document
        assert mode is GenerationMode.NEGATIVE
