"""Whether the database answers, checked all the time, so that /readyz waits for nothing."""

import threading
import time
from typing import NamedTuple

from recsvc.db import migrate
from recsvc.db.session import Database
from recsvc.errors import RecsvcError

CHECK_SECONDS = 0.5  # between two checks
STALE_SECONDS = 3.0  # a check that takes so long counts as no answer


class DatabaseState(NamedTuple):
    """Whether requests can use the database, and the reason in words."""

    ok: bool
    reason: str


class DatabaseMonitor:
    """A thread that checks twice a second whether the database answers with the current schema."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="database", daemon=True)
        self._checked_at = time.monotonic()
        self._state = DatabaseState(False, "not checked yet")

    def start(self) -> None:
        """Check once, then keep checking."""
        self.check()
        self._thread.start()

    def stop(self) -> None:
        """Stop checking; a check that is under way may outlive the process's other threads."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STALE_SECONDS)

    def state(self) -> DatabaseState:
        """Return what the last check found, without waiting."""
        age = time.monotonic() - self._checked_at
        if age > CHECK_SECONDS + STALE_SECONDS:
            return DatabaseState(False, f"no answer for {age:.0f} s")
        return self._state

    def check(self) -> None:
        """Ask the database for its schema's revision. No error ends the thread that checks."""
        try:
            self._state = _judge(migrate.current_revision(self._database))
        except RecsvcError as error:
            self._state = DatabaseState(False, error.detail)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            self._state = DatabaseState(False, reason)
        self._checked_at = time.monotonic()

    def _watch(self) -> None:
        while not self._stopping.wait(CHECK_SECONDS):
            self.check()


def _judge(revision: str | None) -> DatabaseState:
    newest = migrate.head_revision()
    if revision == newest:
        return DatabaseState(True, f"schema {revision}, current")
    return DatabaseState(False, f"schema is at {revision}, this program needs {newest}")
