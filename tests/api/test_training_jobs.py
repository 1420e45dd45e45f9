"""Training jobs over HTTP. The worker's part is played through the queue that it uses."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from xml.etree import ElementTree

import httpx2
import pytest

from recsvc.db.jobs import JobQueue, Lease, lease_of
from recsvc.db.session import unit_of_work
from recsvc.db.tables import JobState

SPEC = {"hyperparameters": {"n_hidden": 8}, "seed": 7, "publish": "never"}
BASELINES = {
    "global_mean": {"rmse": 1.12},
    "item_mean": {"rmse": 1.02},
    "most_rated": {"ndcg_at_10": 0.2},
}
RESULT = {"version": 1, "published": False, "reason": "never", "best_epoch": 2, "metrics": {}}


class Worker:
    """Does to jobs what a worker does, without the numbers."""

    def __init__(self, database) -> None:
        self._database = database

    @property
    def _now(self) -> datetime:
        return datetime.now(UTC)

    def _write(self, act):
        with unit_of_work(self._database) as session:
            return act(JobQueue(session))

    def claim(self) -> Lease:
        claim = {"worker": "w1", "now": self._now, "lease_seconds": 60, "max_attempts": 3}
        return self._write(lambda queue: lease_of(queue.claim(**claim)))

    def epoch(self, lease: Lease, epoch: int) -> None:
        figures = {
            "epoch": epoch,
            "validation_nll": 1.2 + 0.1 * abs(epoch - 2),
            "validation_rmse": 0.9 + 0.1 * abs(epoch - 2),
            "train_nll": 1.5 / epoch,
            "learning_rate": 0.01,
            "momentum": 0.9,
            "cd_steps": 1,
            "seconds": 0.5,
        }
        note = {"epoch": epoch, "epochs": 4, "eta_seconds": 2.0, "phase": "training"}
        note["baselines"] = BASELINES
        self._write(lambda queue: queue.add_epoch(lease, figures, now=self._now))
        self._write(lambda queue: queue.progress(lease, epoch / 4, note))

    def finish(self, lease: Lease, state=JobState.SUCCEEDED, **how) -> None:
        how = how or {"result": RESULT | {"baselines": BASELINES}}
        self._write(lambda queue: queue.finish(lease, state, now=self._now, **how))

    def train(self, epochs: int) -> None:
        lease = self.claim()
        for epoch in range(1, epochs + 1):
            self.epoch(lease, epoch)
        self.finish(lease)


@pytest.fixture
def worker(context) -> Worker:
    return Worker(context.database)


def start(client, **spec) -> dict:
    return client.post("/v1/training-jobs", json=SPEC | spec).json()


def test_a_request_is_accepted_at_once_and_says_where_to_look(client):
    answer = client.post("/v1/training-jobs", json=SPEC)

    assert answer.status_code == 202
    assert answer.headers["location"] == "/v1/training-jobs/1"
    assert int(answer.headers["retry-after"]) > 0
    assert client.get(answer.headers["location"]).json() == answer.json()


def test_a_job_says_what_was_asked_and_where_it_stands(client):
    job = start(client)

    assert job["kind"] == "training"
    assert (job["state"], job["progress"], job["attempt"]) == ("queued", 0, 0)
    assert (job["seed"], job["publish"], job["model_kind"]) == (7, "never", "user_rbm")
    assert job["hyperparameters"]["n_hidden"] == 8
    assert job["links"]["events"] == "/v1/training-jobs/1/events"


def test_everything_has_a_default_even_the_body(client):
    job = client.post("/v1/training-jobs").json()

    assert (job["seed"], job["validation_share"], job["publish"]) == (0, 0.1, "if_better")


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
def test_a_field_that_cannot_be_is_named_and_nothing_is_queued(client, body, field):
    answer = client.post("/v1/training-jobs", json=body)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert client.get("/v1/training-jobs").json()["items"] == []


def test_an_unknown_hyperparameter_is_named_beside_those_that_exist(client):
    answer = client.post("/v1/training-jobs", json={"hyperparameters": {"n_hiden": 8}})

    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/unknown-hyperparameter"
    assert "n_hidden" in answer.json()["known"]


def test_jobs_are_listed_newest_first_page_by_page(client):
    for seed in range(3):
        start(client, seed=seed)

    first = client.get("/v1/training-jobs", params={"limit": 2}).json()
    rest = client.get("/v1/training-jobs", params={"cursor": first["next_cursor"]}).json()

    assert [job["seed"] for job in first["items"] + rest["items"]] == [2, 1, 0]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize("rest", ["", "/error-curve", "/events"])
def test_an_unknown_job_is_a_problem(client, rest):
    answer = client.get(f"/v1/training-jobs/99{rest}")

    assert answer.status_code == 404
    assert answer.json()["type"] == "/problems/job-not-found"


def test_a_job_of_another_kind_is_not_a_training_job(client, context, now):
    with unit_of_work(context.database) as session:
        job = JobQueue(session).enqueue("import", spec={}, now=now)

    for rest in ("", "/error-curve", "/events"):
        assert client.get(f"/v1/training-jobs/{job.id}{rest}").status_code == 404


def test_a_running_job_tells_how_far_it_is(client, worker):
    start(client)
    worker.epoch(worker.claim(), 1)

    job = client.get("/v1/training-jobs/1").json()

    assert (job["state"], job["progress"], job["attempt"]) == ("running", 0.25, 1)
    assert (job["epoch"], job["epochs"], job["eta_seconds"]) == (1, 4, 2.0)
    assert job["baselines"] == BASELINES


def test_a_finished_job_tells_its_result(client, worker):
    start(client)
    worker.train(epochs=3)

    job = client.get("/v1/training-jobs/1").json()

    assert (job["state"], job["progress"], job["best_epoch"]) == ("succeeded", 1.0, 2)
    assert job["result"]["version"] == 1
    assert job["links"]["model"] == "/v1/models/1"


def test_a_failed_job_tells_why(client, worker):
    start(client)
    why = {"code": "diverged", "title": "Training diverged", "detail": "…"}
    worker.finish(worker.claim(), JobState.FAILED, error=why)

    assert client.get("/v1/training-jobs/1").json()["error"] == why


# Waiting


def test_an_unchanged_job_is_not_sent_twice(client, worker):
    start(client)
    first = client.get("/v1/training-jobs/1")
    again = client.get("/v1/training-jobs/1", headers={"If-None-Match": first.headers["etag"]})
    worker.claim()
    changed = client.get("/v1/training-jobs/1", headers={"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert changed.status_code == 200
    assert changed.json()["state"] == "running"


def test_waiting_ends_when_the_state_changes(client, worker):
    start(client)
    soon = threading.Timer(0.5, worker.claim)
    soon.start()
    started = time.monotonic()

    job = client.get("/v1/training-jobs/1", params={"wait": 30}).json()

    assert job["state"] == "running"
    assert 0.4 < time.monotonic() - started < 5
    soon.join()


def test_waiting_ends_with_the_next_epoch(client, worker):
    start(client)
    lease = worker.claim()
    soon = threading.Timer(0.5, worker.epoch, (lease, 1))
    soon.start()
    started = time.monotonic()

    client.get("/v1/training-jobs/1", params={"wait": 30})

    assert 0.4 < time.monotonic() - started < 5
    soon.join()


def test_waiting_ends_when_the_time_is_over(client):
    start(client)
    etag = client.get("/v1/training-jobs/1").headers["etag"]
    started = time.monotonic()

    answer = client.get(
        "/v1/training-jobs/1", params={"wait": 0.6}, headers={"If-None-Match": etag}
    )

    assert answer.status_code == 304
    assert 0.5 < time.monotonic() - started < 3


def test_nobody_waits_for_a_job_that_has_finished(client, worker):
    start(client)
    worker.train(epochs=1)
    started = time.monotonic()

    assert client.get("/v1/training-jobs/1", params={"wait": 30}).json()["state"] == "succeeded"
    assert time.monotonic() - started < 2


def test_nobody_waits_whose_view_is_old(client):
    start(client)
    started = time.monotonic()

    client.get("/v1/training-jobs/1", params={"wait": 30}, headers={"If-None-Match": '"old"'})

    assert time.monotonic() - started < 2


@pytest.mark.parametrize("wait", [-1, 61, "nan", "long"])
def test_a_wait_out_of_bounds_is_malformed(client, wait):
    assert client.get("/v1/training-jobs/1", params={"wait": wait}).status_code == 422


# Cancelling


def test_a_queued_job_is_cancelled_at_once(client):
    start(client)
    answer = client.post("/v1/training-jobs/1/cancel")

    assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")


def test_a_running_job_is_asked_to_stop(client, worker):
    start(client)
    worker.claim()
    job = client.post("/v1/training-jobs/1/cancel").json()

    assert (job["state"], job["cancel_requested"]) == ("running", True)


def test_a_finished_job_cannot_be_cancelled(client, worker):
    start(client)
    worker.train(epochs=1)
    answer = client.post("/v1/training-jobs/1/cancel")

    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/job-finished"


# The error curve


def curve(client, form: str):
    return client.get("/v1/training-jobs/1/error-curve", params={"format": form})


def test_before_the_first_epoch_the_curve_is_empty(client):
    start(client)

    assert curve(client, "json").json()["epochs"] == []
    assert len(curve(client, "csv").text.splitlines()) == 1
    assert "No figures yet" in curve(client, "svg").text


def test_the_curve_has_the_figures_of_every_epoch(client, worker):
    start(client)
    worker.train(epochs=3)

    told = client.get("/v1/training-jobs/1/error-curve").json()

    assert (told["job_id"], told["state"], told["best_epoch"]) == (1, "succeeded", 2)
    assert told["baselines"] == BASELINES
    assert [epoch["epoch"] for epoch in told["epochs"]] == [1, 2, 3]
    assert told["epochs"][0]["validation_nll"] == 1.3
    assert told["epochs"][0]["hidden_activity"] is None


def test_while_it_runs_the_best_epoch_is_the_one_of_the_least_nll(client, worker):
    start(client)
    lease = worker.claim()
    for epoch in (1, 2, 3):
        worker.epoch(lease, epoch)

    assert curve(client, "json").json()["best_epoch"] == 2


def test_the_curve_is_a_table_for_a_spreadsheet(client, worker):
    start(client)
    worker.train(epochs=2)
    answer = curve(client, "csv")
    header, first, _ = answer.text.splitlines()

    assert answer.headers["content-type"].startswith("text/csv")
    assert header.startswith("epoch,validation_nll,validation_rmse,")
    assert first.startswith("1,1.3,1.0,1.5,,")


def test_the_curve_is_a_picture_that_names_what_it_shows(client, worker):
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


def test_a_form_that_is_not_offered_is_refused(client):
    start(client)

    assert curve(client, "png").status_code == 422


# Server-sent events


def events(text: Iterator[str]) -> list[tuple[str, str, dict]]:
    """Give (id, name, data) of each event in the lines of a stream."""
    found, fields = [], {}
    deadline = time.monotonic() + 20
    for line in text:
        assert time.monotonic() < deadline, found
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            found.append((fields["id"], fields["event"], json.loads(fields["data"])))
            fields = {}
    return found


def test_the_events_of_a_finished_job_are_told_from_the_beginning(client, worker):
    start(client)
    worker.train(epochs=2)

    answer = client.get("/v1/training-jobs/1/events")
    told = events(answer.text.splitlines())

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [name for _, name, _ in told] == ["state", "state", "epoch", "epoch", "state", "done"]
    assert [data["state"] for _, name, data in told if name == "state"] == [
        "queued",
        "running",
        "succeeded",
    ]
    assert told[2][2]["validation_nll"] == 1.3
    assert told[-1][2]["result"]["version"] == 1


def test_a_listener_who_comes_back_misses_nothing_and_hears_nothing_twice(client, worker):
    start(client)
    worker.train(epochs=2)
    everything = events(client.get("/v1/training-jobs/1/events").text.splitlines())

    for heard in range(len(everything) - 1):
        last = {"Last-Event-ID": everything[heard][0]}
        rest = client.get("/v1/training-jobs/1/events", headers=last).text.splitlines()
        assert events(rest) == everything[heard + 1 :]


@pytest.mark.parametrize("last", ["x", "-1", "²", "1.5"])
def test_an_event_id_that_is_none_is_refused(client, last):
    start(client)
    headers = {"Last-Event-ID": last.encode()}

    assert client.get("/v1/training-jobs/1/events", headers=headers).status_code == 422


def test_events_come_as_they_happen_over_a_real_server(url, app):
    worker = Worker(app.state.context.database)
    with httpx2.Client(base_url=url, timeout=20) as client:
        start(client)
        training = threading.Timer(0.4, worker.train, (2,))
        training.start()
        with client.stream("GET", "/v1/training-jobs/1/events") as answer:
            told = events(answer.iter_lines())
        training.join()

    assert [name for _, name, _ in told] == ["state", "state", "epoch", "epoch", "state", "done"]
    assert [int(number) for number, _, _ in told] == sorted(int(number) for number, _, _ in told)


def test_a_listener_who_goes_away_leaves_nothing_behind(url, app):
    with httpx2.Client(base_url=url, timeout=20) as client:
        start(client)
        for _ in range(3):
            with client.stream("GET", "/v1/training-jobs/1/events") as answer:
                assert next(answer.iter_lines())
        time.sleep(0.6)

    assert app.state.context.database.engine.pool.checkedout() == 0
