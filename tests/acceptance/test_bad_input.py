"""Bad input is refused in words that name field, value and remedy, and loses nothing."""

import gzip
import io
import json
import os

import httpx2
import pytest

from recsvc.client import ApiError, Client
from tests.acceptance.conftest import PATIENCE_SECONDS, Site, fill, trained

pytestmark = pytest.mark.acceptance

ONE = "/v1/users/ann/ratings/book-001"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A service with a declared scale, a small body limit and some ratings."""
    site = Site(
        tmp_path_factory.mktemp("strict") / "home",
        rating_scale="1:5:1",
        max_body_mb=0.5,
    )
    try:
        client = site.serve()
        fill(client)
        client.rate("ann", "book-001", 4)
        trained(client)
        yield client
    finally:
        site.close()


@pytest.fixture(autouse=True)
def nothing_is_lost(request):
    """After each test every rating is there, and the model answers as before."""
    if "client" not in request.fixturenames:
        yield
        return
    client = request.getfixturevalue("client")
    before = state_of(client)
    yield
    assert state_of(client) == before


def state_of(client: Client) -> tuple:
    (rating,) = client.ratings("ann")
    version = client.recommendations("ann", 5)["model_version"]
    return rating, version, len(list(client.ratings("reader-001")))


def send(client: Client, method: str, path: str, **options) -> httpx2.Response:
    if method == "POST" and not options:
        options = {"json": {}}
    return httpx2.request(method, f"{client.base_url}{path}", timeout=PATIENCE_SECONDS, **options)


def check_problem(answer: httpx2.Response, status: int, code: str) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == f"/problems/{code}"
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        ('{"value": 6}', "value-off-scale", ["value", "6", "1, 2, 3, 4, 5", "RECSVC_RATING_SCALE"]),
        ('{"value": 3.5}', "value-off-scale", ["3.5", "RECSVC_RATING_SCALE"]),
        ('{"value": NaN}', None, ["value", "finite"]),
        ('{"value": "five"}', "malformed-request", ["value", "'five'", "number"]),
        ('{"valeu": 4}', "malformed-request", ["valeu", "leave it out"]),
        ("{", "malformed-request", ["not JSON"]),
    ],
)
def test_invalid_rating_value_is_refused_with_remedy(client, body, code, told):
    answer = send(client, "PUT", ONE, content=body, headers={"Content-Type": "application/json"})

    problem = check_problem(answer, 422, code or answer.json()["type"].removeprefix("/problems/"))
    text = json.dumps(problem, ensure_ascii=False)
    assert [word for word in told if word not in text] == []


@pytest.mark.parametrize(
    "user_id", ["x" * 257, "tab%09inside", "nul%00inside"], ids=["over-long", "control", "NUL"]
)
def test_invalid_id_is_refused(client, user_id):
    answer = send(client, "PUT", f"/v1/users/{user_id}/ratings/book-001", json={"value": 4})

    problem = check_problem(answer, 422, "invalid-id")
    assert problem["field"] == "user_id"
    assert "1 to 256 characters" in problem["detail"]


def test_bulk_ratings_refuse_bad_lines_and_store_good_line(client):
    lines = [
        {"user_id": "ben", "item_id": "book-001", "value": 4},
        {"user_id": "", "item_id": "book-001", "value": 4},
        {"user_id": "ben", "item_id": "x" * 300, "value": 4},
        {"user_id": "ben", "item_id": "book-002", "value": 9},
    ]

    report = client.send_ratings(lines)

    assert report["accepted"] == 1
    assert [refusal["line"] for refusal in report["refused"]] == [2, 3, 4]
    assert all(refusal["detail"] for refusal in report["refused"])
    assert len(list(client.ratings("ben"))) == 1


@pytest.mark.parametrize(
    ("asked", "code", "field"),
    [
        ({"n_hiden": 10}, "unknown-hyperparameter", "hyperparameters.n_hiden"),
        ({"n_hidden": -3}, "invalid-hyperparameter", "hyperparameters.n_hidden"),
        ({"learning_rate": "fast"}, "invalid-hyperparameter", "hyperparameters.learning_rate"),
    ],
)
def test_invalid_hyperparameters_are_refused_without_job(client, asked, code, field):
    jobs = len(list(client.jobs("training")))

    answer = send(client, "POST", "/v1/training-jobs", json={"hyperparameters": asked})

    problem = check_problem(answer, 422, code)
    assert problem["field"] == field
    assert "n_hidden" in json.dumps(problem) or "number" in problem["detail"]
    assert len(list(client.jobs("training"))) == jobs


@pytest.mark.parametrize(
    ("name", "content", "code", "told"),
    [
        ("ratings.csv", os.urandom(20_000), "binary-file", "Send ratings as text"),
        (
            "ratings.csv.gz",
            gzip.compress(b"user_id,item_id,rating\n" + b"zed,book-001,4\n" * 5000)[:-40],
            "truncated-file",
            "again",
        ),
        ("photo.csv", b"\x89PNG\r\n\x1a\n" + bytes(5000), "binary-file", "Send ratings as text"),
        (
            "times.csv",
            b"USER_ID,ITEM_ID,TIMESTAMP\nann,book-001,1586731606\n",
            "unrecognised-format",
            "Missing: a rating, an event type or a quantity",
        ),
        (
            "prices.csv",
            b"item_id,title,price\nbook-001,The Quiet Harbour,12.5\n",
            "unrecognised-format",
            "Missing: a user; a rating, an event type or a quantity",
        ),
        (
            "stars.csv",
            b"user_id,item_id,rating\nann,book-001,five\n",
            "nothing-accepted",
            "Line 2: The rating is 'five'",
        ),
    ],
    ids=["binary", "truncated gz", "picture", "times", "catalogue", "words"],
)
def test_unsuitable_file_fails_its_import(client, name, content, code, told):
    job = client.wait_for(client.import_file(io.BytesIO(content), name), timeout=PATIENCE_SECONDS)

    assert job["state"] == "failed"
    assert job["error"]["code"] == code
    assert job["error"]["title"]
    assert told in job["error"]["detail"]


def test_body_over_limit_is_refused_with_or_without_length(client):
    body = b'{"ratings": [' + b" " * 600_000 + b"]}"
    headers = {"Content-Type": "application/json"}

    announced = send(client, "POST", "/v1/ratings", content=body, headers=headers)
    in_pieces = send(client, "POST", "/v1/ratings", content=iter([body]), headers=headers)

    for answer in (announced, in_pieces):
        problem = check_problem(answer, 413, "body-too-large")
        assert problem["limit_bytes"] == 500_000
        assert "/v1/import-jobs" in problem["detail"]


def test_cursor_of_other_list_is_refused(client):
    page = send(client, "GET", "/v1/items?limit=2").json()

    for cursor in (page["next_cursor"], "abc", "💥"):
        answer = send(client, "GET", "/v1/users/reader-001/ratings", params={"cursor": cursor})
        assert check_problem(answer, 422, "invalid-cursor")["field"] == "cursor"


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/v1/training-jobs/4711", "job-not-found"),
        ("GET", "/v1/training-jobs/4711/events", "job-not-found"),
        ("POST", "/v1/import-jobs/4711/cancel", "job-not-found"),
        ("GET", "/v1/models/4711", "model-version-not-found"),
        ("POST", "/v1/models/4711/publish", "model-version-not-found"),
        ("GET", "/v1/users/nobody/ratings", "user-not-found"),
        ("GET", "/v2/anything", "route-not-found"),
    ],
)
def test_unknown_resource_responds_404_with_detail(client, method, path, code):
    problem = check_problem(send(client, method, path), 404, code)

    assert (
        "4711" in problem["detail"] or "nobody" in problem["detail"] or "/docs" in problem["detail"]
    )


def test_publish_of_published_version_responds_409(client):
    version = client.recommendations("ann", 1)["model_version"]

    problem = check_problem(
        send(client, "POST", f"/v1/models/{version}/publish"), 409, "already-published"
    )

    assert problem["version"] == version


@pytest.mark.parametrize(
    ("ratings", "code", "told"),
    [
        ([], "too-few-ratings", "There are 0 ratings"),
        ([("a", "x", 1), ("b", "y", 5)], "too-few-ratings", "There are 2 ratings by 2 users"),
        (
            [(f"u{user}", f"i{item}", 4) for user in range(8) for item in range(8)],
            "identical-ratings",
            "All ratings have the value 4",
        ),
    ],
    ids=["none", "too few", "all the same"],
)
def test_training_on_unusable_ratings_fails_without_retry(site, ratings, code, told):
    client = site.serve()
    if ratings:
        client.send_ratings({"user_id": u, "item_id": i, "value": v} for u, i, v in ratings)

    job = client.wait_for(client.train(), timeout=PATIENCE_SECONDS)

    assert (job["state"], job["attempt"]) == ("failed", 1)
    assert job["error"]["code"] == code
    assert told in job["error"]["detail"]
    assert "Send" in job["error"]["detail"]


def test_training_beyond_memory_limit_is_refused_with_estimate(make_site):
    site = make_site(memory_limit_mb=400)
    client = site.serve()
    fill(client)

    with pytest.raises(ApiError) as refused:
        client.train(hyperparameters={"n_hidden": 4096})

    assert refused.value.status == 422
    problem = refused.value.problem
    assert problem["type"] == "/problems/training-too-large"
    assert "hyperparameters.n_hidden is 4096" in problem["detail"]
    assert "the limit is 400 MB" in problem["detail"]
    with pytest.raises(ApiError):
        client.model(1)
    trained(client)  # what does fit is trained as ever
