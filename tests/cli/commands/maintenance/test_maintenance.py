"""Commands that open the data directly: what they print, and how they fail."""

import json
import re
import sqlite3
import tarfile
from contextlib import closing

import pytest

from recsvc.db import migrate
from tests.conftest import ROOT

pytestmark = pytest.mark.acceptance


@pytest.fixture
def older_home(tmp_path):
    """A home of an earlier version, with rows and objects."""
    with tarfile.open(ROOT / "tests" / "data" / "home-0.1.0.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "home"


def test_backup_is_restored_elsewhere_and_migrated(recsvc, older_home, tmp_path):
    made = recsvc("backup", tmp_path / "backup", "--verify", home=older_home)
    checked = recsvc("restore", tmp_path / "backup", "--verify", "--json", home=tmp_path / "new")
    assert not (tmp_path / "new").exists()
    restored = recsvc("restore", tmp_path / "backup", home=tmp_path / "new")
    again = recsvc("restore", tmp_path / "backup", home=tmp_path / "new")

    assert (made.returncode, made.stderr) == (0, "")
    assert re.search(r"database  \d\.\d MB, 2,001 rows, schema 0009 \(sqlite\)", made.stdout)
    assert "verified  all files have their SHA-256" in made.stdout
    assert json.loads(checked.stdout)["restored"] is False
    assert (restored.returncode, restored.stderr) == (0, "")
    assert restored.stdout.startswith("Restored from ")
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)
    assert again.stderr.startswith("error: The database is not empty.")
    listed = recsvc("models", "list", "--json", home=tmp_path / "new")
    assert any(model["published"] for model in json.loads(listed.stdout))


def test_backup_names_missing_object_and_exits_with_1(recsvc, older_home, tmp_path):
    assert recsvc("upgrade", home=older_home).returncode == 0
    complete = json.loads(recsvc("backup", tmp_path / "one", "--json", home=older_home).stdout)
    stored = max((tmp_path / "one" / "shelf").glob("??/*"))
    (older_home / "shelf" / stored.name[:2] / stored.name).unlink()

    told = recsvc("backup", tmp_path / "two", "--json", home=older_home)

    assert complete["missing"] == []
    assert told.returncode == 1
    assert json.loads(told.stdout)["missing"] == [stored.name]
    assert f"error: object {stored.name}: The shelf has no object" in told.stderr


def test_backup_without_database_is_one_error_line(recsvc, tmp_path):
    told = recsvc("backup", tmp_path / "backup", home=tmp_path / "none")

    assert (told.returncode, told.stdout, told.stderr.count("\n")) == (1, "", 1)
    assert told.stderr.startswith("error: There is no database at ")
    assert not (tmp_path / "none").exists()


def test_upgrade_check_reports_missing_migrations_and_changes_nothing(recsvc, older_home):
    before = recsvc("upgrade", "--check", home=older_home)
    copies = list(older_home.glob("*.before-*"))
    done = recsvc("upgrade", home=older_home)
    after = recsvc("upgrade", "--check", "--json", home=older_home)

    assert before.returncode == 1
    assert before.stdout.startswith("schema      0009\nmigrations  0010 API keys")
    assert re.search(r"disk        0\.\d MB needed, [\d,.]+ MB free", before.stdout)
    assert copies == []
    assert f"Migrated from 0009 to {migrate.head_revision()}." in done.stdout
    assert len(list(older_home.glob("*.before-*"))) == 1
    assert (after.returncode, json.loads(after.stdout)["missing"]) == (0, [])


def test_downgrade_needs_confirmation(recsvc, older_home):
    recsvc("upgrade", home=older_home)

    unconfirmed = recsvc("downgrade", "0009", home=older_home)
    confirmed = recsvc("downgrade", "0009", "--yes", home=older_home)

    assert unconfirmed.returncode == 2
    assert confirmed.stdout.startswith("The database has the schema 0009.\nThe database as it was:")
    assert recsvc("upgrade", "--check", home=older_home).returncode == 1


def test_doctor_prints_line_per_check_with_remedy(recsvc, older_home):
    older_home.chmod(0o755)

    lines = recsvc("doctor", home=older_home).stdout.splitlines()
    checks = json.loads(recsvc("doctor", "--json", home=older_home).stdout)

    assert [check["name"] for check in checks] == [line.split()[1] for line in lines]
    assert [check["level"] for check in checks] == [line.split()[0] for line in lines]
    assert {check["level"] for check in checks} == {"ok", "warning"}
    assert all(bool(check["remedy"]) == (check["level"] != "ok") for check in checks)
    assert "→ chmod -R go= " in next(line for line in lines if " home " in line)
    assert "recsvc upgrade" in next(line for line in lines if " database " in line)


def test_doctor_exits_with_1_for_invalid_setting_or_scale(recsvc, tmp_path):
    told = recsvc("doctor", home=tmp_path, RECSVC_PORT="x", RECSVC_LEASE_SECONDS="-1")
    scale = recsvc("doctor", home=tmp_path, RECSVC_RATING_SCALE="1-5")
    url = recsvc("doctor", home=tmp_path, RECSVC_DATABASE_URL="a letter")
    shelf = recsvc("doctor", home=tmp_path, RECSVC_SHELF_URL="none://here")

    assert (told.returncode, scale.returncode, url.returncode, shelf.returncode) == (1, 1, 1, 1)
    assert re.match(r"problem +settings +RECSVC_DATABASE_URL is 'a letter'", url.stdout)
    assert re.search(r"^problem +shelf +RECSVC_SHELF_URL is ", shelf.stdout, re.MULTILINE)
    assert re.match(r"problem +settings +RECSVC_PORT is .*RECSVC_LEASE_SECONDS is ", told.stdout)
    assert re.match(r"problem +settings +.*→ Correct it", scale.stdout)


def test_prune_reports_what_it_would_delete_and_deletes_it(recsvc, older_home):
    first = recsvc("prune", home=older_home)
    recsvc("upgrade", home=older_home)
    with closing(
        sqlite3.connect(older_home / "recsvc.sqlite3", isolation_level=None)
    ) as connection:
        connection.execute("UPDATE job SET finished_at = 0 WHERE finished_at > 0")
    counted = recsvc("prune", "--dry-run", "--json", home=older_home)
    done = recsvc("prune", home=older_home, RECSVC_KEEP_EVENTS_DAYS="7")
    again = recsvc("prune", "--dry-run", "--json", home=older_home)

    assert first.stderr.startswith("error: The database has the schema 0009; this version needs ")
    n_events = json.loads(counted.stdout)["rows"]["job_events"]
    assert n_events > 0
    assert re.search(rf"job events +7 days +{n_events:,}\n", done.stdout)
    assert re.search(r"audit entries +730 days +0\n", done.stdout)
    assert json.loads(again.stdout)["rows"]["job_events"] == 0
