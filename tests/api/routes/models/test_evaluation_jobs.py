"""Evaluating a model version over HTTP, and what its card says of how it was measured."""

from datetime import UTC, datetime

import pytest

from recsvc.db.jobs.queue import JobQueue, job_lease
from recsvc.db.session import unit_of_work
from recsvc.db.tables import JobState
from recsvc.service.jobs.runner import carry_out
from recsvc.service.models import publishing
from tests.api.conftest import a_version, publish_a_trained_model


def carry_out_the_next_job(context) -> JobState:
    claim = {"worker": "w1", "now": datetime.now(UTC), "lease_seconds": 60, "max_attempts": 3}
    with unit_of_work(context.database) as session:
        job = JobQueue(session).claim(**claim)
        number, lease = job.id, job_lease(job)
    return carry_out(context, number, lease)


def evaluate(client, version: int = 1, **body: object):
    return client.post(f"/v1/models/{version}/evaluation", json=body)


@pytest.fixture
def version(context) -> int:
    """One that no job will look at."""
    with unit_of_work(context.database) as session:
        return a_version(session).version


def test_evaluation_request_is_accepted_with_location(client, version):
    answer = evaluate(client, version)

    assert answer.status_code == 202
    assert answer.headers["location"] == "/v1/evaluation-jobs/2"
    assert int(answer.headers["retry-after"]) > 0
    assert client.get(answer.headers["location"]).json() == answer.json()
    job = answer.json()
    assert (job["kind"], job["state"], job["version"]) == ("evaluation", "queued", version)
    assert (job["n"], job["n_users"]) == (10, 2000)
    assert job["links"]["model"] == f"/v1/models/{version}"


def test_evaluation_body_is_optional(client, version):
    assert client.post(f"/v1/models/{version}/evaluation", json={}).status_code == 202


def test_evaluation_accepts_all_users(client, version):
    job = evaluate(client, version, n=20, n_users=None).json()

    assert (job["n"], job["n_users"]) == (20, None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"n": 0}, "n"),
        ({"n": 501}, "n"),
        ({"n": "10"}, "n"),
        ({"n_users": 0}, "n_users"),
        ({"users": 10}, "users"),
    ],
)
def test_evaluation_names_invalid_field_and_queues_no_job(client, version, body, field):
    answer = evaluate(client, version, **body)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert client.get("/v1/evaluation-jobs").json()["items"] == []


def test_evaluation_of_unknown_version_responds_404(client):
    answer = evaluate(client, 99)

    assert answer.status_code == 404
    assert answer.json()["type"] == "/problems/model-version-not-found"


def test_evaluation_of_retired_version_responds_409(client, context, version, now):
    with unit_of_work(context.database) as session:
        publishing.get_model(session, version).retired_at = now

    answer = evaluate(client, version)

    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/version-retired"


def test_evaluation_jobs_are_listed_newest_first_by_page(client, version):
    numbers = [evaluate(client, version).json()["id"] for _ in range(3)]

    first = client.get("/v1/evaluation-jobs", params={"limit": 2}).json()
    second = client.get(
        "/v1/evaluation-jobs", params={"limit": 2, "cursor": first["next_cursor"]}
    ).json()

    assert [job["id"] for job in first["items"] + second["items"]] == numbers[::-1]
    assert second["next_cursor"] is None


def test_evaluation_job_is_found_under_its_kind_only(client, version):
    number = evaluate(client, version).json()["id"]

    assert client.get(f"/v1/training-jobs/{number}").status_code == 404
    assert client.get("/v1/evaluation-jobs/1").status_code == 404


def test_queued_evaluation_job_is_cancelled_once(client, version):
    number = evaluate(client, version).json()["id"]

    answers = [client.post(f"/v1/evaluation-jobs/{number}/cancel", json={}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [202, 409]
    assert answers[0].json()["state"] == "cancelled"


def test_evaluation_job_has_error_when_failed(client, context, version):
    number = evaluate(client, version).json()["id"]
    carry_out_the_next_job(context)  # a training without a spec, which the version came from
    carry_out_the_next_job(context)

    error = client.get(f"/v1/evaluation-jobs/{number}").json()["error"]

    assert error["code"] == "object-missing"


def test_evaluation_reproduces_protocol_and_metrics_of_card(client, context):
    publish_a_trained_model(client, context)
    card = client.get("/v1/models/1").json()
    job = client.post(card["links"]["evaluation"], json={"n": 5}).json()

    assert carry_out_the_next_job(context) == JobState.SUCCEEDED

    told = client.get(job["links"]["self"]).json()["result"]
    assert told["protocol"] == card["protocol"]
    assert card["protocol"]["words"].startswith("10 % of the ratings are held out")
    assert card["protocol"] | {"kind": "by_hash", "share": 0.1, "seed": 0} == card["protocol"]
    assert told["calibration"] == card["calibration"]
    assert told["metrics"]["validation_rmse"] == card["metrics"]["validation_rmse"]
    assert {"liked_ndcg_at_5", "novelty_at_5"} < told["metrics"].keys()
    assert {"liked_ndcg_at_10", "novelty_at_10"} < card["metrics"].keys()
    assert "ease" in card["baselines"]
