"""Readiness is known without asking, and no error ends the thread that asks."""

import pytest
from sqlalchemy.exc import ProgrammingError

from recsvc.db import migrate
from recsvc.db.session import Database
from recsvc.service import readiness
from recsvc.service.readiness import DatabaseMonitor
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

    assert monitor.state() == (True, f"schema {migrate.head_revision()}, current")


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
