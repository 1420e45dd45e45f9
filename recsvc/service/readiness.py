"""Readiness of the service: reads, writes, workers and the published model.

Threads measure what needs the database and keep the last result, so a readiness request waits for
nothing. docs/decisions/0085-ready-without-writes.md has what makes a service not ready.
"""

import threading
import time
from abc import ABC, abstractmethod
from contextlib import closing
from typing import NamedTuple

from recsvc.db import migrate
from recsvc.db.jobs.activity import QueueActivity, read_activity
from recsvc.db.session import Database, reading
from recsvc.db.write_probe import commit_probe
from recsvc.errors import NotReady, RecsvcError
from recsvc.service.recommendations.model_server import ModelServer

CHECK_SECONDS = 0.5  # between two checks of reads
PROBE_SECONDS = 5.0  # between two writes that commit
RETRY_SECONDS = 1.0  # after one that failed
WORKERS_SECONDS = 2.0
STALE_SECONDS = 3.0  # a check that takes longer counts as a failed one
WAIT_SECONDS = 2.0  # of a probe for the write lock
REPORTED_SECONDS = 30.0  # that a failed write of a request counts
LONG_WAIT_SECONDS = 60.0  # of a due job for a worker


class PartState(NamedTuple):
    """Whether a part of the service works, and the reason in words.

    number  of workers with an unexpired lease; None for another part, or unknown
    """

    ok: bool
    reason: str
    number: int | None = None


class Check(NamedTuple):
    """The state of a part of the service.

    required  the service is not ready without it
    """

    name: str
    required: bool
    ok: bool
    reason: str
    number: int | None = None


class _Monitor(ABC):
    """A thread that repeats a check and keeps its last result, or what failed."""

    def __init__(self, name: str) -> None:
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=name, daemon=True)
        self._checked_at = time.monotonic()
        self._state = PartState(False, "not checked yet")

    def start(self) -> None:
        """Check once, then start the thread."""
        self.check()
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread. A check in progress may continue until the process ends."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STALE_SECONDS)

    def state(self) -> PartState:
        """Return the result of the last check, without waiting."""
        age = time.monotonic() - self._checked_at
        if age > self._pause() + STALE_SECONDS:
            return PartState(False, f"no answer for {age:.0f} s")
        return self._state

    def check(self) -> None:
        """Check and keep the result. No error ends the thread."""
        try:
            self._state = self._measure()
        except RecsvcError as error:
            self._state = PartState(False, error.detail)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            self._state = PartState(False, reason)
        self._checked_at = time.monotonic()

    @abstractmethod
    def _measure(self) -> PartState:
        """Return the present state. Raises any error."""

    def _pause(self) -> float:
        return CHECK_SECONDS

    def _watch(self) -> None:
        while not self._stopping.wait(self._pause()):
            self.check()


class DatabaseMonitor(_Monitor):
    """A thread that checks twice a second whether the database has the current schema.

    A readiness request reports the last check and never waits for the database.
    """

    def __init__(self, database: Database) -> None:
        super().__init__("database")
        self._database = database

    def _measure(self) -> PartState:
        return _compare_revision(migrate.current_revision(self._database))


class WriteMonitor(_Monitor):
    """A thread that commits a small write every few seconds.

    Its connection is its own: a probe that waits for a lock takes none from requests.
    """

    def __init__(self, url: str) -> None:
        super().__init__("writes")
        self._database = Database(url, connections=1, wait_seconds=WAIT_SECONDS)
        self._reported = (float("-inf"), "")

    def report_failure(self, reason: str) -> None:
        """Note that the disk refused a write of a request.

        A probe is smaller than most writes, so it may still commit.
        """
        self._reported = (time.monotonic(), reason)

    def state(self) -> PartState:
        """Return the result of the last probe, or the failure of a recent request."""
        reported_at, reason = self._reported
        probed = super().state()
        if probed.ok and time.monotonic() - reported_at < REPORTED_SECONDS:
            return PartState(False, reason)
        return probed

    def stop(self) -> None:
        """Stop the thread and close its connection."""
        super().stop()
        self._database.close()

    def _measure(self) -> PartState:
        started = time.monotonic()
        commit_probe(self._database)
        took = 1000 * (time.monotonic() - started)
        return PartState(True, f"a write transaction took {took:.0f} ms")

    def _pause(self) -> float:
        return PROBE_SECONDS if self._state.ok else RETRY_SECONDS


class WorkersMonitor(_Monitor):
    """A thread that reads every few seconds whether workers take the jobs that are due."""

    def __init__(self, database: Database) -> None:
        super().__init__("workers")
        self._database = database

    def _measure(self) -> PartState:
        with reading(self._database) as session:
            return judge_workers(read_activity(session))

    def _pause(self) -> float:
        return WORKERS_SECONDS


class Monitors:
    """The monitors of an API process."""

    def __init__(self, database: Database) -> None:
        self.reads = DatabaseMonitor(database)
        self.writes = WriteMonitor(database.url)
        self.workers = WorkersMonitor(database)

    def start(self) -> None:
        """Check everything once, then start the threads."""
        for monitor in (self.reads, self.writes, self.workers):
            monitor.start()

    def stop(self) -> None:
        """Stop the threads."""
        for monitor in (self.reads, self.writes, self.workers):
            monitor.stop()


def check_service(monitors: Monitors, server: ModelServer) -> list[Check]:
    """Return the checks of reads, writes, workers and the published model, without waiting."""
    reads = monitors.reads.state()
    return [
        Check("database", True, *reads),
        Check("writes", False, *monitors.writes.state()),
        Check("workers", False, *monitors.workers.state()),
        Check("model", True, *check_model(server, is_published_known=reads.ok)),
    ]


def check_model(server: ModelServer, *, is_published_known: bool) -> PartState:
    """Check that a version serves requests, or that none is published.

    A version that serves is sufficient, even if a newer one could not be loaded.
    """
    load_error = server.load_error
    try:
        version = server.require_model().version
    except NotReady:
        if not is_published_known:
            return PartState(False, "unknown without the database")
        reason = load_error or "none is published yet; POST /v1/training-jobs trains one"
        return PartState(load_error is None, reason)
    newer = f"; a newer one cannot be loaded: {load_error}" if load_error else ""
    return PartState(True, f"version {version} answers{newer}")


def judge_workers(activity: QueueActivity) -> PartState:
    """Return whether workers take the jobs that are due. An idle worker leaves no trace."""
    number = activity.n_workers
    if activity.n_running:
        return PartState(True, f"{activity.n_running} is running a job", number)
    if activity.n_expired:
        lost = f"{activity.n_expired} jobs lost their worker, and no other took them"
        return PartState(False, lost, number)
    if activity.longest_wait_seconds > LONG_WAIT_SECONDS:
        waited = f"a job has waited for {activity.longest_wait_seconds:,.0f} s"
        return PartState(False, f"{waited}, and none is running", number)
    if activity.n_queued:
        return PartState(True, f"{activity.n_queued} jobs have just been queued", number)
    return PartState(True, "no job is waiting; an idle worker leaves no trace", number)


def check_writes(url: str) -> PartState:
    """Commit a small write once, over a connection of its own."""
    with closing(Database(url, connections=1, wait_seconds=WAIT_SECONDS)) as database:
        try:
            commit_probe(database)
        except RecsvcError as error:
            return PartState(False, error.detail_with_cause())
    return PartState(True, "a write transaction commits")


def _compare_revision(revision: str | None) -> PartState:
    newest = migrate.head_revision()
    if revision == newest:
        return PartState(True, f"schema {revision}, current")
    return PartState(False, f"schema is at {revision}, this program needs {newest}")
