"""Workers and jobs that are killed, frozen or cut off."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import create_engine, text

from recsvc.db.session import Database, reading, unit_of_work
from recsvc.service.jobs import queries
from tests.conftest import PATIENCE_SECONDS
from tests.db.jobs.test_queue import fall_silent
from tests.worker.conftest import (
    FOREVER,
    House,
    assert_gone,
    descendants,
    state_is,
)


@pytest.mark.parametrize("do", ["count", "spin"])
def test_killed_worker_leaves_no_process(house, do):
    house.enqueue(**FOREVER | {"do": do})
    worker = house.start()
    house.wait(lambda job: job.progress_note is not None)
    family = descendants(worker.pid)
    assert len(family) >= 1

    worker.kill()

    assert_gone(family)


def test_worker_takes_over_job_of_killed_worker(house):
    house.enqueue_halting(halt=5, to=25)
    first = house.start()
    house.wait_for_count(5)
    first.kill()
    house.start()

    job = house.wait(state_is("succeeded"))
    assert job.result["started_from"] == 5
    assert job.fence == 2
    with reading(house.database) as session:
        assert [point.epoch for point in queries.error_curve(session, 1)] == list(range(1, 26))


def test_killed_job_resumes_at_once(house):
    house.lease_seconds = 2 * PATIENCE_SECONDS  # nobody waits until it runs out
    house.enqueue_halting(halt=5, to=25)
    house.start()
    pid = house.wait_for_count(5)

    os.kill(pid, signal.SIGKILL)

    job = house.wait(state_is("succeeded"))
    assert job.fence == 2
    assert job.result["started_from"] == 5


def test_job_killed_before_checkpoint_fails_after_last_attempt(house):
    house.enqueue(do="spin")
    house.start()
    killed = set()
    for _ in range(2):
        job = house.wait(lambda job: (job.progress_note or {}).get("pid") not in {None, *killed})
        killed.add(job.progress_note["pid"])
        os.kill(job.progress_note["pid"], signal.SIGKILL)

    job = house.wait(state_is("failed"))
    assert job.error["attempts"] == 2
    assert "killed by SIGKILL" in job.error["detail"]


def test_suspended_worker_cannot_write_after_lease_expired(house):
    house.lease_seconds = 6 * PATIENCE_SECONDS  # frozen, neither process is within a transaction
    house.enqueue_halting(halt=2, to=40)
    frozen = house.start()
    counting = house.wait_for_count(2)
    for pid in (frozen.pid, counting):
        os.kill(pid, signal.SIGSTOP)
    with unit_of_work(house.database) as session:
        fall_silent(session, 1)
    house.start()
    house.wait(lambda job: job.fence == 2 and job.progress_note["pid"] != counting)

    house.gate.touch()
    for pid in (counting, frozen.pid):
        os.kill(pid, signal.SIGCONT)

    assert_gone([counting])
    job = house.wait(state_is("succeeded"))
    assert job.fence == 2
    assert job.result["pid"] != counting
    assert [event for event in house.events() if event[0] == "done"] == [("done", "succeeded")]


@pytest.fixture
def postgresql_house(new_postgresql_database, tmp_path) -> Iterator[House]:
    database = Database(new_postgresql_database())
    house = House(database, tmp_path / "home")
    yield house
    house.close()
    database.close()


def test_worker_continues_after_database_outage_without_loss_of_attempt(
    postgresql_house, postgresql_server
):
    house = postgresql_house
    house.enqueue_halting(halt=3, to=3)  # no later checkpoint, which would reset the attempts
    worker = house.start()
    counting = house.wait_for_count(3)
    house.database.close()

    with shut(postgresql_server, house.database.engine.url.database):
        house.gate.touch()
        assert_gone([counting])
        time.sleep(house.lease_seconds + 0.5)
        assert worker.poll() is None

    job = house.wait(state_is("succeeded"))
    assert job.result["started_from"] == 3
    assert (job.fence, job.attempt) == (2, 1)
    worker.terminate()
    assert worker.wait(PATIENCE_SECONDS) == 0


@contextmanager
def shut(server: str, name: str) -> Iterator[None]:
    """Throw everybody out of a database and let nobody in."""
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"),
            {"name": name},
        )
        yield
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    engine.dispose()
