"""The schema of the database: which migrations are missing, and room for them."""

import shutil
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from recsvc.db import migrate, sqlite_copy
from recsvc.db.backup import database_copy
from recsvc.db.migrate import Migration
from recsvc.db.session import Database, sqlite_file
from recsvc.errors import ConfigurationError


class UpgradePlan(NamedTuple):
    """The migrations of an upgrade, and the room that SQLite needs for them and a copy.

    revision  of the database, None for an empty one
    """

    revision: str | None
    missing: list[Migration]
    needed_bytes: int | None
    free_bytes: int | None


def plan_upgrade(url: str) -> UpgradePlan:
    """Return what an upgrade would do. A missing SQLite file is not created.

    Raises ConfigurationError if the database is newer than this program.
    """
    if database_copy.is_empty(url):
        return UpgradePlan(None, migrate.missing_migrations(None), None, None)
    with closing(Database(url)) as database:
        revision = migrate.require_known_revision(database)
    missing, file = migrate.missing_migrations(revision), sqlite_file(url)
    if file is None:
        return UpgradePlan(revision, missing, None, None)
    needed = sqlite_copy.bytes_for_migration(file) if missing else 0
    return UpgradePlan(revision, missing, needed, shutil.disk_usage(file.parent).free)


def upgrade(url: str, *, copy: bool) -> Path | None:
    """Migrate a database to the current schema; return the copy of it that was made before."""
    with closing(Database(url)) as database:
        return migrate.upgrade(database, copy=copy)


def downgrade(url: str, revision: str) -> Path | None:
    """Migrate a database back to a revision; return the copy of it that was made before.

    Raises ConfigurationError if the database is not newer than the revision.
    """
    database_copy.require_database(url)
    with closing(Database(url)) as database:
        current = migrate.require_known_revision(database)
        if not migrate.is_known(revision) or revision >= current:
            earlier = [m.revision for m in migrate.missing_migrations(None) if m.revision < current]
            raise ConfigurationError(
                f"The database has the schema {current}, which cannot be downgraded to "
                f"{revision!r}. Earlier ones are {', '.join(earlier) or 'none'}."
            )
        return migrate.downgrade(database, revision, copy=True)
