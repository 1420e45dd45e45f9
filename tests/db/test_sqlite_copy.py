import shutil
import sqlite3
from contextlib import closing
from types import SimpleNamespace

import pytest

from recsvc.db import migrate, sqlite_copy
from recsvc.db.session import Database
from recsvc.errors import ConfigurationError


@pytest.fixture
def older(tmp_path):
    """A database of an older schema with one item."""
    database = Database(f"sqlite:///{tmp_path}/recsvc.sqlite3")
    migrate.upgrade_to(database, "0003")
    with database.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO item (item_id, created_at, updated_at) VALUES ('i', 1, 1)"
        )
    yield database
    database.close()


def copies(folder) -> list[str]:
    return sorted(path.name for path in folder.glob("*.before-*"))


def test_upgrade_copies_older_database_as_it_was(older, tmp_path):
    written = migrate.upgrade(older)

    assert written == tmp_path / f"recsvc.sqlite3.before-{migrate.head_revision()}"
    assert copies(tmp_path) == [written.name]
    assert written.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(written)) as copy:
        assert copy.execute("SELECT version_num FROM alembic_version").fetchone() == ("0003",)
        assert copy.execute("SELECT item_id FROM item").fetchone() == ("i",)
    assert sqlite_copy.check_integrity(written) is None


def test_upgrade_of_empty_or_current_database_makes_no_copy(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/recsvc.sqlite3")
    assert migrate.upgrade(database) is None
    assert migrate.upgrade(database) is None
    database.close()

    assert copies(tmp_path) == []


def test_newest_two_copies_are_kept(older, tmp_path):
    for revision in ("0004", "0005", "0006"):
        migrate.upgrade_to(older, revision, copy=True)

    assert copies(tmp_path) == ["recsvc.sqlite3.before-0005", "recsvc.sqlite3.before-0006"]


def test_upgrade_without_room_is_refused_and_changes_nothing(older, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))

    with pytest.raises(ConfigurationError, match=r"0\.0 MB are free.*upgrade --no-copy"):
        migrate.upgrade(older)

    assert (migrate.current_revision(older), copies(tmp_path)) == ("0003", [])
    assert migrate.upgrade(older, copy=False) is None
    assert migrate.current_revision(older) == migrate.head_revision()
