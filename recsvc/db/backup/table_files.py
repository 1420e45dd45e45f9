"""Tables of PostgreSQL as files: the text format of COPY, the same for all versions."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, inspect, text

from recsvc.db.migrate import LOCK, VERSION_TABLE
from recsvc.db.session import Database, Session, translate_connection_errors
from recsvc.db.sqlite_copy import Report
from recsvc.db.tables import Base
from recsvc.errors import BackupDamaged
from recsvc.runtime import private_files

CHUNK_BYTES = 1 << 20
IDENTITY_COLUMNS = text(
    "SELECT table_name, column_name, pg_get_serial_sequence(quote_ident(table_name), column_name) "
    "FROM information_schema.columns "
    "WHERE table_schema = current_schema() AND is_identity = 'YES' ORDER BY 1, 2"
)


class TableFile(NamedTuple):
    """The columns of a file, in order, and its number of rows."""

    columns: list[str]
    n_rows: int


@contextmanager
def open_snapshot(database: Database) -> Iterator[Session]:
    """Open a read-only session on one snapshot; no migration runs meanwhile.

    The lock is taken on another connection: the snapshot must begin after a running migration.
    """
    options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    engine = database.engine
    with (
        translate_connection_errors(),
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as locking,
    ):
        locking.execute(text("SELECT pg_advisory_lock_shared(:lock)"), {"lock": LOCK})
        try:
            with Session(engine.execution_options(**options), autoflush=False) as session:
                yield session
        finally:
            locking.execute(text("SELECT pg_advisory_unlock_shared(:lock)"), {"lock": LOCK})


def write_tables(session: Session, folder: Path, report: Report) -> dict[str, TableFile]:
    """Write each table to `TABLE.copy`, in an order in which they can be read again."""
    connection = session.connection()
    inspector = inspect(connection)
    names = _sort_tables(inspector.get_table_names())
    found = {}
    for done, name in enumerate(names):
        report(done, len(names))
        columns = [column["name"] for column in inspector.get_columns(name)]
        found[name] = TableFile(
            columns, _write_table(connection, name, columns, file_of(folder, name))
        )
    report(len(names), len(names))
    return found


def read_tables(
    session: Session,
    folder: Path,
    columns: Mapping[str, list[str]],
    n_rows: Mapping[str, int],
    report: Report,
) -> None:
    """Read each file into its empty table. Raises BackupDamaged."""
    connection = session.connection()
    inspector = inspect(connection)
    names = _sort_tables(inspector.get_table_names())
    if set(names) != set(columns):
        raise BackupDamaged(
            f"The backup has the tables {', '.join(sorted(columns))}; its schema has "
            f"{', '.join(sorted(names))}."
        )
    for done, name in enumerate(names):
        report(done, len(names))
        if set(columns[name]) - {column["name"] for column in inspector.get_columns(name)}:
            raise BackupDamaged(f"The table {name} has other columns than its schema.")
        read = _read_table(connection, name, columns[name], file_of(folder, name))
        if read != n_rows[name]:
            raise BackupDamaged(f"{name} has {read:,} rows; the manifest has {n_rows[name]:,}.")
    report(len(names), len(names))


def read_counters(session: Session) -> dict[str, int]:
    """Return the last number of each identity column that has one."""
    counters = {}
    for table, column, sequence in session.execute(IDENTITY_COLUMNS):
        state = text(f"SELECT last_value, is_called FROM {sequence}")
        last, is_called = session.execute(state).one()
        if is_called:
            counters[f"{table}.{column}"] = last
    return counters


def set_counters(session: Session, counters: Mapping[str, int]) -> None:
    """Continue each identity column after the last number, so that no number is used again."""
    for table, column, sequence in session.execute(IDENTITY_COLUMNS).all():
        last = counters.get(f"{table}.{column}")
        if last is not None:
            proceed = text("SELECT setval(CAST(:sequence AS regclass), :last)")
            session.execute(proceed, {"sequence": sequence, "last": last})


def file_of(folder: Path, table: str) -> Path:
    """Return the path of a table's file."""
    return folder / f"{table}.copy"


def _sort_tables(names: list[str]) -> list[str]:
    """Sort tables so that each comes after those that its rows refer to.

    The metadata has the references that triggers check on PostgreSQL, which the database lacks.
    """
    order = {table.name: number for number, table in enumerate(Base.metadata.sorted_tables)}
    wanted = [name for name in names if name != VERSION_TABLE]
    return sorted(wanted, key=lambda name: (order.get(name, len(order)), name))


def _write_table(connection: Connection, name: str, columns: list[str], path: Path) -> int:
    private_files.create_file(path)
    n_rows = 0
    with (
        path.open("wb") as file,
        _open_cursor(connection) as cursor,
        cursor.copy(f"COPY {_target(name, columns)} TO STDOUT") as copy,
    ):
        for data in copy:
            n_rows += bytes(data).count(b"\n")  # one ends each row; those in values are escaped
            file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return n_rows


def _read_table(connection: Connection, name: str, columns: list[str], path: Path) -> int:
    with (
        path.open("rb") as file,
        _open_cursor(connection) as cursor,
    ):
        with cursor.copy(f"COPY {_target(name, columns)} FROM STDIN") as copy:
            while data := file.read(CHUNK_BYTES):
                copy.write(data)
        n_rows: int = cursor.rowcount
    return n_rows


@contextmanager
def _open_cursor(connection: Connection) -> Iterator[Any]:
    """Open a cursor of the driver that sends and receives UTF-8."""
    connection.execute(text("SET LOCAL client_encoding TO 'UTF8'"))
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:
        yield cursor


def _target(name: str, columns: list[str]) -> str:
    quoted = ", ".join(f'"{column}"' for column in columns)
    return f'"{name}" ({quoted})'
