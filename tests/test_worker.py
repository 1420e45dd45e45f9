"""Real workers as processes of their own, killed, frozen and told to stop."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from recsvc.config import Settings
from recsvc.db.job_events import JobEvents
from recsvc.db.jobs import JobQueue
from recsvc.db.session import Database, reading, unit_of_work
from recsvc.db.tables import Job
from recsvc.service import jobs
from recsvc.worker import run

ROOT = Path(__file__).resolve().parents[1]
LEASE_SECONDS = 1.5
RUN = "from recsvc.worker import run; from recsvc.config import Settings; run(Settings(), {})"
FOREVER = {"do": "count", "to": 100_000, "pause": 0.02}


class House:
    """A database, a home and the workers started on them."""

    def __init__(self, database: Database, home: Path) -> None:
        self.database = database
        self.home = home
        self.workers: list[subprocess.Popen] = []

    def enqueue(self, **spec) -> int:
        with unit_of_work(self.database) as session:
            return JobQueue(session).enqueue("training", spec=spec, now=datetime.now(UTC)).id

    def start(self, *, once: bool = False) -> subprocess.Popen:
        options = f"once={once}, use_cases='tests.helpers:use_case'"
        worker = subprocess.Popen(
            [sys.executable, "-c", RUN.replace("{}", options)],
            cwd=ROOT,
            env=self.environment(),
            start_new_session=True,
        )
        self.workers.append(worker)
        return worker

    def run(self) -> None:
        """Let a worker carry out all that is due."""
        assert self.start(once=True).wait(60) == 0

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in os.environ if not name.startswith("NUMBA_")}
        return kept | {
            "RECSVC_HOME": str(self.home),
            "RECSVC_DATABASE_URL": self.database.url,
            "RECSVC_LEASE_SECONDS": str(LEASE_SECONDS),
            "RECSVC_TRAINING_THREADS": "2",
            "RECSVC_MAX_ATTEMPTS": "2",
        }

    def job(self, job_id: int = 1) -> Job:
        with reading(self.database) as session:
            return jobs.get_job(session, job_id, "training")

    def cancel(self, job_id: int) -> None:
        with unit_of_work(self.database) as session:
            jobs.cancel_job(session, job_id, "training", now=datetime.now(UTC))

    def wait(self, until: Callable[[Job], bool], *, seconds: float = 30, job_id: int = 1) -> Job:
        deadline = time.monotonic() + seconds
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
                for event in JobEvents(session).after(job_id, 0, limit=10_000)
                if event.name != "epoch"
            ]


@pytest.fixture
def house(database, tmp_path) -> Iterator[House]:
    house = House(database, tmp_path / "home")
    yield house
    for worker in house.workers:
        with suppress(ProcessLookupError):
            worker.send_signal(signal.SIGCONT)
            worker.kill()
        worker.wait()


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
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


def assert_gone(pids: list[int], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while left := [pid for pid in pids if is_alive(pid)]:
        assert time.monotonic() < deadline, f"still alive: {left}"
        time.sleep(0.01)


def test_a_job_is_carried_out_and_its_result_kept(house):
    job_id = house.enqueue(do="count", to=3)
    house.run()

    job = house.job(job_id)
    assert (job.state, job.progress, job.attempt, job.error) == ("succeeded", 1, 1, None)
    assert job.result["started_from"] == 0
    assert job.result["pid"] not in [worker.pid for worker in house.workers]
    assert house.events() == [
        ("state", "queued"),
        ("state", "running"),
        ("state", "succeeded"),
        ("done", "succeeded"),
    ]


def test_a_job_steps_back_for_those_who_wait_and_keeps_its_kernels_at_home(house):
    house.enqueue(do="count", to=1)
    house.run()

    result = house.job().result
    assert result["niceness"] == os.nice(0) + 10
    assert result["threads"] == "2"
    assert result["kernel_cache"] == str(house.home / "numba")


def test_jobs_are_carried_out_one_after_the_other(house):
    for _ in range(3):
        house.enqueue(do="count", to=1)
    house.run()

    assert [house.job(number).state for number in (1, 2, 3)] == ["succeeded"] * 3


def test_an_error_of_ours_fails_the_job_for_good(house):
    house.enqueue(do="refuse")
    house.run()

    job = house.job()
    assert (job.state, job.attempt) == ("failed", 1)
    assert job.error["code"] == "identical-ratings"
    assert "Every rating is 3" in job.error["detail"]


@pytest.mark.parametrize(
    ("do", "last"),
    [("fall_over", "IndexError: list index out of range"), ("exit", "exit status 0")],
)
def test_any_other_ending_is_tried_again_until_no_attempt_is_left(house, do, last):
    house.enqueue(do=do)
    house.run()

    job = house.job()
    assert (job.state, job.fence) == ("failed", 2)
    assert job.error["code"] == "attempts-exhausted"
    assert last in job.error["detail"]


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


@pytest.mark.parametrize("do", ["count", "spin"])
def test_a_killed_worker_leaves_no_process_behind(house, do):
    house.enqueue(**FOREVER | {"do": do})
    worker = house.start()
    house.wait(lambda job: job.progress_note is not None)
    family = descendants(worker.pid)
    assert len(family) >= 1

    worker.kill()

    assert_gone(family, seconds=1)


def test_another_worker_takes_over_from_a_killed_one(house):
    house.enqueue(**FOREVER | {"to": 25})
    first = house.start()
    house.wait_for_count(5)
    first.kill()
    house.start()

    job = house.wait(state_is("succeeded"))
    assert job.result["started_from"] >= 5
    assert job.fence == 2
    with reading(house.database) as session:
        assert [point.epoch for point in jobs.error_curve(session, 1)] == list(range(1, 26))


def test_a_killed_job_is_resumed_at_once(house):
    house.enqueue(**FOREVER | {"to": 25})
    house.start()
    pid = house.wait_for_count(5)

    os.kill(pid, signal.SIGKILL)

    house.wait(lambda job: job.fence == 2, seconds=LEASE_SECONDS)
    job = house.wait(state_is("succeeded"))
    assert job.result["started_from"] >= 5


def test_a_job_killed_before_any_checkpoint_is_given_up_after_its_attempts(house):
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


def test_a_frozen_worker_that_thaws_is_refused(house):
    house.enqueue(do="count", to=15, pause=0.3)  # frozen in a pause, not within a transaction
    frozen = house.start()
    counting = house.wait_for_count(2)
    for pid in (frozen.pid, counting):
        os.kill(pid, signal.SIGSTOP)
    house.start()
    house.wait(lambda job: job.fence == 2 and job.progress_note["pid"] != counting)

    for pid in (counting, frozen.pid):
        os.kill(pid, signal.SIGCONT)

    assert_gone([counting], seconds=2)
    job = house.wait(state_is("succeeded"))
    assert job.fence == 2
    assert job.result["pid"] != counting
    assert [event for event in house.events() if event[0] == "done"] == [("done", "succeeded")]


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
    options = {"use_cases": "tests.helpers:use_case"}
    worker = spawning.Process(target=run, args=(Settings(),), kwargs=options)
    worker.start()
    worker.join()


def test_a_worker_that_finds_no_database_says_so_in_one_line(tmp_path):
    nowhere = {"RECSVC_DATABASE_URL": f"postgresql://postgres@/none?host={tmp_path}"}
    worker = subprocess.run(
        [sys.executable, "-m", "recsvc.worker"],
        cwd=ROOT,
        env=os.environ | nowhere | {"RECSVC_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert worker.returncode == 1
    (line,) = worker.stderr.splitlines()
    assert line.startswith("error: The database did not answer")


def test_a_worker_goes_on_after_its_database_was_away(
    new_postgresql_database, postgresql_server, tmp_path
):
    database = Database(new_postgresql_database())
    house = House(database, tmp_path / "home")
    house.enqueue(**FOREVER | {"to": 25})
    worker = house.start()
    house.wait_for_count(3)
    database.close()

    with shut(postgresql_server, Path(database.engine.url.database).name):
        time.sleep(1)
        assert worker.poll() is None

    job = house.wait(state_is("succeeded"))
    assert job.result["started_from"] >= 3
    worker.terminate()
    assert worker.wait(3) == 0
    database.close()


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
