"""Write a backup while the service runs.

The shelf is copied after the database, so that every object exists to which the copied rows refer.
"""

import shutil
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from pathlib import Path

import recsvc
from recsvc.db.backup import database_copy
from recsvc.db.models.shelf_references import find_shelf_references
from recsvc.db.session import Database, reading
from recsvc.errors import ShelfError, TargetNotEmpty
from recsvc.runtime import private_files
from recsvc.service.backup import manifest
from recsvc.service.backup.manifest import FORMAT, Manifest, Report
from recsvc.service.context import ContextSettings
from recsvc.shelf import CHUNK_BYTES, INCOMING, LocalFolder, Shelf

RETIRED = "its version was retired during the backup"


def back_up(settings: ContextSettings, root: Path, *, now: datetime, report: Report) -> Manifest:
    """Write a backup of the database and the shelf into a new folder; return its manifest.

    Raises TargetNotEmpty, ConfigurationError, DatabaseUnavailable, ShelfUnavailable.
    """
    url = settings.effective_database_url()
    database_copy.require_database(url)
    _create_root(root)
    shelf = Shelf(settings.effective_shelf_url(), settings.home / "cache")
    with closing(Database(url)) as database:
        private_files.create_folder(root / manifest.DATABASE)
        copy = database_copy.write_copy(
            database, root / manifest.DATABASE, lambda *done: report("database", *done)
        )
        wanted = copy.shelf if copy.shelf is not None else _all_objects(shelf)
        left_out = _copy_objects(shelf, root / manifest.SHELF, wanted, report)
        if left_out and copy.shelf is not None:
            left_out = _mark_retired(database, left_out)
    written = Manifest(
        format=FORMAT,
        recsvc=recsvc.__version__,
        dialect=database.dialect,
        revision=copy.revision,
        created_at=now,
        n_rows=copy.n_rows,
        columns=copy.columns,
        counters=copy.counters,
        files=_describe_files(root),
        left_out=left_out,
    )
    manifest.write_manifest(root, written)
    return written


def missing_objects(written: Manifest) -> list[str]:
    """Return the objects that the service still needs and its shelf cannot supply."""
    return [sha256 for sha256, reason in written.left_out.items() if reason != RETIRED]


def _create_root(root: Path) -> None:
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise TargetNotEmpty(f"{root} exists and is not an empty folder. Choose a new folder.")
    private_files.create_folder(root)


def _all_objects(shelf: Shelf) -> set[str]:
    return {found.sha256 for found in shelf.objects()}


def _copy_objects(
    shelf: Shelf, folder: Path, wanted: Iterable[str], report: Report
) -> dict[str, str]:
    """Copy objects after verifying each; return those that cannot be read, with the reason."""
    target, ordered, left_out = LocalFolder(folder), sorted(wanted), {}
    for done, sha256 in enumerate(ordered):
        report("shelf", done, len(ordered))
        try:
            with shelf.open(sha256) as source:
                target.write(sha256, iter(lambda source=source: source.read(CHUNK_BYTES), b""))  # type: ignore[misc]
        except ShelfError as error:
            left_out[sha256] = error.detail
    report("shelf", len(ordered), len(ordered))
    shutil.rmtree(folder / INCOMING, ignore_errors=True)
    return left_out


def _mark_retired(database: Database, left_out: dict[str, str]) -> dict[str, str]:
    """Replace the reason of objects that retention may have removed since the database's copy."""
    with reading(database) as session:
        needed = find_shelf_references(session)
    return {sha256: why if sha256 in needed else RETIRED for sha256, why in left_out.items()}


def _describe_files(root: Path) -> dict[str, manifest.FileEntry]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): manifest.describe_file(path) for path in files}
