"""Training jobs over HTTP: starting, looking, stopping, the error curve."""

import re
from xml.etree import ElementTree

import pytest

from recsvc.db.jobs.queue import JobQueue
from recsvc.db.session import unit_of_work
from recsvc.db.tables import JobState
from tests.conftest import on_sqlite
from tests.factories.workers import BASELINES, SPEC, start


def test_training_request_is_accepted_with_location(client):
    answer = client.post("/v1/training-jobs", json=SPEC)

    assert answer.status_code == 202
    assert answer.headers["location"] == "/v1/training-jobs/1"
    assert int(answer.headers["retry-after"]) > 0
    assert client.get(answer.headers["location"]).json() == answer.json()


def test_training_job_returns_spec_state_and_links(client):
    job = start(client)

    assert job["kind"] == "training"
    assert (job["state"], job["progress"], job["attempt"]) == ("queued", 0, 0)
    assert (job["seed"], job["publish"], job["model_kind"]) == (7, "never", "joint_rbm")
    assert job["hyperparameters"]["n_hidden"] == 8
    assert job["links"]["events"] == "/v1/training-jobs/1/events"


def test_training_body_is_optional(client):
    job = client.post("/v1/training-jobs", json={}).json()

    assert (job["seed"], job["validation_share"], job["publish"]) == (0, 0.1, "if_better")
    assert job["model_kind"] == "joint_rbm"


@on_sqlite
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"hyperparameter": {}}, "hyperparameter"),
        ({"model_kind": "dbn"}, "model_kind"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"seed": "7"}, "seed"),
        ({"seed": True}, "seed"),
        ({"validation_share": 0}, "validation_share"),
        ({"validation_share": 0.9}, "validation_share"),
        ({"publish": "perhaps"}, "publish"),
        ({"warm_start": "yes"}, "warm_start"),
        ({"hyperparameters": []}, "hyperparameters"),
    ],
)
def test_post_training_job_names_invalid_field_and_queues_no_job(client, body, field):
    answer = client.post("/v1/training-jobs", json=body)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert client.get("/v1/training-jobs").json()["items"] == []


def test_post_training_job_lists_hyperparameters_for_unknown_name(client):
    answer = client.post("/v1/training-jobs", json={"hyperparameters": {"n_hiden": 8}})

    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/unknown-hyperparameter"
    assert "n_hidden" in answer.json()["known"]


def test_training_jobs_are_listed_newest_first_by_page(client):
    for seed in range(3):
        start(client, seed=seed)

    first = client.get("/v1/training-jobs", params={"limit": 2}).json()
    rest = client.get("/v1/training-jobs", params={"cursor": first["next_cursor"]}).json()

    assert [job["seed"] for job in first["items"] + rest["items"]] == [2, 1, 0]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize("rest", ["", "/error-curve", "/events"])
def test_unknown_training_job_responds_404(client, rest):
    answer = client.get(f"/v1/training-jobs/99{rest}")

    assert answer.status_code == 404
    assert answer.json()["type"] == "/problems/job-not-found"


def test_training_job_of_other_kind_responds_404(client, context, now):
    with unit_of_work(context.database) as session:
        job = JobQueue(session).enqueue("import", spec={}, now=now)

    for rest in ("", "/error-curve", "/events"):
        assert client.get(f"/v1/training-jobs/{job.id}{rest}").status_code == 404


def test_training_job_returns_progress_while_running(client, worker):
    start(client)
    worker.epoch(worker.claim(), 1)

    job = client.get("/v1/training-jobs/1").json()

    assert (job["state"], job["progress"], job["attempt"]) == ("running", 0.25, 1)
    assert (job["epoch"], job["epochs"], job["eta_seconds"]) == (1, 4, 2.0)
    assert job["baselines"] == BASELINES


def test_training_job_returns_result_when_finished(client, worker):
    start(client)
    worker.train(epochs=3)

    job = client.get("/v1/training-jobs/1").json()

    assert (job["state"], job["progress"], job["best_epoch"]) == ("succeeded", 1.0, 2)
    assert job["result"]["version"] == 1
    assert job["links"]["model"] == "/v1/models/1"


def test_training_job_returns_error_when_failed(client, worker):
    start(client)
    why = {"code": "diverged", "title": "Training diverged", "detail": "…"}
    worker.finish(worker.claim(), JobState.FAILED, error=why)

    assert client.get("/v1/training-jobs/1").json()["error"] == why


# Cancelling


def test_queued_training_job_is_cancelled_at_once(client):
    start(client)
    answer = client.post("/v1/training-jobs/1/cancel", json={})

    assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")


def test_running_training_job_is_requested_to_stop(client, worker):
    start(client)
    worker.claim()
    job = client.post("/v1/training-jobs/1/cancel", json={}).json()

    assert (job["state"], job["cancel_requested"]) == ("running", True)


def test_finished_training_job_cannot_be_cancelled(client, worker):
    start(client)
    worker.train(epochs=1)
    answer = client.post("/v1/training-jobs/1/cancel", json={})

    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/job-finished"


# The error curve


def curve(client, form: str):
    return client.get("/v1/training-jobs/1/error-curve", params={"format": form})


def test_error_curve_is_empty_before_first_epoch(client):
    start(client)

    assert curve(client, "json").json()["epochs"] == []
    assert len(curve(client, "csv").text.splitlines()) == 1
    assert "No figures to draw." in curve(client, "svg").text


def test_error_curve_has_metrics_of_every_epoch(client, worker):
    start(client)
    worker.train(epochs=3)

    told = client.get("/v1/training-jobs/1/error-curve").json()

    assert (told["job_id"], told["state"], told["best_epoch"]) == (1, "succeeded", 2)
    assert told["baselines"] == BASELINES
    assert [epoch["epoch"] for epoch in told["epochs"]] == [1, 2, 3]
    assert told["epochs"][0]["validation_nll"] == 1.3
    assert told["epochs"][0]["hidden_activity"] is None


def test_best_epoch_has_lowest_nll_while_job_runs(client, worker):
    start(client)
    lease = worker.claim()
    for epoch in (1, 2, 3):
        worker.epoch(lease, epoch)

    assert curve(client, "json").json()["best_epoch"] == 2


@pytest.mark.parametrize(
    ("lists", "best"), [((0.1, 0.2, 0.3), 3), ((0.1, 0.3, 0.3), 2), ((0.3, 0.3, 0.3), 2)]
)
def test_best_epoch_of_joint_kind_has_highest_ndcg(client, worker, lists, best):
    """On ties it is that of the least NLL, which is epoch 2's."""
    start(client)
    lease = worker.claim()
    for epoch, ndcg in enumerate(lists, 1):
        worker.epoch(lease, epoch, validation_ndcg=ndcg)

    told = curve(client, "json").json()

    assert told["best_epoch"] == best
    assert [epoch["validation_ndcg"] for epoch in told["epochs"]] == list(lists)


def test_error_curve_has_ndcg_without_ratings(client, worker):
    start(client)
    lease = worker.claim()
    for epoch, ndcg in enumerate((0.2, 0.3, 0.1), 1):
        nothing = {"validation_nll": None, "validation_rmse": None, "train_nll": None}
        worker.epoch(lease, epoch, validation_ndcg=ndcg, **nothing)

    told = curve(client, "json").json()

    assert told["best_epoch"] == 2
    assert told["epochs"][0]["validation_nll"] is told["epochs"][0]["train_nll"] is None
    assert "best: epoch 2, 0.3000" in curve(client, "svg").text


def test_svg_curve_shows_ndcg_when_measured(client, worker):
    start(client)
    lease = worker.claim()
    worker.epoch(lease, 1)
    without = curve(client, "svg").text
    worker.epoch(lease, 2, validation_ndcg=0.25)
    shown = curve(client, "svg").text

    assert "nDCG@10" not in without
    assert ">nDCG@10<" in shown
    assert "most rated 0.200" in shown
    assert "best: epoch 2, 0.2500" in shown


def test_csv_curve_has_header_and_row_per_epoch(client, worker):
    start(client)
    worker.train(epochs=2)
    answer = curve(client, "csv")
    header, first, _ = answer.text.splitlines()

    assert answer.headers["content-type"].startswith("text/csv")
    assert header.startswith("epoch,validation_nll,validation_rmse,validation_ndcg,")
    assert first.startswith("1,1.3,1.0,,1.5,,")


def test_svg_curve_names_job_best_epoch_and_baselines(client, worker):
    start(client)
    worker.train(epochs=3)
    answer = curve(client, "svg")
    picture = ElementTree.fromstring(answer.text)
    words = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]

    assert answer.headers["content-type"] == "image/svg+xml"
    assert "Training job 1 · succeeded" in words
    assert "best: epoch 2, 0.9000" in words
    assert {"item mean 1.020", "global mean 1.120"} <= set(words)
    assert answer.text.count('class="level"') == 2


def test_svg_curve_shows_requested_metrics_and_findings(client, worker):
    start(client, model_kind="user_rbm")
    lease = worker.claim()
    for epoch in range(1, 9):
        worker.epoch(lease, epoch, update_to_weight_ratio=0.0, train_nll=1.4, validation_nll=1.4)
    query = {"format": "svg", "metric": ["update_to_weight_ratio", "cd_steps"]}
    answer = client.get("/v1/training-jobs/1/error-curve", params=query).text

    assert {">update to weight ratio<", ">cd steps<", ">not_moving<"} <= set(
        re.findall(r">[^<]+<", answer)
    )
    assert ">RMSE<" not in answer


def test_svg_curve_compares_several_jobs(client, worker):
    for seed in (7, 8):
        start(client, seed=seed)
        worker.train(epochs=3)
    path = "/v1/training-jobs/2/error-curve?format=svg&scale=log&beside="
    answer = client.get(f"{path}1").text

    assert "a  job 2: seed 8" in answer
    assert "b  job 1: seed 7" in answer
    assert ">RMSE (logarithmic)<" in answer
    assert client.get(f"{path}3").status_code == 404
    assert client.get(f"{path}0").status_code == 422
    assert client.get(path + "1&beside=".join(["1"] * 9)).status_code == 422


def test_error_curve_refuses_unknown_format(client):
    start(client)

    assert curve(client, "png").status_code == 422
