"""The way to the database: one `Database` a process, one transaction a unit of work."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.orm import Session

from recsvc.errors import ConfigurationError, DatabaseUnavailable

__all__ = ["Database", "Session", "reading", "unit_of_work"]

SQLITE_PRAGMAS = (
    "PRAGMA busy_timeout = 30000",  # first, for the next one may have to wait already
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # what was acknowledged survives a power cut
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -65536",
)
# DatabaseError itself is a file that is no database; its other kinds are a statement's own fault.
UNREACHABLE = (OperationalError, InterfaceError, DatabaseError)
FROZEN_SECONDS = 60  # a process that stands still inside a transaction gives its locks up


class Database:
    """A SQLite file or a PostgreSQL server, by its URL.

    `url`  `sqlite:///path` or `postgresql://user@host/name`
    """

    def __init__(self, url: str) -> None:
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
        self.engine = _engine(parsed)

    def dedicated_connection(self) -> DBAPIConnection:
        """Open a driver's connection outside the pool, each statement a transaction of its own."""
        with _unreachable_is_an_error_of_ours():
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
    with _unreachable_is_an_error_of_ours(), Session(database.engine) as session, session.begin():
        session.expire_on_commit = False
        yield session


@contextmanager
def reading(database: Database) -> Iterator[Session]:
    """Open a session that only reads: it sees one state of the data, and nobody waits for it."""
    options = {"isolation_level": "REPEATABLE READ"} if database.dialect == "postgresql" else {}
    engine = database.engine.execution_options(reads_only=True, **options)
    with _unreachable_is_an_error_of_ours(), Session(engine, autoflush=False) as session:
        session.expire_on_commit = False
        yield session


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        return create_engine(
            url,
            pool_size=8,
            max_overflow=24,
            pool_pre_ping=True,
            connect_args={"options": f"-c idle_in_transaction_session_timeout={FROZEN_SECONDS}s"},
        )
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, pool_size=8, max_overflow=24)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: SqliteConnection, record: object) -> None:
    connection.isolation_level = None  # we begin and commit ourselves
    for pragma in SQLITE_PRAGMAS:
        connection.execute(pragma)


def _begin_sqlite(connection: Connection) -> None:
    """Writers queue up at BEGIN, where waiting is safe; a reader never waits."""
    options: dict[str, Any] = dict(connection.get_execution_options())
    connection.exec_driver_sql("BEGIN" if options.get("reads_only") else "BEGIN IMMEDIATE")


@contextmanager
def _unreachable_is_an_error_of_ours() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if type(error) not in UNREACHABLE:
            raise
        raise DatabaseUnavailable(f"The database did not answer: {_first_line(error)}.") from error


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0] if error.orig else str(error)
