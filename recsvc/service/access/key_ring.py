"""The keys and logins of the service, held in memory by each API process.

A thread reads them again twice a second, so that a revoked key is refused by every process within
a second. A key that is not known yet is looked up in the database once.
"""

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hmac import compare_digest

import structlog

from recsvc.db.access import keys
from recsvc.db.session import Database, Session, reading, unit_of_work
from recsvc.db.tables import ApiKey
from recsvc.errors import RecsvcError
from recsvc.service.access.keys import hash_key

REFRESH_SECONDS = 0.5
LAST_USED_SECONDS = 60.0  # the precision of a key's last use

log = structlog.get_logger()


@dataclass(frozen=True)
class Grant:
    """What a key permits, until it expires or is revoked."""

    key_id: int
    prefix: str
    scopes: frozenset[str]
    expires_at: datetime | None
    revoked_at: datetime | None


class KeyRing:
    """The keys and logins, by the first half of the hash of their secret."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._grants: dict[str, tuple[str, Grant]] = {}
        self._logins: dict[str, tuple[str, datetime, Grant]] = {}
        self._used: dict[int, datetime] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="keys", daemon=True)

    @property
    def is_empty(self) -> bool:
        """Return whether no key has ever been created."""
        return not self._grants

    def start(self) -> None:
        """Read the keys, then start the thread."""
        self.refresh()
        self._thread.start()

    def stop(self) -> None:
        """Record the last uses and stop the thread."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(REFRESH_SECONDS)

    def find(self, secret: str) -> Grant | None:
        """Return the grant of a key, None if the key is unknown."""
        hashed = hash_key(secret)
        stored, grant = self._grants.get(_index(hashed), ("", None))
        return grant if compare_digest(stored, hashed) else None

    def find_login(self, cookie: str, *, now: datetime) -> Grant | None:
        """Return the grant of a login, None if it is unknown or has expired."""
        hashed = hash_key(cookie)
        stored, expires_at, grant = self._logins.get(_index(hashed), ("", now, None))
        return grant if compare_digest(stored, hashed) and expires_at > now else None

    def refresh(self) -> None:
        """Read all keys and logins. Raises DatabaseUnavailable."""
        with reading(self._database) as session:
            self.read(session)

    def read(self, session: Session) -> None:
        """Read all keys and logins in a transaction."""
        grants = {key.id: (key.sha256, _grant(key)) for key in keys.all_keys(session)}
        logins = keys.all_logins(session, now=datetime.now(UTC))
        self._grants = {_index(stored): (stored, grant) for stored, grant in grants.values()}
        self._logins = {
            _index(login.sha256): (login.sha256, login.expires_at, grants[login.key_id][1])
            for login in logins
            if login.key_id in grants
        }

    def mark_used(self, grant: Grant, *, now: datetime) -> None:
        """Note the use of a key; the thread records it."""
        self._used[grant.key_id] = now

    def _watch(self) -> None:
        recorded_at = 0.0
        while not self._stopping.wait(REFRESH_SECONDS):
            try:
                self.refresh()
                if self._used and time.monotonic() - recorded_at >= LAST_USED_SECONDS:
                    self._record_uses()
                    recorded_at = time.monotonic()
            except RecsvcError:
                continue  # the keys in memory stay valid while the database is away
            except Exception:
                log.exception("keys not read")
        if self._used:
            with suppress(RecsvcError):
                self._record_uses()

    def _record_uses(self) -> None:
        used, self._used = self._used, {}
        with unit_of_work(self._database) as session:
            for key_id, at in used.items():
                keys.set_last_used(session, key_id, now=at)


def _index(hashed: str) -> str:
    """Return the part of a hash that finds its entry; the whole is compared in constant time."""
    return hashed[:32]


def _grant(key: ApiKey) -> Grant:
    return Grant(key.id, key.prefix, frozenset(key.scopes), key.expires_at, key.revoked_at)
