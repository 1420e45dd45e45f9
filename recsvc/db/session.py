"""Connections and transactions: one `Database` a process, one transaction a unit of work."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from sqlite3 import (
    SQLITE_BUSY,
    SQLITE_CORRUPT,
    SQLITE_FULL,
    SQLITE_IOERR_DIR_FSYNC,
    SQLITE_IOERR_FSYNC,
    SQLITE_IOERR_SHMSIZE,
    SQLITE_IOERR_TRUNCATE,
    SQLITE_IOERR_WRITE,
    SQLITE_LOCKED,
    SQLITE_NOTADB,
    SQLITE_READONLY,
    SQLITE_READONLY_DIRECTORY,
)
from sqlite3 import Connection as SqliteConnection
from sqlite3 import OperationalError as SqliteOperationalError
from typing import Any, NamedTuple

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import (
    DatabaseError,
    DBAPIError,
    InterfaceError,
    OperationalError,
)
from sqlalchemy.exc import (
    TimeoutError as PoolTimeout,
)
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from recsvc.errors import ConfigurationError, DatabaseUnavailable, NotReady, StorageFull
from recsvc.runtime import private_files

__all__ = [
    "Database",
    "PoolState",
    "Session",
    "pause_for_other_writers",
    "reading",
    "sqlite_file",
    "translate_connection_errors",
    "translate_error",
    "unit_of_work",
]

LOCK_RETRY_SECONDS = 0.005  # between two attempts to take SQLite's write lock
WAIT_SECONDS = 30.0  # of a process without clients
CONNECTIONS = 32
IDLE_CONNECTIONS = 8  # open while idle
SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # acknowledged writes survive a power failure
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -65536",
)
# A bare DatabaseError: the file is not a database. Its subclasses are errors of a statement.
CONNECTION_ERRORS = (OperationalError, InterfaceError, DatabaseError)
FULL = "The disk of the database is full. Nothing was stored. Free space, then try again."
READ_ONLY = (
    "The database is read-only, as servers become when their disk is full. Nothing was stored. "
    "Free space, or allow writes, then try again."
)
WRITE_FAILED = (
    "The disk of the database cannot be written to: it is full, or it fails. Nothing was stored."
)
STORAGE_ERRORS: dict[int | str, str] = {  # by the code of SQLite or of PostgreSQL
    SQLITE_FULL: FULL,
    SQLITE_IOERR_SHMSIZE: FULL,
    SQLITE_READONLY: READ_ONLY,
    SQLITE_READONLY_DIRECTORY: READ_ONLY,
    SQLITE_IOERR_WRITE: WRITE_FAILED,
    SQLITE_IOERR_FSYNC: WRITE_FAILED,
    SQLITE_IOERR_DIR_FSYNC: WRITE_FAILED,
    SQLITE_IOERR_TRUNCATE: WRITE_FAILED,
    "53100": FULL,
    "25006": READ_ONLY,
    "58030": WRITE_FAILED,
}
IDLE_TRANSACTION_SECONDS = 60  # a suspended process loses its locks after this time


class PoolState(NamedTuple):
    """Connections of a pool: in use, open and idle, and the maximum of both."""

    in_use: int
    idle: int
    maximum: int


class Database:
    """A SQLite file or a PostgreSQL server.

    url           `sqlite:///path` or `postgresql://user@host/name`
    connections   maximum number of open connections
    wait_seconds  maximum wait for a free connection or for SQLite's write lock
    """

    def __init__(
        self, url: str, *, connections: int = CONNECTIONS, wait_seconds: float = WAIT_SECONDS
    ) -> None:
        parsed = _parse_url(url)
        self.url = url
        self.dialect = self.dialect_of(url)
        self.engine = _engine(parsed, connections, wait_seconds)
        self._connections = connections

    @staticmethod
    def dialect_of(url: str) -> str:
        """Return `sqlite` or `postgresql`. Raises ConfigurationError for another database."""
        dialect = _parse_url(url).get_backend_name()
        if dialect not in ("sqlite", "postgresql"):
            raise ConfigurationError(
                f"RECSVC_DATABASE_URL names {dialect!r}. Use sqlite or postgresql."
            )
        return dialect

    def open_connection(self) -> DBAPIConnection:
        """Open a driver connection outside the pool, in autocommit mode."""
        with translate_connection_errors():
            pooled = self.engine.raw_connection()
            connection: DBAPIConnection = pooled.dbapi_connection  # type: ignore[assignment] # open
            pooled.detach()
        if self.dialect == "postgresql":
            connection.autocommit = True
        return connection

    def pool_state(self) -> "PoolState":
        """Return the number of connections of the pool, without waiting for it."""
        pool = self.engine.pool
        if not isinstance(pool, QueuePool):  # SQLite in memory
            return PoolState(0, 0, 0)
        return PoolState(pool.checkedout(), pool.checkedin(), self._connections)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def sqlite_file(url: str) -> Path | None:
    """Return the file of a SQLite database, None for a database without one."""
    parsed = _parse_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(parsed.database)


def _parse_url(url: str) -> URL:
    try:
        return make_url(url)
    except Exception as error:
        raise ConfigurationError(
            f"RECSVC_DATABASE_URL is {url!r}, which is not a database URL. "
            "Write sqlite:///path/to/file or postgresql://user:password@host/name."
        ) from error


@contextmanager
def unit_of_work(database: Database) -> Iterator[Session]:
    """Open a session that is committed at the end and rolled back after an exception."""
    with translate_connection_errors(), Session(database.engine) as session, session.begin():
        session.expire_on_commit = False
        yield session


@contextmanager
def reading(database: Database) -> Iterator[Session]:
    """Open a read-only session on one consistent snapshot; it blocks no writer."""
    options = {"isolation_level": "REPEATABLE READ"} if database.dialect == "postgresql" else {}
    engine = database.engine.execution_options(reads_only=True, **options)
    with translate_connection_errors(), Session(engine, autoflush=False) as session:
        session.expire_on_commit = False
        yield session


def _engine(url: URL, connections: int, wait_seconds: float) -> Engine:
    kept = min(IDLE_CONNECTIONS, connections)
    pool: dict[str, Any] = {
        "hide_parameters": True,  # errors are logged, and parameters have the ids of users
        "pool_size": kept,
        "max_overflow": connections - kept,
        "pool_timeout": wait_seconds,
    }
    if url.get_backend_name() == "postgresql":
        options = f"-c idle_in_transaction_session_timeout={IDLE_TRANSACTION_SECONDS}s"
        if wait_seconds < WAIT_SECONDS:  # an API process must not wait long for a lock
            options += f" -c lock_timeout={round(1000 * wait_seconds)}"
        return create_engine(url, pool_pre_ping=True, connect_args={"options": options}, **pool)
    if url.database and url.database != ":memory:":
        private_files.create_folder(Path(url.database).parent)
        with suppress(OSError):  # SQLite reports it
            private_files.create_file(Path(url.database))
    engine = create_engine(url, **pool)
    event.listen(engine, "connect", partial(_prepare_sqlite, wait_seconds))
    event.listen(engine, "begin", partial(_begin_sqlite, wait_seconds))
    return engine


def _prepare_sqlite(wait_seconds: float, connection: SqliteConnection, record: object) -> None:
    connection.isolation_level = None  # this module begins and commits
    _set_busy_timeout(connection, wait_seconds)  # first: the next pragma may have to wait
    for pragma in SQLITE_PRAGMAS:
        connection.execute(pragma)


def _begin_sqlite(wait_seconds: float, connection: Connection) -> None:
    """Begin a transaction. Writers wait here for the write lock; readers never wait.

    SQLite itself retries only every 100 ms, and misses the gaps between the transactions of a busy
    writer.
    """
    options: dict[str, Any] = dict(connection.get_execution_options())
    if options.get("reads_only"):
        connection.exec_driver_sql("BEGIN")
        return
    driver: Any = connection.connection.driver_connection
    deadline = time.monotonic() + wait_seconds
    _set_busy_timeout(driver, 0)
    try:
        while time.monotonic() < deadline:
            try:
                driver.execute("BEGIN IMMEDIATE")
                return
            except SqliteOperationalError as error:
                if error.sqlite_errorcode & 0xFF != SQLITE_BUSY:  # without the extended code
                    break
            time.sleep(LOCK_RETRY_SECONDS)
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        _set_busy_timeout(driver, wait_seconds)


def _set_busy_timeout(connection: SqliteConnection, seconds: float) -> None:
    connection.execute(f"PRAGMA busy_timeout = {round(1000 * seconds)}")


def pause_for_other_writers(database: Database) -> None:
    """Pause between transactions of a long write, so that other processes can write.

    Does nothing on PostgreSQL; only SQLite has a single writer at a time.
    """
    if database.dialect == "sqlite":
        time.sleep(2 * LOCK_RETRY_SECONDS)


@contextmanager
def translate_connection_errors() -> Iterator[None]:
    """Raise DatabaseUnavailable for an error of the connection, StorageFull for one of the disk.

    Errors of a statement pass.
    """
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseUnavailable(
            "All database connections of this process are in use. Try again."
        ) from error
    except DBAPIError as error:
        translated = translate_error(error)
        if translated is None:
            raise
        raise translated from error


def translate_error(error: DBAPIError) -> NotReady | None:
    """Return the error to raise instead, None for an error of a statement."""
    for code in ("sqlite_errorcode", "sqlstate"):
        refused = STORAGE_ERRORS.get(getattr(error.orig, code, None) or 0)
        if refused is not None:
            translated = StorageFull(refused)
            translated.__cause__ = error
            return translated
    return DatabaseUnavailable(_describe(error)) if type(error) in CONNECTION_ERRORS else None


def _describe(error: DBAPIError) -> str:
    """Return what happened without names of hosts or users, which the driver's text may have."""
    code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF  # without the extended code
    if code in (SQLITE_BUSY, SQLITE_LOCKED):
        return "Another transaction has locked the database for too long. Try again."
    if code in (SQLITE_NOTADB, SQLITE_CORRUPT):
        return (
            "The file of the database is damaged, or is not a database. Restore it from a backup, "
            "or set RECSVC_DATABASE_URL to another file."
        )
    return "The database does not respond. Try again."


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0] if error.orig else str(error)
