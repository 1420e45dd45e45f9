"""A copy of a database in a folder, and a database from such a copy."""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import create_engine, inspect

from recsvc.db import migrate, sqlite_copy
from recsvc.db.backup import table_files
from recsvc.db.models.shelf_references import find_shelf_references
from recsvc.db.session import Database, Session, sqlite_file, translate_connection_errors
from recsvc.db.sqlite_copy import Report
from recsvc.errors import BackupDamaged, ConfigurationError
from recsvc.runtime import private_files

SQLITE_FILE = "recsvc.sqlite3"


@dataclass(frozen=True)
class DatabaseCopy:
    """The content of a copy.

    n_rows    by table
    columns   by table, in the order of its file; for PostgreSQL
    counters  last number of each identity column, `table.column`; for PostgreSQL
    shelf     SHA-256s that the rows refer to; None for an older schema: take all objects
    """

    revision: str
    n_rows: dict[str, int]
    shelf: set[str] | None
    columns: dict[str, list[str]] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)


def require_database(url: str) -> None:
    """Raise ConfigurationError if a SQLite file does not exist."""
    file = sqlite_file(url)
    if file is not None and (not file.is_file() or file.stat().st_size == 0):
        raise ConfigurationError(
            f"There is no database at {file}. Set RECSVC_HOME or RECSVC_DATABASE_URL to those of "
            "the service."
        )


def is_empty(url: str) -> bool:
    """Return whether a database has no table. A missing SQLite file is not created."""
    file = sqlite_file(url)
    if file is not None:
        log = file.with_name(f"{file.name}-wal")
        return not log.exists() and (not file.exists() or file.stat().st_size == 0)
    with closing(Database(url)) as database, translate_connection_errors():
        return not inspect(database.engine).get_table_names()


def write_copy(database: Database, folder: Path, report: Report) -> DatabaseCopy:
    """Write a consistent copy of a database into a folder, while other processes use it.

    Raises ConfigurationError for a schema that this program does not know.
    """
    revision = migrate.require_known_revision(database)
    if database.dialect == "sqlite":
        return _write_sqlite(database, folder / SQLITE_FILE, report)
    with table_files.open_snapshot(database) as session:
        tables = table_files.write_tables(session, folder, report)
        shelf = _references(session, revision)
        counters = table_files.read_counters(session)
    n_rows = {name: table.n_rows for name, table in tables.items()}
    columns = {name: table.columns for name, table in tables.items()}
    return DatabaseCopy(revision, n_rows, shelf, columns, counters)


def check_copy(folder: Path) -> None:
    """Check the integrity of a copied SQLite file. Raises BackupDamaged."""
    file = folder / SQLITE_FILE
    fault = sqlite_copy.check_integrity(file) if file.exists() else None
    if fault is not None:
        raise BackupDamaged(f"The database in the backup is damaged: {fault}.")


def restore_sqlite(url: str, folder: Path) -> None:
    """Write the file of a copy to the place of the database, at once or not at all."""
    file = sqlite_file(url)
    assert file is not None
    private_files.create_folder(file.parent)
    incomplete = file.with_name(f"{file.name}.incomplete")
    private_files.create_file(incomplete)
    shutil.copyfile(folder / SQLITE_FILE, incomplete)
    private_files.sync(incomplete)
    incomplete.replace(file)
    private_files.sync(file)


def restore_postgresql(url: str, folder: Path, content: DatabaseCopy, report: Report) -> None:
    """Create the schema at its revision and read all tables, in one transaction."""
    with (
        closing(Database(url)) as database,
        migrate.create_schema(database, content.revision) as session,
    ):
        table_files.read_tables(session, folder, content.columns, content.n_rows, report)
        table_files.set_counters(session, content.counters)


def _write_sqlite(database: Database, copy: Path, report: Report) -> DatabaseCopy:
    file = sqlite_file(database.url)
    assert file is not None
    sqlite_copy.copy_database(file, copy, report)
    check_copy(copy.parent)
    with _read_copy(copy) as session:
        revision = migrate.require_revision(session.connection())
        shelf = _references(session, revision)
    return DatabaseCopy(revision, sqlite_copy.count_rows(copy), shelf)


@contextmanager
def _read_copy(copy: Path) -> Iterator[Session]:
    """Open a copy without the write-ahead log that `Database` would add to it."""
    engine = create_engine(f"sqlite:///{copy}")
    try:
        with translate_connection_errors(), Session(engine, autoflush=False) as session:
            yield session
    finally:
        engine.dispose()


def _references(session: Session, revision: str) -> set[str] | None:
    is_current = revision == migrate.head_revision()
    return find_shelf_references(session) if is_current else None
