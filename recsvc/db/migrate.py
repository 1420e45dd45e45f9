"""Migrations of the schema, applied at start by one process at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from alembic import command, context
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from recsvc.db.session import Database, translate_connection_errors
from recsvc.db.tables import Base
from recsvc.errors import ConfigurationError
from recsvc.runtime import private_files

LOCK = 0x72656373766331  # an arbitrary lock number; this one is "recsvc1" in ASCII


def upgrade(database: Database) -> None:
    """Apply all missing migrations. An up-to-date database costs one read.

    Concurrent processes wait for each other. Raises ConfigurationError if the database is newer
    than this program, DatabaseUnavailable if it does not respond.
    """
    with _first_open_lock(database):
        if current_revision(database) != head_revision():
            upgrade_to(database, "head")


def downgrade(database: Database, revision: str) -> None:
    """Downgrade to a revision, or to an empty database with `base`. Dropped data is lost."""
    with _migration_lock(database) as connection:
        command.downgrade(_config(connection), revision)


def upgrade_to(database: Database, revision: str) -> None:
    """Apply the migrations up to a revision, under the migration lock."""
    with _migration_lock(database) as connection:
        _check_revision(connection)
        command.upgrade(_config(connection), revision)


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
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def _check_revision(connection: Connection) -> None:
    revision = _revision(connection)
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if revision is not None and revision not in known:
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
