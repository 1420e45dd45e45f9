"""A backup has all rows and all objects; a restored one continues where the other was."""

import json
import threading
from contextlib import closing

import pytest
from sqlalchemy import inspect, text

from recsvc.config import Settings
from recsvc.db import migrate
from recsvc.db.session import Database, unit_of_work
from recsvc.errors import (
    BackupDamaged,
    BackupIncompatible,
    ConfigurationError,
    DatabaseUnavailable,
    TargetNotEmpty,
)
from recsvc.rbm import checkpoint
from recsvc.service.backup import manifest
from recsvc.service.backup.backup import RETIRED, back_up, missing_objects
from recsvc.service.backup.restore import restore
from recsvc.shelf import Shelf
from tests.conftest import NOON, on_sqlite
from tests.factories.shop import two_camps

ODD = "tab\t, line\n, \\N, \\., 'quotes\" and 日本語"


ENTRY = "INSERT INTO audit_entry (at, operation, path, request_id) VALUES (1, 'o', 'p', 'r')"
USER = "INSERT INTO user_account (user_id, created_at) VALUES (:id, 1)"
ITEM = "INSERT INTO item (item_id, created_at, updated_at) VALUES (:id, 1, 1)"


def ignore(step: str, done: int, total: int) -> None:
    pass


def rows_of(database: Database) -> dict[str, list[str]]:
    """Every row of every table."""
    with database.engine.connect() as connection:
        return {
            table: sorted(
                repr(tuple(row)) for row in connection.execute(text(f"SELECT * FROM {table}"))
            )
            for table in sorted(inspect(connection).get_table_names())
        }


@pytest.fixture
def backed_up(shop, settings, tmp_path):
    """A trained shop and its backup."""
    shop.describe("odd", title=ODD, attributes={"k": ODD})
    shop.train(publish="always")
    root = tmp_path / "backup"
    back_up(settings, root, now=NOON, report=ignore)
    return root


def test_restore_has_same_rows_and_objects(shop, backed_up, elsewhere):
    restored = restore(elsewhere, backed_up, report=ignore)

    with closing(Database(elsewhere.effective_database_url())) as database:
        rows = rows_of(database)
        assert rows == rows_of(shop.database)
    assert all(restored.n_rows[name] == len(rows[name]) for name in restored.n_rows)
    shelf = Shelf(elsewhere.effective_shelf_url(), elsewhere.home / "cache")
    card = shop.card(1)
    assert checkpoint.read_model(shelf.map(card.checkpoint_sha256)).items
    for sha256 in (card.judged_sha256, card.snapshot_sha256):
        assert shelf.get(sha256) == shop.context.shelf.get(sha256)


def test_restored_database_uses_no_number_again(shop, settings, elsewhere, tmp_path):
    with unit_of_work(shop.database) as session:
        session.execute(text(ENTRY))
        session.execute(text(ENTRY))
        session.execute(text("DELETE FROM audit_entry"))
    back_up(settings, tmp_path / "backup", now=NOON, report=ignore)
    restore(elsewhere, tmp_path / "backup", report=ignore)

    with (
        closing(Database(elsewhere.effective_database_url())) as database,
        database.engine.begin() as connection,
    ):
        connection.execute(text(ENTRY))
        assert connection.scalar(text("SELECT id FROM audit_entry")) == 3


def test_backup_while_others_write_has_one_moment(shop, settings, elsewhere, tmp_path):
    """Each transaction adds a user and an item, so the copy has as many of both."""
    stopping, written = threading.Event(), []

    def write() -> None:
        while not stopping.is_set():
            with unit_of_work(shop.database) as session:
                session.execute(text(USER), {"id": f"w{len(written)}"})
                session.execute(text(ITEM), {"id": f"w{len(written)}"})
            written.append(True)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while len(written) < 20:
            stopping.wait(0.01)
        acknowledged = len(written)
        made = back_up(settings, tmp_path / "backup", now=NOON, report=ignore)
    finally:
        stopping.set()
        writer.join()
    restore(elsewhere, tmp_path / "backup", report=ignore)

    with closing(Database(elsewhere.effective_database_url())) as database:
        rows = rows_of(database)
    assert len(rows["user_account"]) == len(rows["item"]) >= 12 + acknowledged
    assert made.n_rows["user_account"] == len(rows["user_account"])


def test_backup_of_older_schema_is_migrated_by_restore(empty_database_url, request, tmp_path):
    source = Settings(home=tmp_path, database_url=empty_database_url)
    with closing(Database(empty_database_url)) as database:
        migrate.upgrade_to(database, "0004")
        with database.engine.begin() as connection:
            connection.execute(text(USER), {"id": "u"})
    kept = Shelf(source.effective_shelf_url(), tmp_path / "cache").put(b"of any use")
    url = ""
    if empty_database_url.startswith("postgresql"):
        url = request.getfixturevalue("new_postgresql_database")(migrated=False)
    target = Settings(home=tmp_path / "elsewhere", database_url=url)

    made = back_up(source, tmp_path / "backup", now=NOON, report=ignore)
    restore(target, tmp_path / "backup", report=ignore)

    assert made.revision == "0004"
    with closing(Database(target.effective_database_url())) as database:
        assert migrate.current_revision(database) == migrate.head_revision()
        assert len(rows_of(database)["user_account"]) == 1
    assert Shelf(target.effective_shelf_url(), tmp_path / "cache").contains(kept)


def damage(name):
    def change(file):
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)

    return {
        "flipped": change,
        "truncated": lambda file: file.write_bytes(file.read_bytes()[:-20]),
        "missing": lambda file: file.unlink(),
    }[name]


@pytest.mark.parametrize("how", ["flipped", "truncated", "missing"])
@pytest.mark.parametrize("part", ["database/*", "shelf/??/*"])
def test_restore_refuses_damaged_file(backed_up, elsewhere, how, part):
    file = max(backed_up.glob(part), key=lambda path: path.stat().st_size)
    damage(how)(file)

    with pytest.raises(BackupDamaged, match=file.name):
        restore(elsewhere, backed_up, report=ignore)
    assert not elsewhere.home.exists()


@on_sqlite
@pytest.mark.parametrize("how", ["flipped", "truncated", "missing"])
@pytest.mark.parametrize("name", [manifest.MANIFEST, manifest.CHECKSUM])
def test_verify_refuses_damaged_manifest(backed_up, how, name):
    damage(how)(backed_up / name)

    with pytest.raises(BackupDamaged, match=r"Use another backup"):
        manifest.verify(backed_up, ignore)


@on_sqlite
def test_restore_refuses_unknown_format_and_newer_schema(backed_up, elsewhere):
    made = manifest.read_manifest(backed_up)
    for change, said in [({"format": 2}, "has format 2"), ({"revision": "9999"}, "schema 9999")]:
        manifest.write_manifest(backed_up, made.model_copy(update=change))

        with pytest.raises(BackupIncompatible, match=said):
            restore(elsewhere, backed_up, report=ignore)
    content = json.loads((backed_up / manifest.MANIFEST).read_text())
    assert content["created_at"].startswith("2026-06-01T12")


def test_restore_refuses_database_or_shelf_with_content(shop, settings, backed_up, elsewhere):
    with pytest.raises(TargetNotEmpty, match="database is not empty"):
        restore(settings, backed_up, report=ignore)

    shelf = Shelf(elsewhere.effective_shelf_url(), elsewhere.home / "cache")
    foreign = shelf.put(b"of another service")
    with pytest.raises(TargetNotEmpty, match="objects of another service"):
        restore(elsewhere, backed_up, report=ignore)

    shelf.remove(foreign)
    shelf.put(shop.context.shelf.get(shop.card(1).checkpoint_sha256))  # of an interrupted restore
    restore(elsewhere, backed_up, report=ignore)


def test_restore_refuses_other_kind_of_database(shop, backed_up, tmp_path):
    other = {"sqlite": "postgresql://nobody@nowhere/none", "postgresql": ""}
    target = Settings(home=tmp_path / "elsewhere", database_url=other[shop.database.dialect])

    with pytest.raises(BackupIncompatible, match="same kind"):
        restore(target, backed_up, report=ignore)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_restore_of_wrong_row_count_leaves_database_empty(shop, backed_up, elsewhere):
    made = manifest.read_manifest(backed_up)
    wrong = made.model_copy(update={"n_rows": made.n_rows | {"rating": 7}})
    manifest.write_manifest(backed_up, wrong)

    with pytest.raises(BackupDamaged, match="the manifest has 7"):
        restore(elsewhere, backed_up, report=ignore)
    with closing(Database(elsewhere.effective_database_url())) as database:
        assert inspect(database.engine).get_table_names() == []

    manifest.write_manifest(backed_up, made)
    restore(elsewhere, backed_up, report=ignore)


def test_backup_reports_object_that_is_missing_or_damaged(shop, settings, tmp_path):
    shop.train(publish="always")
    card = shop.card(1)
    shop.place(card.checkpoint_sha256).unlink()
    damage("flipped")(shop.place(card.snapshot_sha256))

    made = back_up(settings, tmp_path / "backup", now=NOON, report=ignore)

    assert set(missing_objects(made)) == {card.checkpoint_sha256, card.snapshot_sha256}
    assert "is corrupt" in made.left_out[card.snapshot_sha256]
    assert manifest.verify(tmp_path / "backup", ignore) == made


def test_backup_tolerates_object_removed_by_retention_meanwhile(shop, settings, tmp_path):
    shop.train(publish="always")
    shop.rate(two_camps(4, first_user=12))
    shop.train(publish="always", seed=2)
    gone = shop.card(1).checkpoint_sha256

    def retire(step: str, done: int, total: int) -> None:
        if (step, done) == ("shelf", 0):
            with unit_of_work(shop.database) as session:
                session.execute(text("UPDATE model_version SET retired_at = 1 WHERE version = 1"))
            shop.place(gone).unlink(missing_ok=True)

    made = back_up(settings, tmp_path / "backup", now=NOON, report=retire)

    assert made.left_out[gone] == RETIRED
    assert missing_objects(made) == []


@on_sqlite
def test_backup_refuses_folder_with_files_and_home_without_database(shop, settings, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter").touch()
    with pytest.raises(TargetNotEmpty, match="Choose a new folder"):
        back_up(settings, tmp_path / "full", now=NOON, report=ignore)

    nowhere = Settings(home=tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match="There is no database"):
        back_up(nowhere, tmp_path / "backup", now=NOON, report=ignore)
    assert not (tmp_path / "nowhere").exists()
    assert not (tmp_path / "backup").exists()


@on_sqlite
def test_backup_of_damaged_database_is_refused(shop, settings, tmp_path):
    shop.database.close()
    damaged = bytearray((shop.folder / "recsvc.sqlite3").read_bytes())
    damaged[4096:8192] = bytes(4096)
    (shop.folder / "recsvc.sqlite3").write_bytes(damaged)

    with pytest.raises((BackupDamaged, DatabaseUnavailable)):
        back_up(settings, tmp_path / "backup", now=NOON, report=ignore)
    with pytest.raises(BackupDamaged, match="not a backup"):
        manifest.verify(tmp_path / "backup", ignore)


def test_backup_is_readable_by_its_owner_only(backed_up):
    paths = [backed_up, *backed_up.rglob("*")]

    assert {path.stat().st_mode & 0o777 for path in paths if path.is_dir()} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in paths if path.is_file()} == {0o600}
