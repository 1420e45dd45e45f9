"""A training job that is disturbed while it runs, and how it must end all the same."""

import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from benchmarks.service import RECSVC
from recsvc.client import Client
from recsvc.db.jobs.queue import JobQueue
from recsvc.db.session import Database, reading, unit_of_work
from recsvc.db.tables import Job, JobEvent
from recsvc.errors import DatabaseUnavailable
from recsvc.service.jobs import queries

SPEC = {
    "model_kind": "joint_rbm",
    "hyperparameters": {
        "n_hidden": 16,
        "batch_size": 10,
        "epochs": 8,
        "learning_rate": 0.005,
        "rating_epochs": 2,
    },
    "seed": 3,
}
SETTINGS = {"RECSVC_LEASE_SECONDS": "1.5", "RECSVC_CHECKPOINT_SECONDS": "0"}
LOOK_SECONDS = 0.01
PATIENCE_SECONDS = 300
MOST_TRIES = 20
FINAL = ("succeeded", "failed", "cancelled")


class Look(NamedTuple):
    """The row of a job at one moment; `kept` are its checkpoint and its first finished model."""

    state: str
    fence: int
    attempt: int
    kept: tuple[str | None, str | None]


class Watch(threading.Thread):
    """Reads the row of a job all the time until the job is final; keeps what has changed."""

    def __init__(self, database: Database, job_id: int) -> None:
        super().__init__(daemon=True)
        self._database, self._job_id = database, job_id
        self.looks: list[Look] = []

    def run(self) -> None:
        """Read until the job is final."""
        while not self.is_over():
            with suppress(DatabaseUnavailable), reading(self._database) as session:
                job = queries.get_job(session, self._job_id, "training")
                kept = (job.checkpoint_sha256, job.judged_sha256)
                look = Look(job.state, job.fence, job.attempt, kept)
                if self.looks[-1:] != [look]:
                    self.looks.append(look)
            time.sleep(LOOK_SECONDS)

    def is_over(self) -> bool:
        """Return whether the job is final."""
        return bool(self.looks) and self.looks[-1].state in FINAL

    def wait_until_running(self) -> None:
        """Wait for the first claim. Raises TimeoutError."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not any(look.fence for look in list(self.looks)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"job {self._job_id} was not claimed: {self.looks}")
            time.sleep(LOOK_SECONDS)


def attempt_errors(looks: Sequence[Look], *, cost: int) -> list[str]:
    """Return where the count of attempts is not as specified.

    cost  of a disturbance: 1 for a killed process, 0 for a fault of the machine

    A claim after a disturbance adds the cost; a checkpoint or a finished model resets the count.
    """
    errors: list[str] = []
    possible, before = {1}, None
    for look in (look for look in looks if look.state == "running"):
        if before is not None:
            n_claims = look.fence - before.fence
            if look.kept != before.kept:  # a claim that follows unseen adds the cost again
                possible = {1, 1 + cost * n_claims}
            else:
                possible = {count + cost * n_claims for count in possible}
        if look.attempt not in possible:
            errors.append(f"attempt {look.attempt} in place of {sorted(possible)}: {look}")
        possible, before = {look.attempt}, look
    return errors


class Trial:
    """Training jobs of one service, each disturbed once, and their weights.

    same_ratings  no rating changes, so every job must have the weights of the undisturbed one
    counts        jobs by outcome
    notes         each outcome that is not as it should be, in words
    """

    def __init__(
        self, client: Client, database: Database, rng: random.Random, *, same_ratings: bool
    ) -> None:
        self._client, self._database, self._rng = client, database, rng
        self._same_ratings = same_ratings
        self._disturbed: list[int] = []
        self.counts: Counter[str] = Counter()
        self.notes: list[str] = []
        self._finish(client.train(**SPEC, publish="always")["id"])  # readers need a model
        job = self._finish(client.train(**SPEC, publish="never")["id"])
        self._undisturbed = job.result["weights_sha256"]
        self._seconds = (job.finished_at - job.started_at).total_seconds()

    def disturb(self, strike: Callable[[], object], *, cost: int, ends_attempt: bool) -> None:
        """Train, and strike at a random moment of the job; again if it had ended before.

        cost          of the disturbance in attempts
        ends_attempt  it always ends one, so that the job is claimed exactly twice
        """
        for _ in range(MOST_TRIES):
            job_id = self._client.train(**SPEC, publish="never")["id"]
            watch = Watch(self._database, job_id)
            watch.start()
            watch.wait_until_running()
            time.sleep(self._rng.uniform(0, self._seconds))
            is_struck = not watch.is_over()
            if is_struck:
                strike()
            job = self._finish(job_id)
            watch.join(PATIENCE_SECONDS)
            if not is_struck:
                self._seconds = (job.finished_at - job.started_at).total_seconds()
            if ends_attempt and job.fence == 1:
                is_struck = False  # it ended in the same moment
            self._check(job, watch, cost, n_claims=2 if ends_attempt and is_struck else None)
            if is_struck:
                self._disturbed.append(job_id)
                return
        raise TimeoutError("every job had ended before it was disturbed")

    def compare_with_same_snapshots(self) -> None:
        """Train undisturbed on the snapshot of each disturbed job, and compare the weights.

        For jobs during which other ratings arrived.
        """
        for job_id in self._disturbed:
            job = self._finish(job_id)
            if job.result is not None:
                self._compare_weights(job, self._train_on_snapshot(job))

    def _train_on_snapshot(self, job: Job) -> str:
        with unit_of_work(self._database) as session:
            spec = job.spec | {"publish": "never"}
            again = JobQueue(session).enqueue("training", spec=spec, now=datetime.now(UTC))
            again.snapshot_sha256 = job.snapshot_sha256
        return self._finish(again.id).result["weights_sha256"]

    def _finish(self, job_id: int) -> Job:
        """Wait until a job is final and return its row. Raises TimeoutError."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        job = None
        while time.monotonic() < deadline:
            with suppress(DatabaseUnavailable), reading(self._database) as session:
                job = queries.get_job(session, job_id, "training")
                if job.state in FINAL:
                    return job
            time.sleep(0.05)
        raise TimeoutError(f"job {job_id} did not end: {job and (job.state, job.progress_note)}")

    def _check(self, job: Job, watch: Watch, cost: int, n_claims: int | None) -> None:
        """Count how a job ended.

        n_claims  that the job must have had; None: any
        """
        self.counts["jobs"] += 1
        if job.state != "succeeded":
            self._note(job, "jobs lost", f"{job.state}: {job.error}")
            return
        ends = self._count_ends(job)
        if ends != {"done": 1, "succeeded": 1}:
            self._note(job, "jobs completed twice", str(ends))
        errors = attempt_errors(watch.looks, cost=cost)
        if n_claims is not None and job.fence != n_claims:
            errors.append(f"claimed {job.fence} times")
        if errors:
            looks = "; ".join(f"{look.state} {look.fence} {look.attempt}" for look in watch.looks)
            self._note(job, "jobs with other attempts than specified", f"{errors} ({looks})")
        if self._same_ratings:
            self._compare_weights(job, self._undisturbed)

    def _compare_weights(self, job: Job, expected: str) -> None:
        self.counts["weights compared"] += 1
        if job.result["weights_sha256"] != expected:
            self._note(
                job, "weights that differ", f"{job.result['weights_sha256']}, not {expected}"
            )

    def _count_ends(self, job: Job) -> Counter[str]:
        with reading(self._database) as session:
            events: Sequence[JobEvent] = queries.events_after(session, job.id)
        return Counter(
            "done" if event.name == "done" else event.state
            for event in events
            if event.name == "done" or event.state in FINAL
        )

    def _note(self, job: Job, outcome: str, text: str) -> None:
        self.counts[outcome] += 1
        self.notes.append(f"{outcome}: job {job.id}: {text}")


class Workers:
    """A worker that is started again after each kill."""

    def __init__(self, home: Path, rng: random.Random, **environment: str) -> None:
        self._environment = os.environ | environment | {"RECSVC_HOME": str(home)}
        self._rng = rng
        self._worker = self._start()
        self.counts: Counter[str] = Counter()

    def kill(self) -> None:
        """Kill the worker or its job process by SIGKILL; start another worker in the first case."""
        children = job_processes(self._worker.pid)
        if children and self._rng.random() < 0.5:
            for pid in children:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.counts["job processes killed"] += 1
            return
        self._worker.kill()
        self._worker.wait()
        self._worker = self._start()
        self.counts["workers killed"] += 1

    def close(self) -> None:
        """End the worker."""
        self._worker.terminate()
        self._worker.wait(30)

    def _start(self) -> subprocess.Popen[bytes]:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen([str(RECSVC), "worker"], env=self._environment, **quiet)


def job_processes(worker: int) -> list[int]:
    """Return the processes in which a worker runs jobs, its resource tracker not among them."""
    try:
        pids = Path(f"/proc/{worker}/task/{worker}/children").read_text().split()
        return [int(p) for p in pids if b"spawn_main" in Path(f"/proc/{p}/cmdline").read_bytes()]
    except OSError:
        return []
