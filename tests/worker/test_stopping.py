"""Workers and jobs that are told to stop."""

import multiprocessing
import os
import signal

import pytest

from recsvc.config import Settings
from recsvc.db.session import reading
from recsvc.service import jobs
from recsvc.worker import run
from tests.worker.conftest import (
    FOREVER,
    TINY,
    assert_gone,
    descendants,
    is_alive,
    state_is,
)


@pytest.mark.parametrize("do", ["count", "spin"])
def test_a_cancelled_job_stops_within_two_seconds(house, do):
    house.enqueue(**FOREVER | {"do": do})
    house.start()
    pid = house.wait(lambda job: job.progress_note is not None).progress_note["pid"]

    house.cancel(1)
    house.wait(state_is("cancelled"), seconds=2)

    assert not is_alive(pid)
    with reading(house.database) as session:  # the curve stays
        assert len(jobs.error_curve(session, 1)) > 0 or do == "spin"


def test_the_worker_goes_on_after_a_cancelled_job(house):
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
def test_a_worker_told_to_stop_hands_its_job_back(house, tell, number):
    house.enqueue(**FOREVER | {"to": 30})
    worker = house.start()
    house.wait_for_count()
    family = [worker.pid, *descendants(worker.pid)]

    tell(worker.pid, number)

    assert worker.wait(3) == 0
    assert_gone(family, seconds=0.5)
    job = house.job()
    assert (job.state, job.attempt, job.fence) == ("queued", 0, 1)

    house.run()
    job = house.job()
    assert job.state == "succeeded"
    assert job.result["started_from"] >= 1


def test_an_idle_worker_stops_at_once(house):
    worker = house.start()
    house.enqueue(do="count", to=1)
    house.wait(state_is("succeeded"))

    worker.terminate()

    assert worker.wait(2) == 0


def test_a_worker_ends_with_the_process_that_started_it(house, tmp_path):
    house.enqueue(**FOREVER)
    spawning = multiprocessing.get_context("spawn")
    parent = spawning.Process(target=start_worker, args=(house.environment(), str(tmp_path / "p")))
    parent.start()
    house.wait_for_count()
    family = [parent.pid, *descendants(parent.pid)]

    parent.kill()
    parent.join()

    assert_gone(family, seconds=2)
    assert house.job().state == "queued"


def start_worker(environment: dict[str, str], ready: str) -> None:
    os.environ.update(environment)
    spawning = multiprocessing.get_context("spawn")
    worker = spawning.Process(target=run, args=(Settings(),), kwargs={"use_cases": TINY})
    worker.start()
    worker.join()
