"""A small shop of two camps, and the part of a worker: claim a training job and carry it out."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from recsvc.db.jobs.queue import JobQueue, Lease, job_lease
from recsvc.db.session import Database, reading, unit_of_work
from recsvc.db.tables import Job, JobState, ModelVersion, TrainingEpoch
from recsvc.rbm import checkpoint
from recsvc.rbm.model import Model
from recsvc.service.catalog import items
from recsvc.service.context import Context
from recsvc.service.feedback import interactions, ratings
from recsvc.service.imports.bulk import Bulk
from recsvc.service.jobs.runner import carry_out
from recsvc.service.models import publishing
from recsvc.service.training import training_job
from recsvc.service.training_spec import TrainingSpec
from recsvc.shelf import Shelf

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
SHORT = {"n_hidden": 4, "epochs": 5, "warm_up_epochs": 0, "batch_size": 5}

LIKE, DISLIKE = 5.0, 1.0


def two_camps(n: int = 12, *, first_user: int = 0) -> list[dict[str, Any]]:
    """Even users like even items and dislike odd ones; odd users the reverse.

    User u withholds item u, which they would like, and item u + 1, which they would not.
    """
    return [
        {
            "user_id": f"u{user:02}",
            "item_id": f"i{item:02}",
            "value": LIKE if (user + item) % 2 == 0 else DISLIKE,
        }
        for user in range(first_user, first_user + n)
        for item in range(n)
        if item not in (user % n, (user + 1) % n)
    ]


def fans(n: int = 12, *, n_users: int = 24) -> list[dict[str, Any]]:
    """Users who rate all that their camp likes, and of the rest two items, which they do not."""
    return [
        {
            "user_id": f"u{user:02}",
            "item_id": f"i{item:02}",
            "value": LIKE if (user + item) % 2 == 0 else DISLIKE,
        }
        for user in range(n_users)
        for item in range(n)
        if (user + item) % 2 == 0 or item in ((user + 3) % n, (user + 7) % n)
    ]


class WatchedShelf(Shelf):
    """A shelf that tells somebody whenever something has been put on it."""

    def __init__(self, url: str, cache: Path, told: Callable[[int], None]) -> None:
        super().__init__(url, cache)
        self._told = told
        self._n_put = 0

    def put(self, data: bytes) -> str:
        sha256 = super().put(data)
        self._n_put += 1
        self._told(self._n_put)
        return sha256


class Shop:
    """What happens in a shop: ratings come in, jobs are asked for and carried out."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.folder = folder
        self.context = Context(
            database=database,
            shelf=Shelf(f"file://{folder}/shelf", folder / "cache"),
            rating_scale=None,
            training_threads=1,
            memory_limit_bytes=2_000_000_000,
            checkpoint_seconds=0,
            shelf_keep=5,
        )

    @property
    def database(self) -> Database:
        return self.context.database

    def configure(self, **bounds: object) -> None:
        """Change what the operator has set."""
        self.context = replace(self.context, **bounds)

    def watched(self, told: Callable[[int], None]) -> Context:
        """The context with a shelf that tells how many objects have been put."""
        shelf = WatchedShelf(f"file://{self.folder}/shelf", self.folder / "cache", told)
        return replace(self.context, shelf=shelf)

    def rate(self, entries: Iterable[dict[str, Any]]) -> None:
        with unit_of_work(self.database) as session:
            report = ratings.add_ratings(session, Bulk(list(entries)), now=NOON, scale=None)
            assert not report.refusals

    def choose(self, events: Iterable[tuple[str, str, str]], *, hours: int = 0) -> None:
        """Let users do something with items, so many hours after noon: (user, item, type)."""
        entries = [
            {"user_id": user_id, "item_id": item_id, "type": kind}
            for user_id, item_id, kind in events
        ]
        now = NOON + timedelta(hours=hours)
        with unit_of_work(self.database) as session:
            report = interactions.add_interactions(session, Bulk(entries), now=now)
            assert not report.refusals

    def describe(self, item_id: str, **known: object) -> None:
        description = {
            "title": None,
            "categories": [],
            "price": None,
            "available": True,
            "hidden": False,
            "attributes": {},
        }
        with unit_of_work(self.database) as session:
            items.put_item(session, item_id, {**description, **known}, now=NOON)

    def ask(self, *, hyperparameters: dict[str, Any] | None = None, **spec: object) -> int:
        chosen = {**SHORT, **(hyperparameters or {})}
        with unit_of_work(self.database) as session:
            asked = TrainingSpec(hyperparameters=chosen, **spec)
            return training_job.request_training(session, spec=asked, now=NOON).id

    def claim(self, *, lease_seconds: float = 60) -> Lease:
        with unit_of_work(self.database) as session:
            job = JobQueue(session).claim(
                worker="w", now=datetime.now(UTC), lease_seconds=lease_seconds, max_attempts=9
            )
            return job_lease(job)

    def job(self, job_id: int) -> Job:
        with reading(self.database) as session:
            return JobQueue(session).get(job_id, "training")

    def train(self, **spec: object) -> dict[str, Any]:
        """Ask for a training and carry it out; give the job's result."""
        job_id = self.ask(**spec)
        assert self.carry_out(self.claim()) == JobState.SUCCEEDED, self.job(job_id).error
        return self.job(job_id).result

    def fail(self, **spec: object) -> dict[str, Any]:
        """Ask for a training that cannot succeed; give the job's error."""
        job_id = self.ask(**spec)
        assert self.carry_out(self.claim()) == JobState.FAILED
        assert self.versions() == []
        return self.job(job_id).error

    def carry_out(self, lease: Lease, context: Context | None = None) -> JobState:
        return carry_out(context or self.context, lease.job_id, lease)

    def curve(self, job_id: int) -> list[TrainingEpoch]:
        with reading(self.database) as session:
            return list(JobQueue(session).error_curve(job_id))

    def versions(self) -> list[ModelVersion]:
        with reading(self.database) as session:
            return sorted(publishing.list_models(session), key=lambda card: card.version)

    def card(self, version: int) -> ModelVersion:
        with reading(self.database) as session:
            return publishing.get_model(session, version)

    def model(self, version: int) -> Model:
        return checkpoint.read_model(self.context.shelf.map(self.card(version).checkpoint_sha256))

    def judged_model(self, version: int) -> Model:
        """The model that has seen no validation rating."""
        sha256 = self.card(version).model_as_judged_sha256
        return checkpoint.read_model(self.context.shelf.map(sha256))

    def publish(self, version: int) -> None:
        with unit_of_work(self.database) as session:
            publishing.publish(session, version, now=NOON)

    def rollback(self) -> None:
        with unit_of_work(self.database) as session:
            publishing.rollback(session, now=NOON)

    def published(self) -> int | None:
        with reading(self.database) as session:
            version = publishing.published_version(session)
            return None if version is None else version.version

    def place(self, sha256: str) -> Path:
        """Where the shelf keeps an object."""
        return self.folder / "shelf" / sha256[:2] / sha256

    def spoil(self, sha256: str) -> None:
        """Change one byte in the middle of an object."""
        data = bytearray(self.place(sha256).read_bytes())
        data[len(data) // 2] ^= 1
        self.place(sha256).write_bytes(data)

    def on_the_shelf(self) -> set[str]:
        return {found.sha256 for found in self.context.shelf.objects()}
