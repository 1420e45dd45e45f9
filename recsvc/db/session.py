"""The way to the database: one `Database` a process, one transaction a unit of work."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from sqlite3 import SQLITE_BUSY
from sqlite3 import Connection as SqliteConnection
from sqlite3 import OperationalError as SqliteOperationalError
from typing import Any, TypeVar

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

from recsvc.errors import ConfigurationError, DatabaseUnavailable

__all__ = [
    "Database",
    "Session",
    "commit_together",
    "pause_for_other_writers",
    "reading",
    "unit_of_work",
]

LOCK_RETRY_SECONDS = 0.005  # between two attempts to take SQLite's write lock
GROUP_SECONDS = 0.1  # in which the works of one transaction begin
WAIT_SECONDS = 30.0  # of a process that answers nobody
CONNECTIONS = 32
IDLE_CONNECTIONS = 8  # open while idle
SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # what was acknowledged survives a power cut
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -65536",
)
# DatabaseError itself is a file that is no database; its other kinds are a statement's own fault.
CONNECTION_ERRORS = (OperationalError, InterfaceError, DatabaseError)
IDLE_TRANSACTION_SECONDS = 60  # a process that stands still inside a transaction gives its locks up


T = TypeVar("T")


class Database:
    """A SQLite file or a PostgreSQL server, by its URL.

    url           `sqlite:///path` or `postgresql://user@host/name`
    connections   most connections open at once
    wait_seconds  longest wait for a free connection, or for SQLite's write lock
    """

    def __init__(
        self, url: str, *, connections: int = CONNECTIONS, wait_seconds: float = WAIT_SECONDS
    ) -> None:
        try:
            parsed = make_url(url)
        except Exception as error:
            raise ConfigurationError(
                f"RECSVC_DATABASE_URL is {url!r}, which is not a database URL. "
                "Write sqlite:///path/to/file or postgresql://user:password@host/name."
            ) from error
        self.url = url
        self.dialect = parsed.get_backend_name()
        if self.dialect not in ("sqlite", "postgresql"):
            raise ConfigurationError(
                f"RECSVC_DATABASE_URL names {self.dialect!r}; recsvc speaks sqlite and postgresql."
            )
        self.engine = _engine(parsed, connections, wait_seconds)

    def open_connection(self) -> DBAPIConnection:
        """Open a driver's connection outside the pool, each statement a transaction of its own."""
        with _translate_connection_errors():
            pooled = self.engine.raw_connection()
            connection: DBAPIConnection = pooled.dbapi_connection  # type: ignore[assignment] # open
            pooled.detach()
        if self.dialect == "postgresql":
            connection.autocommit = True
        return connection

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


@contextmanager
def unit_of_work(database: Database) -> Iterator[Session]:
    """Open a session that is committed at the end, or undone if anything is raised."""
    with _translate_connection_errors(), Session(database.engine) as session, session.begin():
        session.expire_on_commit = False
        yield session


@contextmanager
def reading(database: Database) -> Iterator[Session]:
    """Open a session that only reads: it sees one state of the data, and nobody waits for it."""
    options = {"isolation_level": "REPEATABLE READ"} if database.dialect == "postgresql" else {}
    engine = database.engine.execution_options(reads_only=True, **options)
    with _translate_connection_errors(), Session(engine, autoflush=False) as session:
        session.expire_on_commit = False
        yield session


def commit_together(
    database: Database, works: Sequence[Callable[[Session], T]]
) -> list[T | Exception]:
    """Run each work in a savepoint of one transaction, commit once, and return the outcomes.

    The outcome of a work that raises is its exception, and nothing that it wrote stays. An error
    that ends the transaction has one cause and many victims: then each work runs again by itself.
    No work begins later than GROUP_SECONDS after the first, so there may be fewer outcomes than
    works: those of the first ones. Raises DatabaseUnavailable if the transaction cannot begin or
    commit; then nothing stays.
    """
    if len(works) > 1:
        with (
            suppress(_TransactionLost),
            _translate_connection_errors(),
            database.engine.begin() as connection,
        ):
            return _run_in_time(partial(_in_savepoint, connection), works)
    return _run_in_time(partial(_in_own_transaction, database), works)


def _run_in_time(
    run: Callable[[Callable[[Session], T]], T | Exception], works: Sequence[Callable[[Session], T]]
) -> list[T | Exception]:
    """Run the first work, and the others as long as GROUP_SECONDS allow."""
    deadline = time.monotonic() + GROUP_SECONDS
    outcomes = [run(works[0])]
    for work in works[1:]:
        if time.monotonic() > deadline:
            break
        outcomes.append(run(work))
    return outcomes


class _TransactionLost(Exception):
    """An error in one of several works has ended the transaction of all."""


def _in_savepoint(connection: Connection, work: Callable[[Session], T]) -> T | Exception:
    try:
        with (
            Session(connection, join_transaction_mode="create_savepoint") as session,
            session.begin(),
        ):
            session.expire_on_commit = False
            return work(session)
    except DBAPIError as error:
        if type(error) in CONNECTION_ERRORS:
            raise _TransactionLost from error
        return error
    except Exception as error:
        return error


def _in_own_transaction(database: Database, work: Callable[[Session], T]) -> T | Exception:
    try:
        with unit_of_work(database) as session:
            return work(session)
    except Exception as error:
        return error


def _engine(url: URL, connections: int, wait_seconds: float) -> Engine:
    kept = min(IDLE_CONNECTIONS, connections)
    pool: dict[str, Any] = {
        "pool_size": kept,
        "max_overflow": connections - kept,
        "pool_timeout": wait_seconds,
    }
    if url.get_backend_name() == "postgresql":
        options = f"-c idle_in_transaction_session_timeout={IDLE_TRANSACTION_SECONDS}s"
        if wait_seconds < WAIT_SECONDS:  # a process that answers requests waits for no lock either
            options += f" -c lock_timeout={round(1000 * wait_seconds)}"
        return create_engine(url, pool_pre_ping=True, connect_args={"options": options}, **pool)
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, **pool)
    event.listen(engine, "connect", partial(_prepare_sqlite, wait_seconds))
    event.listen(engine, "begin", partial(_begin_sqlite, wait_seconds))
    return engine


def _prepare_sqlite(wait_seconds: float, connection: SqliteConnection, record: object) -> None:
    connection.isolation_level = None  # we begin and commit ourselves
    _set_busy_timeout(connection, wait_seconds)  # first, for the next one may have to wait already
    for pragma in SQLITE_PRAGMAS:
        connection.execute(pragma)


def _begin_sqlite(wait_seconds: float, connection: Connection) -> None:
    """Begin; a writer waits here for the write lock, where waiting is safe, a reader never waits.

    SQLite itself would try again every 100 ms and miss the moments between the transactions of a
    process that writes much.
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
                if error.sqlite_errorcode & 0xFF != SQLITE_BUSY:  # without its kind
                    break
            time.sleep(LOCK_RETRY_SECONDS)
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        _set_busy_timeout(driver, wait_seconds)


def _set_busy_timeout(connection: SqliteConnection, seconds: float) -> None:
    connection.execute(f"PRAGMA busy_timeout = {round(1000 * seconds)}")


def pause_for_other_writers(database: Database) -> None:
    """Pause between two of many transactions, so that other processes can write in between.

    Only SQLite has a single writer at a time; on PostgreSQL nobody waits.
    """
    if database.dialect == "sqlite":
        time.sleep(2 * LOCK_RETRY_SECONDS)


@contextmanager
def _translate_connection_errors() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseUnavailable(
            "All database connections of this process are in use. Try again."
        ) from error
    except DBAPIError as error:
        if type(error) not in CONNECTION_ERRORS:
            raise
        raise DatabaseUnavailable(f"The database did not answer: {_first_line(error)}.") from error


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0] if error.orig else str(error)
