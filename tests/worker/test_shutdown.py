"""Workers and jobs that are told to stop."""

import multiprocessing
import os
import signal

import pytest

from recsvc import worker as worker_module
from recsvc.config import Settings
from recsvc.db.session import reading
from recsvc.service.jobs import queries
from recsvc.worker import loop
from tests.conftest import PATIENCE_SECONDS
from tests.factories.tiny_jobs import use_case
from tests.worker.conftest import (
    FOREVER,
    assert_gone,
    descendants,
    is_alive,
    state_is,
)


@pytest.mark.parametrize("do", ["count", "spin"])
def test_cancelled_job_stops_and_keeps_its_curve(house, do):
    house.enqueue(**FOREVER | {"do": do})
    house.start()
    pid = house.wait(lambda job: job.progress_note is not None).progress_note["pid"]

    house.cancel(1)
    job = house.wait(state_is("cancelled"))

    assert not is_alive(pid)
    with reading(house.database) as session:
        curve = queries.error_curve(session, 1)
    assert [point.epoch for point in curve] == list(range(1, len(curve) + 1))
    assert len(curve) == job.progress_note.get("count", 0)
    assert len(curve) > 0 or do == "spin"


def test_cancelled_job_stops_within_two_seconds_of_work(house):
    """By the job's own work, which stands still with the machine; and the watch is close enough."""
    house.enqueue(**FOREVER)
    house.start()
    house.wait_for_count()

    house.cancel(1)
    counted = house.job().progress_note["count"]

    job = house.wait(state_is("cancelled"))
    assert job.progress_note["count"] - counted < 2 / FOREVER["pause"]
    assert loop.TICK_SECONDS < 1


def test_worker_continues_after_cancelled_job(house):
    house.enqueue(**FOREVER)
    house.enqueue(do="count", to=1)
    house.start()
    house.wait_for_count()
    house.cancel(1)

    house.wait(state_is("succeeded"), job_id=2)


@pytest.mark.parametrize(
    ("tell", "number"),
    [(os.kill, signal.SIGTERM), (os.killpg, signal.SIGTERM), (os.killpg, signal.SIGINT)],
    ids=["SIGTERM", "SIGTERM to the group", "Ctrl-C"],
)
def test_worker_returns_job_to_queue_on_signal(house, tell, number):
    house.enqueue_halting(halt=3, to=30)
    worker = house.start()
    house.wait_for_count()
    family = [worker.pid, *descendants(worker.pid)]

    tell(worker.pid, number)

    assert worker.wait(PATIENCE_SECONDS) == 0
    assert_gone(family)
    job = house.job()
    assert (job.state, job.attempt, job.fence) == ("queued", 0, 1)

    house.run()
    job = house.job()
    assert job.state == "succeeded"
    assert job.result["started_from"] >= 1


def test_idle_worker_stops_on_signal(house):
    worker = house.start()
    house.enqueue(do="count", to=1)
    house.wait(state_is("succeeded"))

    worker.terminate()

    assert worker.wait(PATIENCE_SECONDS) == 0


def test_worker_ends_with_its_parent(house, tmp_path):
    house.enqueue(**FOREVER)
    spawning = multiprocessing.get_context("spawn")
    parent = spawning.Process(target=start_worker, args=(house.environment(), str(tmp_path / "p")))
    parent.start()
    house.wait_for_count()
    family = [parent.pid, *descendants(parent.pid)]

    parent.kill()
    parent.join()

    assert_gone(family)
    assert house.job().state == "queued"


def start_worker(environment: dict[str, str], ready: str) -> None:
    os.environ.update(environment)
    spawning = multiprocessing.get_context("spawn")
    worker = spawning.Process(target=run_patiently)
    worker.start()
    worker.join()


def run_patiently() -> None:
    """Run a worker that may take longer than five seconds to hand its job back."""
    worker_module.GRACE_SECONDS = PATIENCE_SECONDS
    worker_module.run(Settings(), find=use_case)
