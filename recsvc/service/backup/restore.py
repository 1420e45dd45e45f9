"""Restore a backup into an empty database and an empty shelf."""

from contextlib import closing
from pathlib import Path

from recsvc.db import migrate
from recsvc.db.backup import database_copy
from recsvc.db.session import Database
from recsvc.errors import BackupIncompatible, TargetNotEmpty
from recsvc.service.backup import manifest
from recsvc.service.backup.manifest import Manifest, Report
from recsvc.service.context import ContextSettings, create_home
from recsvc.shelf import Shelf

NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def restore(settings: ContextSettings, root: Path, *, report: Report) -> Manifest:
    """Verify a backup, restore it and migrate it to the current schema; return its manifest.

    The database is written last and at once: after an interruption the same call can be repeated.
    Raises BackupDamaged, BackupIncompatible, TargetNotEmpty, DatabaseUnavailable.
    """
    verified = manifest.verify(root, report)
    url = settings.effective_database_url()
    _require_compatible(verified, url)
    create_home(settings.home)
    shelf = Shelf(settings.effective_shelf_url(), settings.home / "cache")
    _require_empty(verified, url, shelf)
    objects = verified.objects()
    for done, path in enumerate(objects):
        report("shelf", done, len(objects))
        shelf.put_file(root / path)
    report("shelf", len(objects), len(objects))
    _restore_database(verified, url, root / manifest.DATABASE, report)
    return verified


def _require_compatible(verified: Manifest, url: str) -> None:
    dialect = Database.dialect_of(url)
    if verified.dialect != dialect:
        raise BackupIncompatible(
            f"The backup is of {NAMES.get(verified.dialect, verified.dialect)} and "
            f"RECSVC_DATABASE_URL names {NAMES[dialect]}. A backup is restored into the same kind "
            "of database. Set RECSVC_DATABASE_URL to one of that kind."
        )
    if not migrate.is_known(verified.revision):
        raise BackupIncompatible(
            f"The backup has the schema {verified.revision} of recsvc {verified.recsvc}; this "
            f"version knows schemas up to {migrate.head_revision()}. Use that version, or a newer "
            "one."
        )


def _require_empty(verified: Manifest, url: str, shelf: Shelf) -> None:
    """Raise TargetNotEmpty unless database and shelf are empty.

    Objects of the same backup may be on the shelf: those of an interrupted restore.
    """
    if not database_copy.is_empty(url):
        raise TargetNotEmpty(
            "The database is not empty. Set RECSVC_HOME to a new folder, or RECSVC_DATABASE_URL to "
            "an empty database, and restore into that."
        )
    expected = {Path(path).name for path in verified.objects()}
    if any(found.sha256 not in expected for found in shelf.objects()):
        raise TargetNotEmpty(
            f"The shelf at {shelf.url} has objects of another service. Set RECSVC_HOME or "
            "RECSVC_SHELF_URL to an empty folder."
        )


def _restore_database(verified: Manifest, url: str, folder: Path, report: Report) -> None:
    if verified.dialect == "sqlite":
        database_copy.restore_sqlite(url, folder)
    else:
        content = verified.database_content()
        database_copy.restore_postgresql(
            url, folder, content, lambda *done: report("database", *done)
        )
    with closing(Database(url)) as database:
        migrate.upgrade(database, copy=False)
