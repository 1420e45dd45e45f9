from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from recsvc.config import Settings
from recsvc.db import migrate
from recsvc.db.session import Database, unit_of_work
from recsvc.service.doctor.store_checks import check_stores
from recsvc.service.doctor.system_check import Level
from tests.conftest import on_sqlite


@pytest.fixture
def settings(shop) -> Settings:
    return Settings(home=shop.folder, database_url=shop.database.url)


def check(settings: Settings, *, ahead_seconds: float = 0) -> dict:
    """Every result by its name, on a machine whose clock goes ahead."""
    ahead = timedelta(seconds=ahead_seconds)
    return {one.name: one for one in check_stores(settings, lambda: datetime.now(UTC) + ahead)}


def levels(settings: Settings, **options) -> dict[str, Level]:
    return {name: one.level for name, one in check(settings, **options).items()}


def test_trained_shop_has_no_fault(shop, settings):
    shop.train(publish="always")

    found = check(settings)

    assert {one.level for one in found.values()} == {Level.OK}
    assert list(found) == ["database", "writes", "integrity", "clock", "shelf", "model", "worker"]
    assert "version 1 can be read" in found["model"].fact


def test_clock_skew_is_measured_against_database(settings):
    assert levels(settings, ahead_seconds=10)["clock"] is Level.WARNING
    assert levels(settings, ahead_seconds=-100)["clock"] is Level.PROBLEM


def test_damaged_model_is_problem_with_remedy(shop, settings):
    shop.train(publish="always")
    place = shop.place(shop.card(1).checkpoint_sha256)
    place.write_bytes(place.read_bytes()[:-1])

    model = check(settings)["model"]

    assert model.level is Level.PROBLEM
    assert "restore the object from a backup" in model.remedy


def test_worker_is_missed_when_jobs_wait_or_leases_expire(shop, settings):
    shop.ask()  # at noon of a day long before or after
    with unit_of_work(shop.database) as session:
        session.execute(text("UPDATE job SET scheduled_at = 1"))
    assert levels(settings)["worker"] is Level.PROBLEM

    shop.claim(lease_seconds=60)
    assert check(settings)["worker"].fact == "1 is running a job"

    with unit_of_work(shop.database) as session:
        session.execute(text("UPDATE job SET lease_expires_at = 1"))
    assert "lost their worker" in check(settings)["worker"].fact


def test_older_schema_is_warning_and_newer_is_problem(shop, settings):
    migrate.downgrade(shop.database, "0009")
    assert levels(settings)["database"] is Level.WARNING

    with shop.database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert levels(settings) == {"database": Level.PROBLEM}


def test_empty_database_is_no_problem_and_stays_empty(empty_database_url, tmp_path):
    settings = Settings(home=tmp_path / "home", database_url=empty_database_url)

    assert levels(settings) == {"database": Level.OK}
    assert not (tmp_path / "home").exists()
    with closing(Database(empty_database_url)) as database:
        assert migrate.current_revision(database) is None


@on_sqlite
def test_file_that_is_no_database_is_problem(shop, settings):
    shop.database.close()
    (shop.folder / "recsvc.sqlite3").write_bytes(b"no database at all\n" * 999)

    found = check(settings)

    assert {name: one.level for name, one in found.items()} == {"database": Level.PROBLEM}
    assert "restore a backup" in found["database"].remedy.lower()


def test_shelf_that_cannot_be_written_is_problem(shop, settings):
    (shop.folder / "shelf").write_text("in the way")

    assert levels(settings)["shelf"] is Level.PROBLEM
