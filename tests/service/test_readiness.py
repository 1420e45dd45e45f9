"""Readiness is known without asking, and no error ends the thread that asks."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from recsvc.db import migrate
from recsvc.db.session import Database, unit_of_work
from recsvc.db.write_probe import commit_probe
from recsvc.service import readiness
from recsvc.service.readiness import DatabaseMonitor, WriteMonitor
from tests.conftest import eventually


@pytest.fixture
def monitor(database, monkeypatch):
    monkeypatch.setattr(readiness, "CHECK_SECONDS", 0.01)
    monitor = DatabaseMonitor(database)
    yield monitor
    monitor.stop()


def test_monitor_is_ready_with_current_schema_after_start(monitor):
    assert not monitor.state().ok
    monitor.start()

    assert monitor.state()[:2] == (True, f"schema {migrate.head_revision()}, current")


def test_monitor_reports_error_until_next_check_succeeds(monitor, monkeypatch):
    def fail(database: Database) -> str:
        raise ProgrammingError("SELECT version_num", None, Exception("no such table"))

    with monkeypatch.context() as patch:
        patch.setattr(migrate, "current_revision", fail)
        monitor.start()
        assert not monitor.state().ok
        assert monitor.state().reason.startswith("ProgrammingError: ")

    eventually(lambda: monitor.state().ok)


def test_monitor_is_not_ready_when_last_check_is_old(monitor, monkeypatch):
    monitor.check()
    assert monitor.state().ok
    monkeypatch.setattr(readiness, "STALE_SECONDS", -1)

    assert monitor.state().reason == "no answer for 0 s"


@contextmanager
def locked_writes(database_url: str) -> Iterator[None]:
    """Keep every other transaction from writing."""
    database = Database(database_url)
    with database.engine.connect() as connection:
        if database.dialect == "postgresql":
            connection.execute(text("LOCK TABLE alembic_version IN EXCLUSIVE MODE"))
        else:
            connection.execute(text("SELECT 1"))  # begins by taking the write lock
        yield
    database.close()


@pytest.fixture
def write_monitor(database_url, monkeypatch):
    monkeypatch.setattr(readiness, "WAIT_SECONDS", 0.2)
    monkeypatch.setattr(readiness, "RETRY_SECONDS", 0.01)
    monitor = WriteMonitor(database_url)
    yield monitor
    monitor.stop()


def test_write_monitor_fails_while_database_is_locked(write_monitor, database_url):
    write_monitor.start()
    assert write_monitor.state().ok
    with locked_writes(database_url):
        write_monitor.check()
        assert not write_monitor.state().ok

    eventually(lambda: write_monitor.state().ok)


def test_write_monitor_counts_failure_of_request_for_a_while(write_monitor, monkeypatch):
    write_monitor.check()
    write_monitor.report_failure("The disk is full.")
    assert write_monitor.state()[:2] == (False, "The disk is full.")

    monkeypatch.setattr(readiness, "REPORTED_SECONDS", 0)
    assert write_monitor.state().ok


def test_probe_changes_nothing_and_adds_to_the_log(database):
    """What is written ahead grows: the probe is a write and not only a lock."""
    commit_probe(database)
    with unit_of_work(database) as session:
        before = written_bytes(session)
    commit_probe(database)
    with unit_of_work(database) as session:
        after = written_bytes(session)
        assert migrate.require_known_revision(database) == migrate.head_revision()

    assert after > before


def written_bytes(session) -> int:
    if session.bind.dialect.name == "postgresql":
        position = "pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')"
        return int(session.scalar(text(f"SELECT {position}")))
    return Path(f"{session.bind.url.database}-wal").stat().st_size
