"""Consistent copies of a SQLite database that other processes use."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from recsvc.errors import ConfigurationError, DatabaseUnavailable
from recsvc.runtime import private_files
from recsvc.runtime.sizes import MEGABYTE

PAGES = 4096  # copied between two reports
COPIES = 2  # kept before migrations
WAIT_SECONDS = 30.0

Report = Callable[[int, int], None]  # the share that is done, and the whole


def copy_database(source: Path, target: Path, report: Report | None = None) -> None:
    """Write the committed state of a database to a file of its own; writers do not wait.

    An open read transaction keeps the state: without it, SQLite would begin again after each
    write of another process. The copy has no write-ahead log.
    """
    private_files.create_file(target)
    with (
        _translate_errors(f"{source}, or its copy {target},"),
        _open(source) as reader,
        _open(target) as writer,
    ):
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
        reader.backup(writer, pages=PAGES, progress=_pages_done(report))
        reader.execute("ROLLBACK")
        writer.execute("PRAGMA journal_mode = DELETE")
    private_files.sync(target)


def check_integrity(file: Path, *, quick: bool = False) -> str | None:
    """Return the first fault of a database, None if there is none. Raises DatabaseUnavailable.

    quick  without comparing the indexes with their tables
    """
    pragma = "quick_check" if quick else "integrity_check"
    with _translate_errors(file), _open(file) as connection:
        found = str(connection.execute(f"PRAGMA {pragma}(1)").fetchone()[0])
        if found == "ok":
            broken = connection.execute("PRAGMA foreign_key_check").fetchone()
            found = f"a row of {broken[0]} refers to a missing row of {broken[2]}" if broken else ""
    return found or None


def count_rows(file: Path) -> dict[str, int]:
    """Return the number of rows of each table."""
    tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    with _translate_errors(file), _open(file) as connection:
        names = sorted(name for (name,) in connection.execute(tables))
        count = "SELECT count(*) FROM "
        return {name: connection.execute(f'{count}"{name}"').fetchone()[0] for name in names}


def copy_before_migration(file: Path, revision: str) -> Path:
    """Copy a database to `FILE.before-REVISION`; keep the newest copies. Return the copy.

    Raises ConfigurationError if the disk lacks room for the copy and for the migration.
    """
    _require_room(file)
    copy = file.with_name(f"{file.name}.before-{revision}")
    incomplete = copy.with_name(f"{copy.name}.incomplete")
    incomplete.unlink(missing_ok=True)
    copy_database(file, incomplete)
    incomplete.replace(copy)
    for old in sorted(_copies(file), key=lambda path: path.stat().st_mtime)[:-COPIES]:
        old.unlink()
    return copy


def database_bytes(file: Path) -> int:
    """Return the size of a database with its write-ahead log."""
    parts = (file, file.with_name(f"{file.name}-wal"))
    return sum(part.stat().st_size for part in parts if part.exists())


def bytes_for_migration(file: Path) -> int:
    """Return the room for a copy of a database, and for a migration that copies its tables."""
    return 2 * database_bytes(file)


def _copies(file: Path) -> list[Path]:
    found = file.parent.glob(f"{file.name}.before-*")
    return [path for path in found if path.suffix != ".incomplete"]


def _require_room(file: Path) -> None:
    needed, free = bytes_for_migration(file), shutil.disk_usage(file.parent).free
    if free < needed:
        raise ConfigurationError(
            "The database has an older schema. Its copy and the migration need "
            f"{needed / MEGABYTE:,.1f} MB in {file.parent}, where {free / MEGABYTE:,.1f} MB are "
            "free. Free space, or back up elsewhere and run recsvc upgrade --no-copy."
        )


@contextmanager
def _open(file: Path) -> Iterator[sqlite3.Connection]:
    """Open an existing file; the locks of other processes are waited for."""
    uri = f"file:{quote(str(file))}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True, timeout=WAIT_SECONDS)) as connection:
        connection.isolation_level = None
        yield connection


def _pages_done(report: Report | None) -> Callable[[int, int, int], None]:
    def progress(status: int, remaining: int, total: int) -> None:
        if report is not None:
            report(total - remaining, total)

    return progress


@contextmanager
def _translate_errors(files: str | Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise DatabaseUnavailable(f"{files} cannot be read or written: {error}.") from error
