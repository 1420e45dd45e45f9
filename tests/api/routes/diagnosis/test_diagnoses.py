"""Diagnosis over HTTP: of training jobs, and of curves from elsewhere."""

import pytest

from tests.factories.workers import start

SICK = {"update_to_weight_ratio": 0.0, "validation_nll": 1.4, "train_nll": 1.4}


def diagnosis(client, job_id: int = 1) -> dict:
    answer = client.get(f"/v1/training-jobs/{job_id}/diagnosis")
    assert answer.status_code == 200
    return answer.json()


def test_a_jobs_finding_says_what_since_when_why_and_what_to_change(client, worker):
    job = start(client, model_kind="user_rbm", hyperparameters={"learning_rate": 1e-6})
    lease = worker.claim()
    for epoch in range(1, 9):
        worker.epoch(lease, epoch, **SICK)

    told = diagnosis(client)

    assert (told["job_id"], told["state"], told["verdict"]) == (1, "running", "findings")
    (found,) = told["findings"]
    assert (found["code"], found["severity"], found["epochs"]) == ("not_moving", "problem", [4, 8])
    assert found["evidence"]["metric"] == "update_to_weight_ratio"
    assert (found["evidence"]["value"], found["further_evidence"]) == (0.0, [])
    assert found["change"] == {"hyperparameter": "learning_rate", "from": 1e-6, "to": 0.001}
    assert found["docs"] == "/diagnosis/not_moving"
    assert "The weights do not change" in found["cause"]
    assert job["links"]["diagnosis"] == "/v1/training-jobs/1/diagnosis"


def test_a_young_job_is_too_young_and_a_sound_one_is_said_to_be(client, worker):
    start(client)
    lease = worker.claim()
    assert diagnosis(client)["verdict"] == "too_early"
    for epoch in range(1, 12):
        worker.epoch(lease, epoch, validation_nll=2.0 / epoch, train_nll=1.9 / epoch)
    assert diagnosis(client) == {
        "verdict": "healthy",
        "findings": [],
        "n_epochs": 11,
        "job_id": 1,
        "state": "running",
    }


def test_a_job_that_is_not_there_is_404(client):
    assert client.get("/v1/training-jobs/7/diagnosis").status_code == 404


def test_a_curve_from_elsewhere_is_diagnosed_and_changes_are_suggested_if_asked_how(client):
    curve = [{"epoch": n, **SICK} for n in range(10)]
    asked = {"curves": curve, "hyperparameters": {"learning_rate": 0.5}}

    bare = client.post("/v1/diagnoses", json={"curves": curve}).json()
    told = client.post("/v1/diagnoses", json=asked).json()

    assert bare["findings"][0]["change"] is None
    assert told["verdict"] == "findings"
    assert told["findings"][0]["change"] == {
        "hyperparameter": "learning_rate",
        "from": 0.5,
        "to": 100.0,
    }


def test_a_count_is_a_whole_number_in_what_is_suggested_and_in_what_is_then_asked(client, worker):
    start(client, model_kind="user_rbm", hyperparameters={"n_hidden": 64})
    lease = worker.claim()
    for epoch in range(1, 40):
        worker.epoch(lease, epoch, validation_nll=2.0 / epoch, dead_units=0.9)

    found = {one["code"]: one for one in diagnosis(client)["findings"]}["dead_units"]
    retried = client.post("/v1/training-jobs/1/retry", json={"apply": ["dead_units"]}).json()

    asked = (found["change"]["from"], found["change"]["to"], retried["hyperparameters"]["n_hidden"])
    assert asked == (64, 12, 12)
    assert {type(one) for one in asked} == {int}


def test_a_number_that_is_none_may_be_spelt_in_json_and_is_found(client):
    curve = [{"epoch": 0, "train_nll": 2.0}, {"epoch": 1, "train_nll": "nan"}]

    (found,) = client.post("/v1/diagnoses", json={"curves": curve}).json()["findings"]

    assert (found["code"], found["epochs"]) == ("not_finite", [1, 1])


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({"curves": []}, "curves", "at least 1"),
        ({"curves": [{"train_nll": 1.0}]}, "curves.0", "needs an epoch"),
        ({"curves": [{"epoch": "nan", "train_nll": 1.0}]}, "curves.0", "needs an epoch"),
        ({"curves": [{"epoch": 1, "accuracy": 1.0}]}, "curves.0", "'accuracy' is not a column"),
        ({"curves": [{"epoch": 1, "train_nll": "low"}]}, "curves.0.train_nll", "number"),
    ],
)
def test_a_curve_that_cannot_be_read_is_refused_by_its_place(client, body, field, said):
    answer = client.post("/v1/diagnoses", json=body)

    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert said in error["detail"]


def test_a_hyperparameter_that_is_none_is_refused(client):
    body = {"curves": [{"epoch": 1}], "hyperparameters": {"rate": 1}}

    assert client.post("/v1/diagnoses", json=body).status_code == 422


def test_a_retry_is_a_new_job_with_the_suggested_changes(client, worker):
    start(client, model_kind="user_rbm", seed=3, hyperparameters={"learning_rate": 1e-6})
    lease = worker.claim()
    for epoch in range(1, 9):
        worker.epoch(lease, epoch, **SICK)

    answer = client.post("/v1/training-jobs/1/retry", json={"apply": ["not_moving"]})
    unknown = client.post("/v1/training-jobs/1/retry", json={"apply": ["overfit"]}).json()

    assert answer.status_code == 202
    assert answer.headers["Location"] == "/v1/training-jobs/2"
    job = answer.json()
    assert (job["id"], job["retry_of"], job["state"], job["seed"]) == (2, 1, "queued", 3)
    assert job["hyperparameters"] == {"learning_rate": 0.001}
    assert client.get("/v1/training-jobs/1").json()["links"]["retry"] == "/v1/training-jobs/1/retry"
    assert unknown["type"].endswith("/unknown-finding")
    assert (unknown["field"], unknown["known"]) == ("apply", ["not_moving"])


def test_without_a_finding_there_is_nothing_to_retry_with(client):
    start(client)

    refused = client.post("/v1/training-jobs/1/retry")

    assert refused.status_code == 409
    assert refused.json()["type"].endswith("/nothing-to-change")
    assert "/v1/training-jobs/1/diagnosis" in refused.json()["detail"]
    assert client.post("/v1/training-jobs/9/retry").status_code == 404
    assert client.post("/v1/training-jobs/1/retry", json={"apply": []}).status_code == 422
