"""kill -9 at any moment of a training job changes no bit of its weights."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

from recsvc.client import Client
from recsvc.db.session import Database, reading
from recsvc.db.tables import Job
from recsvc.service.jobs import queries
from tests.acceptance.conftest import (
    PATIENCE_SECONDS,
    Site,
    eventually,
    fill,
    succeeded,
    trained,
)
from tests.worker.conftest import assert_gone

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

EPOCHS = 13
QUICK = {"n_hidden": 16, "batch_size": 10, "epochs": EPOCHS}
FASTER = {
    "user_rbm": {"learning_rate": 0.1, "momentum_epoch": 1},
    "joint_rbm": {"learning_rate": 0.005, "rating_epochs": 2},
}


def spec_of(model_kind: str) -> dict:
    hyperparameters = QUICK | FASTER[model_kind]
    return {
        "model_kind": model_kind,
        "hyperparameters": hyperparameters,
        "seed": 3,
        "publish": "never",
    }


TRIES = 20  # a job may end before the blow falls


@dataclass
class Watched:
    """One training job, seen as closely as a process outside it can."""

    site: Site
    database: Database
    job_id: int

    def job(self) -> Job:
        with reading(self.database) as session:
            return queries.get_job(session, self.job_id, "training")

    def phase(self) -> str:
        return (self.job().progress_note or {}).get("phase", "")

    def epoch(self) -> int:
        return (self.job().progress_note or {}).get("epoch", -1)

    def is_writing(self) -> bool:
        """Tell whether an object is half on the shelf."""
        with suppress(FileNotFoundError):
            return any((self.site.home / "shelf" / "incoming").iterdir())
        return False

    def is_over(self) -> bool:
        return self.job().finished_at is not None

    def seconds(self) -> dict[int, float]:
        """Give how long each epoch took, which no second run of it would repeat."""
        with reading(self.database) as session:
            curve = queries.error_curve(session, self.job_id)
            return {row.epoch: row.seconds for row in curve if row.epoch > 0}


Wait = Callable[[Watched], None]


def wait_until(happens: Callable[[Watched], bool]) -> Wait:
    def wait(watched: Watched) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not happens(watched) and not watched.is_over():
            assert time.monotonic() < deadline
            time.sleep(0.001)

    return wait


def wait_and_sleep(first: Wait, seconds: float) -> Wait:
    def wait(watched: Watched) -> None:
        first(watched)
        time.sleep(seconds)

    return wait


def moments(
    chance: random.Random, length: float, model_kind: str
) -> Iterator[tuple[str, Wait, bool]]:
    """Yield moments of a job that takes `length` seconds; and whether the worker dies, too.

    Ten of any job, and two of one that fits twice.
    """

    def begun(watched: Watched) -> bool:
        return bool(watched.site.job_processes())

    def in_epoch() -> Wait:
        epoch = chance.randint(1, EPOCHS - 2)
        return wait_and_sleep(wait_until(lambda w: w.epoch() >= epoch), chance.uniform(0, 0.05))

    def snapshot_half_written(watched: Watched) -> bool:
        return watched.is_writing() or watched.phase() not in ("", "reading ratings")

    def checkpoint_half_written(watched: Watched) -> bool:
        return watched.epoch() >= 2 and watched.is_writing()

    def evaluating(watched: Watched) -> bool:
        return watched.phase() == "evaluating"

    yield "starting", wait_and_sleep(wait_until(begun), chance.uniform(0, 0.4) * length), False
    yield (
        "starting, the worker",
        wait_and_sleep(wait_until(begun), chance.uniform(0, 0.4) * length),
        True,
    )
    yield "reading ratings", wait_until(lambda w: w.phase() == "reading ratings"), False
    yield "shelving the snapshot", wait_until(snapshot_half_written), False
    yield "learning", in_epoch(), False
    yield "learning, the worker", in_epoch(), True
    yield "writing a checkpoint", wait_until(checkpoint_half_written), False
    yield "writing a checkpoint, the worker", wait_until(checkpoint_half_written), True
    yield "evaluating", wait_until(evaluating), False
    yield "releasing", wait_until(lambda w: evaluating(w) and w.is_writing()), False
    if model_kind == "joint_rbm":
        yield "between the fits", wait_until(lambda w: "how people rate" in w.phase()), False
        yield "in the last fit", wait_until(lambda w: "all ratings" in w.phase()), True


@pytest.mark.parametrize(
    ("database_url", "model_kind"),
    [("sqlite", "joint_rbm"), ("postgresql", "user_rbm")],
    indirect=["database_url"],
)
def test_training_killed_at_any_moment_has_weights_of_undisturbed_job(site, model_kind):
    spec = spec_of(model_kind)
    client = site.serve("--no-worker")
    site.work()
    fill(client, 250)
    trained(client, **spec)  # kernels may have to be compiled
    began = time.monotonic()
    result = trained(client, **spec)["result"]
    undisturbed = result["weights_sha256"]
    if model_kind == "user_rbm":
        assert result["best_epoch"] == EPOCHS  # the weights kept are those of the very last step
    length = time.monotonic() - began
    database = Database(site.as_settings().effective_database_url())

    hashes, resumed = [], 0
    for name, wait, worker_too in moments(random.Random(42), length, model_kind):
        job, kept = kill_once(site, client, database, spec, wait, worker_too)
        hashes.append((name, job["result"]["weights_sha256"]))
        resumed += kept
    database.close()

    assert len(hashes) == (12 if model_kind == "joint_rbm" else 10)
    assert {sha256 for _, sha256 in hashes} == {undisturbed}, hashes
    assert resumed >= 4  # the others were killed before their first checkpoint


def kill_once(
    site: Site, client: Client, database: Database, spec: dict, wait: Wait, worker_too: bool
) -> tuple[dict, bool]:
    """Kill a job once while it runs; give it finished, and whether it did not begin again."""
    for _ in range(TRIES):
        watched = Watched(site, database, client.train(**spec)["id"])
        wait(watched)
        kill_processes(site, worker_too)
        before = watched.seconds()
        job = succeeded(client, client.job("training", watched.job_id))
        if (fence := watched.job().fence) > 1:
            assert fence == 2
            after = watched.seconds()
            assert sorted(after) == list(range(1, EPOCHS + 1))
            return job, any(after[epoch] == before[epoch] for epoch in before)
    raise AssertionError("every job had ended before it was killed")


def kill_processes(site: Site, worker_too: bool) -> None:
    children = site.job_processes()
    if worker_too:
        worker = site.workers.pop()
        worker.kill()
        worker.wait()
        assert_gone(children)
        site.work()
    for pid in [] if worker_too else children:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    eventually(lambda: not set(children) & set(site.job_processes()))
