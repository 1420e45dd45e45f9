"""The state of the service for monitoring: jobs, workers, imports, the published model, sizes."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

import structlog

from recsvc.db import monitoring
from recsvc.db.monitoring import ImportNote
from recsvc.db.session import Database, Session, reading
from recsvc.service.models import publishing
from recsvc.shelf import Shelf

T = TypeVar("T")

WAIT_SECONDS = 1.0  # of a scrape for a new sample

log = structlog.get_logger("recsvc.monitoring")


class ImportTotals(NamedTuple):
    """Lines of all import jobs, without dry runs."""

    ratings: int = 0
    interactions: int = 0
    refused: Mapping[str, int] = MappingProxyType({})

    def plus(self, counts: Mapping[str, Any]) -> "ImportTotals":
        """Return the totals with the counts of one more job."""
        if not counts or counts["dry_run"]:
            return self
        return ImportTotals(
            self.ratings + counts["ratings"],
            self.interactions + counts["interactions"],
            Counter(self.refused) + Counter(counts["refused"]),
        )


class DatabaseFigures(NamedTuple):
    """What the database has at one moment.

    model_age_seconds  since the published version was trained; None before the first publication
    """

    jobs: Mapping[tuple[str, str], int]
    oldest_queued_seconds: float
    oldest_running_seconds: float
    workers_seen: int
    model_version: int
    model_age_seconds: float | None
    imports: ImportTotals
    n_bytes: int


class ShelfFigures(NamedTuple):
    """The number and the size of the objects on the shelf."""

    n_objects: int
    n_bytes: int


class FiguresReader:
    """Reads the figures of a database; finished imports are read once.

    Each number is that of one transaction, so that they agree.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._finished = ImportTotals()
        self._last_finished = 0  # the last import job before the first unfinished one

    def read(self) -> DatabaseFigures:
        """Return the present figures. Raises DatabaseUnavailable."""
        now = datetime.now(UTC)
        with reading(self._database) as session:
            published = publishing.published_version(session)
            return DatabaseFigures(
                jobs=monitoring.count_jobs(session),
                oldest_queued_seconds=_age(monitoring.oldest_due(session, now), now),
                oldest_running_seconds=_age(monitoring.oldest_start(session), now),
                workers_seen=monitoring.count_workers(session),
                model_version=published.version if published else 0,
                model_age_seconds=_age(published.created_at, now) if published else None,
                imports=self._total_imports(session),
                n_bytes=monitoring.database_bytes(session),
            )

    def _total_imports(self, session: Session) -> ImportTotals:
        notes = monitoring.list_import_notes(session, self._last_finished)
        n_finished = _count_leading_final(notes)
        for note in notes[:n_finished]:
            self._finished = self._finished.plus(note.counts)
            self._last_finished = note.job_id
        total = self._finished
        for note in notes[n_finished:]:
            total = total.plus(note.counts)
        return total


def measure_shelf(shelf: Shelf) -> ShelfFigures:
    """Return the number and the size of the objects. Raises ShelfUnavailable."""
    sizes = [found.n_bytes for found in shelf.objects()]
    return ShelfFigures(len(sizes), sum(sizes))


class Sampler(Generic[T]):
    """The result of a read that may be slow or fail, for callers that must not wait long.

    A thread reads after a request for it. A result older than `max_age_seconds` is not
    returned.
    """

    def __init__(self, name: str, read: Callable[[], T], max_age_seconds: float) -> None:
        self._name = name
        self._read = read
        self._max_age = max_age_seconds
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._is_reading = False
        self._sample: T | None = None
        self._sampled_at = float("-inf")

    def latest(self, wait_seconds: float = WAIT_SECONDS) -> T | None:
        """Return a recent result, None if the read fails or takes longer than `wait_seconds`."""
        with self._lock:
            if time.monotonic() - self._sampled_at <= self._max_age:
                return self._sample
            if not self._is_reading:
                self._is_reading = True
                self._done = threading.Event()
                threading.Thread(target=self._renew, name=self._name, daemon=True).start()
            done = self._done
        return self._sample if done.wait(wait_seconds) else None

    def _renew(self) -> None:
        try:
            sample = self._read()
        except Exception as error:  # the metrics without these figures are the report
            log.warning("not measured", name=self._name, error=str(error))
            sample = None
        with self._lock:
            self._sample, self._sampled_at = sample, time.monotonic()
            self._is_reading = False
            self._done.set()


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0


def _count_leading_final(notes: Sequence[ImportNote]) -> int:
    return next((n for n, note in enumerate(notes) if not note.is_final), len(notes))
