"""Sweeps over HTTP: asking, looking, cancelling, publishing the best."""

import pytest

GRID = {"grid": {"learning_rate": [0.002, 0.02], "n_hidden": [2, 4]}}
BASE = {"base": {"model_kind": "user_rbm", "seed": 7}}


def test_post_sweep_is_accepted_with_location(client):
    answer = client.post("/v1/sweeps", json=GRID | BASE)

    assert answer.status_code == 202
    assert answer.headers["location"] == "/v1/sweeps/1"
    sweep = answer.json()
    assert client.get("/v1/sweeps/1").json() == sweep
    assert (sweep["kind"], sweep["state"], sweep["metric"]) == ("grid", "queued", "validation_nll")
    assert sweep["trials"][0] == {
        "job_id": 1,
        "hyperparameters": {"learning_rate": 0.002, "n_hidden": 2},
        "state": "queued",
        "epochs": 0,
        "best_epoch": None,
        "best": None,
        "stopped_early": False,
    }
    job = client.get("/v1/training-jobs/4").json()
    assert (job["publish"], job["seed"], job["hyperparameters"]["n_hidden"]) == ("never", 7, 4)


def test_sweep_best_trial_has_least_loss(client, worker):
    client.post("/v1/sweeps", json={"grid": {"n_hidden": [2, 4]}} | BASE)
    for loss in (1.3, 1.1):
        lease = worker.claim()
        worker.epoch(lease, 1, validation_nll=loss)
        worker.finish(lease)

    sweep = client.get("/v1/sweeps/1").json()

    assert (sweep["state"], sweep["best_job_id"]) == ("succeeded", 2)
    assert [one["best"] for one in sweep["trials"]] == [1.3, 1.1]
    assert sweep["sensitivity"] == [{"hyperparameter": "n_hidden", "share": 1.0}]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        (GRID | {"rate_range": {}}, "body"),
        ({"random": {"trials": 5000, "over": {"n_hidden": [1, 2]}}}, "random.trials"),
        ({"rate_range": {"low": 0.0}}, "rate_range.low"),
        ({"grid": {"n_hiden": [1, 2]}}, "hyperparameters.n_hiden"),
        ({"grid": {"model_kind": ["user_rbm", "rbm"]}}, "grid.model_kind"),
    ],
)
def test_post_sweep_names_invalid_field_and_queues_no_job(client, body, field):
    answer = client.post("/v1/sweeps", json=body)

    assert answer.status_code == 422
    assert answer.json()["field"] == field
    assert client.get("/v1/training-jobs").json()["items"] == []


def test_sweeps_are_listed_by_page(client):
    for _ in range(3):
        client.post("/v1/sweeps", json={"rate_range": {}} | BASE)

    page = client.get("/v1/sweeps", params={"limit": 2}).json()
    rest = client.get("/v1/sweeps", params={"cursor": page["next_cursor"]}).json()

    assert [one["id"] for one in page["items"] + rest["items"]] == [3, 2, 1]
    assert len(page["items"][0]["trials"]) == 8


def test_sweep_is_cancelled_unless_finished(client, worker):
    client.post("/v1/sweeps", json=GRID | BASE)

    answer = client.post("/v1/sweeps/1/cancel", json={})

    assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")
    assert {one["state"] for one in answer.json()["trials"]} == {"cancelled"}
    client.post("/v1/sweeps", json={"grid": {"n_hidden": [2, 4]}})
    worker.train(1)
    worker.train(1)
    assert client.post("/v1/sweeps/2/cancel", json={}).status_code == 409


def test_unknown_sweep_responds_404(client):
    assert client.get("/v1/sweeps/7").status_code == 404
    assert client.post("/v1/sweeps/7/cancel", json={}).status_code == 404
