"""Nothing outlives what started it; what is told to stop stops, and loses nothing."""

import os
import signal
import threading
from contextlib import suppress

import pytest

from recsvc.client import ApiError, Client, Job, Unreachable
from tests.acceptance.conftest import (
    PATIENCE_SECONDS,
    Site,
    eventually,
    fill,
    succeeded,
    trained,
)
from tests.worker.conftest import assert_gone

pytestmark = pytest.mark.acceptance

EPOCHS = 60
TRIES = 10  # a job may have learned it all before its worker is told to stop
ENDLESS = {"hyperparameters": {"epochs": 10_000, "patience": 10_000}, "publish": "never"}


def training(client: Client, **spec: object) -> int:
    """Start a job and wait until it has learned for some epochs."""
    job = client.train(**(ENDLESS | spec))
    eventually(lambda: len(client.error_curve(job["id"])) > 3)
    return job["id"]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_service_killed_during_training_leaves_no_process(make_site, workers):
    site = make_site()
    client = site.serve("--workers", workers)
    fill(client)
    job_id = training(client)
    hears = threading.Event()
    following = threading.Thread(target=follow, args=(site.served[0].url, job_id, hears))
    following.start()  # an answer under way must not keep a process alive
    assert hears.wait(PATIENCE_SECONDS)
    family = site.processes()

    site.served[0].process.kill()

    assert len(family) >= 3 + int(workers)  # parent, worker, child, API processes
    eventually(lambda: not site.processes())
    following.join()


def follow(url: str, job_id: int, hears: threading.Event) -> None:
    with suppress(Unreachable), Client(url, timeout=PATIENCE_SECONDS, patience=0) as client:
        for _ in client.events(job_id):
            hears.set()


def test_worker_killed_during_training_leaves_no_process(make_site):
    site = make_site()
    client = site.serve("--no-worker")
    worker = site.work()
    fill(client)
    training(client)
    children = site.job_processes()
    api = set(site.processes()) - {worker.pid, *children}

    worker.kill()
    worker.wait()

    assert len(children) == 1
    eventually(lambda: not set(site.processes()) - api)


def test_worker_returns_job_on_sigterm_and_next_worker_finishes(site):
    client = site.serve("--no-worker")
    site.work()
    fill(client)
    spec = {"hyperparameters": {"n_hidden": 100, "epochs": EPOCHS, "patience": EPOCHS}}
    undisturbed = trained(client, **spec)["result"]["weights_sha256"]

    job = stop_in_training(site, client, spec)

    assert (job["state"], job["attempt"]) == ("queued", 0)

    site.work()
    job = succeeded(client, job)
    assert job["result"]["weights_sha256"] == undisturbed
    assert job["attempt"] == 1


def stop_in_training(site: Site, client: Client, spec: dict[str, object]) -> Job:
    """Tell the worker to stop while it trains; give the job as it stands then."""
    for _ in range(TRIES):
        job_id = training(client, **spec)
        child = site.job_processes()
        site.workers[-1].terminate()
        assert site.workers[-1].wait(PATIENCE_SECONDS) == 0
        assert_gone(child)
        job = client.job("training", job_id)
        if job["state"] != "succeeded" and len(client.error_curve(job_id)) <= EPOCHS:
            return job
        site.work()
    raise AssertionError("every job had learned it all before its worker was told to stop")


def test_cancel_stops_training_soon_and_keeps_error_curve(site):
    client = site.serve("--no-worker")
    site.work()
    fill(client)
    job_id = training(client)
    (child,) = site.job_processes()

    answer = client.cancel(client.job("training", job_id))
    learned = len(client.error_curve(job_id))
    job = client.wait_for(answer, timeout=PATIENCE_SECONDS)

    assert job["state"] == "cancelled"
    assert_gone([child])
    curve = client.error_curve(job_id)
    quickest = min(point["seconds"] for point in curve[1:])
    assert (len(curve) - learned) * quickest < 2  # seconds of the job's own work
    assert [point["epoch"] for point in curve] == list(range(len(curve)))
    assert len(curve) > 3
    with pytest.raises(ApiError) as refused:
        client.cancel(job)
    assert (refused.value.status, refused.value.problem["type"]) == (409, "/problems/job-finished")


def test_idle_worker_ends_on_sigterm(make_site):
    site = make_site()
    site.serve("--no-worker")
    worker = site.work()
    eventually(lambda: b"worker started" in site.home.with_name("worker.log").read_bytes())

    os.kill(worker.pid, signal.SIGTERM)

    assert worker.wait(PATIENCE_SECONDS) == 0
