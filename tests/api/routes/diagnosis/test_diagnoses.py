"""Diagnosis over HTTP: of training jobs, and of curves from elsewhere."""

import pytest

from tests.factories.workers import start

SICK = {"update_to_weight_ratio": 0.0, "validation_nll": 1.4, "train_nll": 1.4}


def diagnosis(client, job_id: int = 1) -> dict:
    answer = client.get(f"/v1/training-jobs/{job_id}/diagnosis")
    assert answer.status_code == 200
    return answer.json()


def test_diagnosis_of_job_has_finding_with_evidence_and_change(client, worker):
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


def test_diagnosis_verdict_is_too_early_then_healthy(client, worker):
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


def test_diagnosis_of_unknown_job_responds_404(client):
    assert client.get("/v1/training-jobs/7/diagnosis").status_code == 404


def test_external_curve_diagnosis_needs_hyperparameters_for_change(client):
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


def test_suggested_n_hidden_is_integer_in_diagnosis_and_retry(client, worker):
    start(client, model_kind="user_rbm", hyperparameters={"n_hidden": 64})
    lease = worker.claim()
    for epoch in range(1, 40):
        worker.epoch(lease, epoch, validation_nll=2.0 / epoch, dead_units=0.9)

    found = {one["code"]: one for one in diagnosis(client)["findings"]}["dead_units"]
    retried = client.post("/v1/training-jobs/1/retry", json={"apply": ["dead_units"]}).json()

    asked = (found["change"]["from"], found["change"]["to"], retried["hyperparameters"]["n_hidden"])
    assert asked == (64, 12, 12)
    assert {type(one) for one in asked} == {int}


def test_external_curve_accepts_nan_as_text(client):
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
def test_external_curve_error_names_field(client, body, field, said):
    answer = client.post("/v1/diagnoses", json=body)

    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert said in error["detail"]


def test_external_curve_refuses_unknown_hyperparameter(client):
    body = {"curves": [{"epoch": 1}], "hyperparameters": {"rate": 1}}

    assert client.post("/v1/diagnoses", json=body).status_code == 422


def test_retry_creates_job_with_suggested_changes(client, worker):
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


def test_retry_responds_409_without_finding(client):
    start(client)

    refused = client.post("/v1/training-jobs/1/retry", json={})

    assert refused.status_code == 409
    assert refused.json()["type"].endswith("/nothing-to-change")
    assert "/v1/training-jobs/1/diagnosis" in refused.json()["detail"]
    assert client.post("/v1/training-jobs/9/retry", json={}).status_code == 404
    assert client.post("/v1/training-jobs/1/retry", json={"apply": []}).status_code == 422
