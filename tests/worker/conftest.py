"""Real workers as processes of their own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recsvc.db.jobs.events import JobEvents
from recsvc.db.jobs.queue import JobQueue
from recsvc.db.session import Database, reading, unit_of_work
from recsvc.db.tables import Job
from recsvc.service.jobs import queries
from tests.conftest import PATIENCE_SECONDS

ROOT = Path(__file__).resolve().parents[2]
LEASE_SECONDS = 1.5
RUN = """
from recsvc.config import Settings
from recsvc.worker import run
from {module} import use_case

run(Settings(), once={once}, find=use_case)
"""
TINY = "tests.factories.tiny_jobs"
FOREVER = {"do": "count", "to": 100_000, "pause": 0.02}


class House:
    """A database, a home and the workers started on them."""

    def __init__(self, database: Database, home: Path) -> None:
        self.database = database
        self.home = home
        self.gate = home.with_name("gate")
        self.lease_seconds = LEASE_SECONDS
        self.workers: list[subprocess.Popen] = []

    def enqueue(self, *, kind: str = "training", **spec) -> int:
        with unit_of_work(self.database) as session:
            return JobQueue(session).enqueue(kind, spec=spec, now=datetime.now(UTC)).id

    def enqueue_halting(self, *, halt: int, to: int) -> int:
        """Queue a count that stands still after a number until the gate is opened, or for ever.

        So whatever a test does then, it does it before the job is over. Who claims the job again
        halts nowhere, wherever the count was left.
        """
        return self.enqueue(**FOREVER | {"to": to, "halt": halt, "gate": str(self.gate)})

    def start(self, *, once: bool = False, module: str = TINY, **settings: str) -> subprocess.Popen:
        worker = subprocess.Popen(
            [sys.executable, "-c", RUN.format(module=module, once=once)],
            cwd=ROOT,
            env=self.environment() | settings,
            start_new_session=True,
        )
        self.workers.append(worker)
        return worker

    def run(self) -> None:
        """Let a worker carry out all that is due."""
        assert self.start(once=True).wait(PATIENCE_SECONDS) == 0

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in os.environ if not name.startswith("NUMBA_")}
        return kept | {
            "RECSVC_HOME": str(self.home),
            "RECSVC_DATABASE_URL": self.database.url,
            "RECSVC_LEASE_SECONDS": str(self.lease_seconds),
            "RECSVC_TRAINING_THREADS": "2",
            "RECSVC_MAX_ATTEMPTS": "2",
        }

    def job(self, job_id: int = 1, kind: str = "training") -> Job:
        with reading(self.database) as session:
            return queries.get_job(session, job_id, kind)

    def cancel(self, job_id: int) -> None:
        with unit_of_work(self.database) as session:
            queries.cancel_job(session, job_id, "training", now=datetime.now(UTC))

    def wait(self, until: Callable[[Job], bool], *, job_id: int = 1) -> Job:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not until(job := self.job(job_id)):
            assert time.monotonic() < deadline, f"{job.state} {job.progress_note} {job.error}"
            time.sleep(0.02)
        return job

    def wait_for_count(self, least: int = 1) -> int:
        """Wait until the job has counted so far; give the process that counts."""
        job = self.wait(lambda job: (job.progress_note or {}).get("count", 0) >= least)
        return job.progress_note["pid"]

    def events(self, job_id: int = 1) -> list[tuple]:
        with reading(self.database) as session:
            return [
                (event.name, event.state)
                for event in JobEvents(session).list_after(job_id, 0, limit=10_000)
                if event.name != "epoch"
            ]

    def close(self) -> None:
        """Leave no process behind, whatever a test did."""
        for worker in self.workers:
            with suppress(ProcessLookupError):
                worker.send_signal(signal.SIGCONT)
                worker.kill()
            worker.wait()


@pytest.fixture
def house(database, tmp_path) -> Iterator[House]:
    house = House(database, tmp_path / "home")
    yield house
    house.close()


def state_is(*states: str) -> Callable[[Job], bool]:
    return lambda job: job.state in states


def is_alive(pid: int) -> bool:
    """Tell whether a process runs: a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rsplit(")", 1)[1].split()[0] not in "ZX"


def descendants(pid: int) -> list[int]:
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread may end meanwhile
            for child in children.read_text().split():
                found += [int(child), *descendants(int(child))]
    return found


def assert_gone(pids: list[int]) -> None:
    """Wait until processes have ended that would not do so by themselves."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while left := [pid for pid in pids if is_alive(pid)]:
        assert time.monotonic() < deadline, f"still alive: {left}"
        time.sleep(0.01)
