"""Every error leaves as a problem, and every problem is explained."""

import json
import re

import pytest
import structlog
from fastapi import FastAPI
from pydantic import BaseModel, Field
from starlette.testclient import TestClient

from recsvc import errors
from recsvc.api import problems
from recsvc.api.app import create_app
from recsvc.api.openapi import responses
from recsvc.api.remedies import detail_with_remedy
from recsvc.api.routes.reference import problem_pages
from recsvc.config import Settings
from recsvc.errors import RecsvcError
from recsvc.errors.base import cut_value, quote

ESSENTIAL = {"type", "title", "status", "detail", "instance", "request_id"}


def tree(root: type[RecsvcError] = RecsvcError) -> list[type[RecsvcError]]:
    return [root, *(found for child in root.__subclasses__() for found in tree(child))]


def drawing(root: type[RecsvcError] = RecsvcError, indent: str = "    ") -> list[str]:
    """Draw the tree as the top of recsvc.errors does."""
    lines = []
    children = sorted(root.__subclasses__(), key=lambda kind: kind.__name__)
    for child in children:
        last = child is children[-1]
        lines.append(f"{indent}{'└── ' if last else '├── '}{child.__name__}")
        lines += drawing(child, indent + ("    " if last else "│   "))
    return lines


CLASSES = [kind for kind in tree() if kind.__module__.startswith("recsvc.errors.")]
by_name = pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)


def test_error_tree_of_docstring_is_up_to_date():
    drawn = [line for line in errors.__doc__.splitlines() if "──" in line]

    assert drawn == drawing()


def test_error_titles_are_unique():
    titles = [kind.title() for kind in CLASSES]

    assert len(set(titles)) == len(titles)
    assert all(kind.__dict__.get("__doc__") for kind in CLASSES)


@by_name
def test_error_class_has_status_or_stays_internal(kind):
    answered = problems.status_of(kind) != 500
    kept_inside = kind is RecsvcError or issubclass(kind, problems.INTERNAL_ERRORS)

    assert answered != kept_inside


@by_name
def test_problem_page_has_meaning_and_remedy(kind):
    section = problem_pages.sections()[kind.code()]

    assert f"**{kind.title()}**" in section
    assert "\nMeaning: " in section
    assert "\nRemedy: " in section


@by_name
def test_problem_page_has_status(kind):
    said = re.search(r"\*\* \((.*)\)", problem_pages.sections()[kind.code()])[1]
    status = problems.status_of(kind)

    if issubclass(kind, problems.INTERNAL_ERRORS):
        assert not said.isdecimal()
    else:
        assert said == str(status.value)


def test_quote_of_value_that_nests_too_deeply_names_its_type():
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]

    assert quote(nested) == "a list"
    assert quote("x" * 300) == repr("x" * 200 + "…")
    assert cut_value(["x" * 300]) == "['" + "x" * 198 + "…"
    assert (cut_value(7), cut_value(["a"])) == (7, ["a"])


def test_problem_with_large_facts_is_sent_without_them():
    error = errors.MalformedRequest("A remedy.", known=["x" * 500] * 100)

    document = json.loads(problems.problem({}, error).body)

    assert document["detail"] == "A remedy."
    assert "known" not in document


def test_problem_pages_match_error_classes():
    assert set(problem_pages.sections()) == {kind.code() for kind in CLASSES}


FAMILIES = set(problems.STATUS) - {
    errors.BodyTooLarge,
    errors.UnsupportedMedia,
    errors.MethodNotAllowed,
}
EXAMPLES = [
    responses.error_example(kind)
    for kind in CLASSES
    if problems.status_of(kind) != 500 and kind not in FAMILIES
]


def test_error_example_has_class_of_error():
    assert all(type(example) in CLASSES for example in EXAMPLES)
    assert len({type(example) for example in EXAMPLES}) == len(EXAMPLES) > 30


# What a client sees. These routes are the test's own, in the real app.


class Order(BaseModel):
    n: int = Field(ge=1)
    price: float


@pytest.fixture
def app(tmp_path) -> FastAPI:
    app = create_app(
        Settings(allowed_hosts="testserver", home=tmp_path, max_body_mb=0.0001)
    )  # 100 bytes

    @app.get("/raise/{name}")
    def raise_it(name: str):
        raise {type(example).__name__: example for example in EXAMPLES}[name]

    @app.get("/fault")
    def fail():
        raise ZeroDivisionError("the secret of the house")

    @app.post("/orders")
    def order(order: Order) -> Order:
        return order

    return app


def is_a_problem(answer, status: int, code: str) -> bool:
    said = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert said.keys() >= ESSENTIAL
    assert (answer.status_code, said["status"]) == (status, status)
    assert said["type"] == f"/problems/{code}"
    assert said["request_id"] == answer.headers["x-request-id"]
    return True


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: type(e).__name__)
def test_error_response_has_facts_of_error(client, example):
    answer = client.get(f"/raise/{type(example).__name__}")

    assert is_a_problem(answer, problems.status_of(type(example)), example.code())
    assert answer.json()["detail"] == detail_with_remedy(example)
    assert answer.json().items() >= json.loads(json.dumps(example.facts)).items()


def test_retryable_error_has_retry_after(client):
    answer = client.get("/raise/NoModelPublished")

    assert int(answer.headers["retry-after"]) > 0


def test_problem_type_opens_its_page(client):
    answer = client.get("/problems/value-off-scale")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/markdown")
    assert "RECSVC_RATING_SCALE" in answer.text


def test_unknown_problem_type_responds_404(client):
    assert is_a_problem(client.get("/problems/bad-luck"), 404, "route-not-found")


def test_unexpected_error_is_logged_and_hidden_from_client(client):
    with structlog.testing.capture_logs() as logged:
        answer = client.get("/fault", headers={"X-Request-ID": "call-7"})

    assert is_a_problem(answer, 500, "recsvc-error")
    assert "secret" not in answer.text
    assert "ZeroDivisionError" not in answer.text
    assert answer.json()["request_id"] == "call-7"
    assert [entry["event"] for entry in logged] == ["request failed", "request"]
    assert logged[0]["exc_info"]


def test_unknown_route_is_named_in_problem(client):
    answer = client.get("/v1/nothing")

    assert is_a_problem(answer, 404, "route-not-found")
    assert "/v1/nothing" in answer.json()["detail"]


def test_trailing_slash_is_unknown_route_without_redirect(client):
    assert is_a_problem(client.get("/livez/", follow_redirects=False), 404, "route-not-found")


def test_wrong_method_responds_405_with_allow_header(client):
    answer = client.delete("/orders")

    assert is_a_problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "POST"


def test_validation_problem_lists_every_wrong_field(client):
    answer = client.post("/orders", json={"n": 0})

    assert is_a_problem(answer, 422, "malformed-request")
    assert answer.json()["errors"] == [
        {
            "field": "n",
            "detail": "n is 0; it should be greater than or equal to 1.",
            "value": 0,
        },
        {"field": "price", "detail": "price is missing; send it."},
    ]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "not JSON"),
        (b'{"n": 1, "price": "\xff"}', "UTF-8"),
        (b"", "missing"),
        (b"[]", "[]"),
        (b'{"n": NaN, "price": 1}', "n is nan"),
        (b'{"n": "\\ud800", "price": 1}', "n is '\\ud800'"),
    ],
)
def test_unreadable_body_is_malformed_request(client, body, says):
    headers = {"Content-Type": "application/json"}
    answer = client.post("/orders", content=body, headers=headers)

    assert is_a_problem(answer, 422, "malformed-request")
    assert says in answer.json()["detail"]


def test_json_with_other_content_type_is_unsupported(client):
    headers = {"Content-Type": "text/csv"}
    answer = client.post("/orders", content=b'{"n": 1, "price": 2}', headers=headers)

    assert is_a_problem(answer, 415, "unsupported-media")
    assert "text/csv" in answer.json()["detail"]


JSON = {"Content-Type": "application/json"}


def test_body_over_limit_is_refused_by_content_length(client):
    answer = client.post("/orders", content=b" " * 101, headers=JSON)

    assert is_a_problem(answer, 413, "body-too-large")
    assert answer.json()["limit_bytes"] == 100


def test_body_over_limit_is_refused_when_chunked(client):
    pieces = (b" " * 60 for _ in range(2))
    answer = client.post("/orders", content=pieces, headers={"Content-Type": "application/json"})

    assert is_a_problem(answer, 413, "body-too-large")


def test_body_at_limit_is_accepted(client):
    body = b'{"n": 1, "price": 2}'.ljust(100)
    answer = client.post("/orders", content=body, headers={"Content-Type": "application/json"})

    assert answer.json() == {"n": 1, "price": 2.0}


def test_upload_limit_is_separate(tmp_path):
    app = create_app(
        Settings(
            allowed_hosts="testserver", home=tmp_path, max_body_mb=0.0001, max_upload_mb=0.0002
        )
    )

    with TestClient(app) as client:
        answers = [
            client.post("/v1/import-jobs", content=b" " * n, headers=JSON) for n in (150, 201)
        ]

    assert answers[0].status_code != 413
    assert is_a_problem(answers[1], 413, "body-too-large")
    assert answers[1].json()["limit_bytes"] == 200


@pytest.mark.parametrize("sent", ["call-7", "a.b:c_d-e"])
def test_client_request_id_is_kept(client, sent):
    assert client.get("/livez", headers={"X-Request-ID": sent}).headers["x-request-id"] == sent


@pytest.mark.parametrize("sent", ["two words", "x" * 129, "", 'a"b'])
def test_invalid_request_id_is_replaced(client, sent):
    given = client.get("/livez", headers={"X-Request-ID": sent}).headers["x-request-id"]

    assert re.fullmatch("[0-9a-f]{16}", given)


def test_traceparent_is_bound_to_logs_of_request(app, client):
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    seen = {}

    @app.get("/traced")
    def traced():
        seen.update(structlog.contextvars.get_contextvars())

    client.get("/traced", headers={"traceparent": trace, "X-Request-ID": "call-7"})

    assert seen == {"request_id": "call-7", "traceparent": trace}
