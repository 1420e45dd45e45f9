"""Readiness of the service: the database, which a thread checks, and the published model."""

import threading
import time
from typing import NamedTuple

from recsvc.db import migrate
from recsvc.db.session import Database
from recsvc.errors import NotReady, RecsvcError
from recsvc.service.recommendations.model_server import ModelServer

CHECK_SECONDS = 0.5  # between two checks
STALE_SECONDS = 3.0  # a check that takes longer counts as a failed one


class DatabaseState(NamedTuple):
    """Whether requests can use the database, and the reason in words."""

    ok: bool
    reason: str


class Check(NamedTuple):
    """One requirement of the service, whether it is met, and the reason in words."""

    name: str
    ok: bool
    reason: str


class DatabaseMonitor:
    """A thread that checks twice a second whether the database has the current schema.

    A readiness request reports the last check and never waits for the database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="database", daemon=True)
        self._checked_at = time.monotonic()
        self._state = DatabaseState(False, "not checked yet")

    def start(self) -> None:
        """Check once, then start the thread."""
        self.check()
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread. A check in progress may continue until the process ends."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STALE_SECONDS)

    def state(self) -> DatabaseState:
        """Return the result of the last check, without waiting."""
        age = time.monotonic() - self._checked_at
        if age > CHECK_SECONDS + STALE_SECONDS:
            return DatabaseState(False, f"no answer for {age:.0f} s")
        return self._state

    def check(self) -> None:
        """Check the revision of the database's schema. No error ends the thread."""
        try:
            self._state = _compare_revision(migrate.current_revision(self._database))
        except RecsvcError as error:
            self._state = DatabaseState(False, error.detail)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            self._state = DatabaseState(False, reason)
        self._checked_at = time.monotonic()

    def _watch(self) -> None:
        while not self._stopping.wait(CHECK_SECONDS):
            self.check()


def check_service(monitor: DatabaseMonitor, server: ModelServer) -> list[Check]:
    """Return the checks of the database and, if it is available, of the published model."""
    database = Check("database", *monitor.state())
    return [database, check_model(server)] if database.ok else [database]


def check_model(server: ModelServer) -> Check:
    """Check that a version serves requests, or that none is published.

    A version that serves is sufficient, even if a newer one could not be loaded.
    """
    load_error = server.load_error
    try:
        version = server.require_model().version
    except NotReady:
        reason = load_error or "none is published yet; POST /v1/training-jobs trains one"
        return Check("model", load_error is None, reason)
    newer = f"; a newer one cannot be loaded: {load_error}" if load_error else ""
    return Check("model", True, f"version {version} answers{newer}")


def _compare_revision(revision: str | None) -> DatabaseState:
    newest = migrate.head_revision()
    if revision == newest:
        return DatabaseState(True, f"schema {revision}, current")
    return DatabaseState(False, f"schema is at {revision}, this program needs {newest}")
