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


def test_the_drawing_at_the_top_is_the_tree():
    drawn = [line for line in errors.__doc__.splitlines() if "──" in line]

    assert drawn == drawing()


def test_no_two_kinds_share_a_title():
    titles = [kind.title() for kind in CLASSES]

    assert len(set(titles)) == len(titles)
    assert all(kind.__dict__.get("__doc__") for kind in CLASSES)


@by_name
def test_every_kind_has_a_status_or_never_leaves_a_route(kind):
    answered = problems.status_of(kind) != 500
    kept_inside = kind is RecsvcError or issubclass(kind, problems.INTERNAL_ERRORS)

    assert answered != kept_inside


@by_name
def test_the_docs_say_what_it_means_and_what_to_do(kind):
    section = problem_pages.sections()[kind.code()]

    assert f"**{kind.title()}**" in section
    assert "\nMeaning: " in section
    assert "\nRemedy: " in section


@by_name
def test_the_docs_give_its_status(kind):
    said = re.search(r"\*\* \((.*)\)", problem_pages.sections()[kind.code()])[1]
    status = problems.status_of(kind)

    if issubclass(kind, problems.INTERNAL_ERRORS):
        assert not said.isdecimal()
    else:
        assert said == str(status.value)


def test_the_docs_explain_nothing_that_does_not_exist():
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


def test_error_example_has_the_class_of_the_error():
    assert all(type(example) in CLASSES for example in EXAMPLES)
    assert len({type(example) for example in EXAMPLES}) == len(EXAMPLES) > 30


# What a client sees. These routes are the test's own, in the real app.


class Order(BaseModel):
    n: int = Field(ge=1)
    price: float


@pytest.fixture
def app(tmp_path) -> FastAPI:
    app = create_app(Settings(home=tmp_path, max_body_mb=0.0001))  # 100 bytes

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
def test_an_error_of_ours_is_answered_with_its_facts(client, example):
    answer = client.get(f"/raise/{type(example).__name__}")

    assert is_a_problem(answer, problems.status_of(type(example)), example.code())
    assert answer.json()["detail"] == detail_with_remedy(example)
    assert answer.json().items() >= json.loads(json.dumps(example.facts)).items()


def test_what_will_work_later_says_when_to_ask_again(client):
    answer = client.get("/raise/NoModelPublished")

    assert int(answer.headers["retry-after"]) > 0


def test_a_type_opens_its_page(client):
    answer = client.get("/problems/value-off-scale")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/markdown")
    assert "RECSVC_RATING_SCALE" in answer.text


def test_a_type_that_does_not_exist_is_an_unknown_address(client):
    assert is_a_problem(client.get("/problems/bad-luck"), 404, "route-not-found")


def test_a_fault_of_ours_tells_the_log_everything_and_the_client_nothing(client):
    with structlog.testing.capture_logs() as logged:
        answer = client.get("/fault", headers={"X-Request-ID": "call-7"})

    assert is_a_problem(answer, 500, "recsvc-error")
    assert "secret" not in answer.text
    assert "ZeroDivisionError" not in answer.text
    assert answer.json()["request_id"] == "call-7"
    assert [entry["event"] for entry in logged] == ["request failed", "request"]
    assert logged[0]["exc_info"]


def test_an_unknown_address_is_named(client):
    answer = client.get("/v1/nothing")

    assert is_a_problem(answer, 404, "route-not-found")
    assert "/v1/nothing" in answer.json()["detail"]


def test_an_address_with_a_slash_too_many_is_unknown_rather_than_redirected(client):
    assert is_a_problem(client.get("/livez/", follow_redirects=False), 404, "route-not-found")


def test_a_method_that_does_not_work_there_gets_those_that_do(client):
    answer = client.delete("/orders")

    assert is_a_problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "POST"


def test_every_wrong_field_is_listed_with_its_value_and_the_remedy(client):
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
def test_a_body_that_cannot_be_read_is_malformed(client, body, says):
    headers = {"Content-Type": "application/json"}
    answer = client.post("/orders", content=body, headers=headers)

    assert is_a_problem(answer, 422, "malformed-request")
    assert says in answer.json()["detail"]


def test_json_that_is_called_something_else_is_unsupported(client):
    headers = {"Content-Type": "text/csv"}
    answer = client.post("/orders", content=b'{"n": 1, "price": 2}', headers=headers)

    assert is_a_problem(answer, 415, "unsupported-media")
    assert "text/csv" in answer.json()["detail"]


def test_a_body_over_the_limit_is_refused_by_its_announced_length(client):
    answer = client.post("/orders", content=b" " * 101)

    assert is_a_problem(answer, 413, "body-too-large")
    assert answer.json()["limit_bytes"] == 100


def test_a_body_over_the_limit_is_refused_when_it_comes_in_pieces(client):
    pieces = (b" " * 60 for _ in range(2))
    answer = client.post("/orders", content=pieces, headers={"Content-Type": "application/json"})

    assert is_a_problem(answer, 413, "body-too-large")


def test_a_body_at_the_limit_is_taken(client):
    body = b'{"n": 1, "price": 2}'.ljust(100)
    answer = client.post("/orders", content=body, headers={"Content-Type": "application/json"})

    assert answer.json() == {"n": 1, "price": 2.0}


def test_uploads_have_a_limit_of_their_own(tmp_path):
    app = create_app(Settings(home=tmp_path, max_body_mb=0.0001, max_upload_mb=0.0002))

    with TestClient(app) as client:
        answers = [client.post("/v1/import-jobs", content=b" " * n) for n in (150, 201)]

    assert answers[0].status_code != 413
    assert is_a_problem(answers[1], 413, "body-too-large")
    assert answers[1].json()["limit_bytes"] == 200


@pytest.mark.parametrize("sent", ["call-7", "a.b:c_d-e"])
def test_a_clients_request_id_is_kept(client, sent):
    assert client.get("/livez", headers={"X-Request-ID": sent}).headers["x-request-id"] == sent


@pytest.mark.parametrize("sent", ["two words", "x" * 129, "", 'a"b'])
def test_a_request_id_not_fit_for_a_log_is_replaced(client, sent):
    given = client.get("/livez", headers={"X-Request-ID": sent}).headers["x-request-id"]

    assert re.fullmatch("[0-9a-f]{16}", given)


def test_a_trace_goes_into_every_log_line_of_its_request(app, client):
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    seen = {}

    @app.get("/traced")
    def traced():
        seen.update(structlog.contextvars.get_contextvars())

    client.get("/traced", headers={"traceparent": trace, "X-Request-ID": "call-7"})

    assert seen == {"request_id": "call-7", "traceparent": trace}
