"""Migrations of the schema, applied at start by one process at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

from alembic import command, context
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, inspect, text

from recsvc.db.session import Database, Session, sqlite_file, translate_connection_errors
from recsvc.db.sqlite_copy import copy_before_migration
from recsvc.db.tables import Base
from recsvc.errors import ConfigurationError
from recsvc.runtime import private_files

VERSION_TABLE = "alembic_version"
LOCK = 0x72656373766331  # an arbitrary lock number; this one is "recsvc1" in ASCII


class Migration(NamedTuple):
    """A migration: its revision and its title."""

    revision: str
    title: str


def upgrade(database: Database, *, copy: bool = True) -> Path | None:
    """Apply all missing migrations. An up-to-date database costs one read.

    Concurrent processes wait for each other. Raises ConfigurationError if the database is newer
    than this program, DatabaseUnavailable if it does not respond.

    copy     of a SQLite database with rows, made before it is migrated
    returns  the file of that copy, if one was made
    """
    with _first_open_lock(database):
        if current_revision(database) == head_revision():
            return None
        return upgrade_to(database, "head", copy=copy)


def downgrade(database: Database, revision: str, *, copy: bool = False) -> Path | None:
    """Downgrade to a revision, or to an empty database with `base`. Dropped data is lost."""
    with _migration_lock(database) as connection:
        written = _copy_database(database, connection, revision) if copy else None
        command.downgrade(_config(connection), revision)
        return written


def upgrade_to(database: Database, revision: str, *, copy: bool = False) -> Path | None:
    """Apply the migrations up to a revision, under the migration lock."""
    with _migration_lock(database) as connection:
        _check_revision(connection)
        written = _copy_database(database, connection, revision) if copy else None
        command.upgrade(_config(connection), revision)
        return written


@contextmanager
def create_schema(database: Database, revision: str) -> Iterator[Session]:
    """Create the schema of a revision in an empty database, in the transaction of a session."""
    with _migration_lock(database) as connection:
        command.upgrade(_config(connection), revision)
        with Session(connection) as session:
            yield session
            session.flush()


def missing_migrations(revision: str | None) -> list[Migration]:
    """Return the migrations that a database at a revision lacks, oldest first."""
    known = [script.revision for script in _scripts()]
    first = 0 if revision is None else known.index(revision) + 1
    return [Migration(script.revision, script.doc.rstrip(".")) for script in _scripts()[first:]]


def require_known_revision(database: Database) -> str:
    """Return the revision of a database. Raises ConfigurationError if it is empty or newer."""
    with (
        translate_connection_errors(),
        database.engine.execution_options(reads_only=True).connect() as connection,
    ):
        return require_revision(connection)


def require_revision(connection: Connection) -> str:
    """Return the revision of a connected database. Raises ConfigurationError."""
    _check_revision(connection)
    revision = _revision(connection)
    if revision is None:
        raise ConfigurationError("The database is empty: it has no schema yet.")
    return revision


def is_known(revision: str) -> bool:
    """Return whether this program has a revision."""
    return any(script.revision == revision for script in _scripts())


def current_revision(database: Database) -> str | None:
    """Return the revision of the database, None if it is empty."""
    with (
        translate_connection_errors(),
        database.engine.execution_options(reads_only=True).connect() as connection,
    ):
        return _revision(connection)


@cache  # reading the folder of migrations is too slow for /readyz
def head_revision() -> str | None:
    """Return the newest revision of this program."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def configure_and_run(connection: Connection) -> None:
    """Run the migrations that Alembic requests in the connection's transaction (migrations/env.py).

    SQLite cannot alter most of a table in place, so migrations copy tables (`render_as_batch`).
    """
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        transactional_ddl=True,
        render_as_batch=True,
    )
    context.run_migrations()


def migrations_directory() -> Path:
    """Return the folder of migrations: in the installed package, or in the checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "_migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_directory()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _revision(connection: Connection) -> str | None:
    """Return the revision that the database is at, None for an empty one."""
    # MigrationContext would log two lines at each check of readiness.
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def _scripts() -> list[Script]:
    """Return the migrations, oldest first."""
    return [*ScriptDirectory.from_config(_config()).walk_revisions()][::-1]


def _copy_database(database: Database, connection: Connection, revision: str) -> Path | None:
    """Copy a SQLite database that has a schema; the lock keeps other writers out meanwhile."""
    file = sqlite_file(database.url)
    if file is None or _revision(connection) is None:
        return None
    goal = head_revision() if revision == "head" else revision
    return copy_before_migration(file, str(goal))


def _check_revision(connection: Connection) -> None:
    revision = _revision(connection)
    if revision is not None and not is_known(revision):
        raise ConfigurationError(
            f"The database has revision {revision}, but this recsvc only knows revisions up to "
            f"{head_revision()}. Start the newer recsvc that migrated it, or set "
            "RECSVC_DATABASE_URL to another database."
        )


@contextmanager
def _migration_lock(database: Database) -> Iterator[Connection]:
    """Open a transaction that excludes other migrating processes.

    SQLite: BEGIN IMMEDIATE waits for the other writer. Foreign keys are disabled while tables are
    copied, and checked before the commit.
    """
    with translate_connection_errors(), database.engine.connect() as connection:
        sqlite = database.dialect == "sqlite"
        if sqlite:
            _foreign_keys(connection, "OFF")
        try:
            with connection.begin():
                if not sqlite:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
                yield connection
                if sqlite:
                    _check_foreign_keys(connection)
        finally:
            if sqlite:
                _foreign_keys(connection, "ON")


@contextmanager
def _first_open_lock(database: Database) -> Iterator[None]:
    """Serialise the first opening of a SQLite file.

    A second process would fail instead of waiting while the write-ahead log is switched on.
    """
    path = database.engine.url.database
    if database.dialect != "sqlite" or not path or path == ":memory:":
        yield
        return
    lock = Path(f"{path}.lock")
    private_files.create_file(lock)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _foreign_keys(connection: Connection, state: str) -> None:
    """Set the foreign_keys pragma on the driver: SQLite ignores it inside a transaction."""
    raw = connection.connection.driver_connection
    if raw is not None:
        raw.execute(f"PRAGMA foreign_keys = {state}")


def _check_foreign_keys(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        raise ConfigurationError(
            f"After the migration, {broken[0]} refers to a missing row of {broken[2]}."
        )
