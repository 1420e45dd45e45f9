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


def test_a_database_with_the_current_schema_is_ready_from_the_start(monitor):
    assert not monitor.state().ok
    monitor.start()

    assert monitor.state() == (True, f"schema {migrate.head_revision()}, current")


def test_any_error_is_a_reason_and_the_next_check_may_succeed(monitor, monkeypatch):
    def fail(database: Database) -> str:
        raise ProgrammingError("SELECT version_num", None, Exception("no such table"))

    with monkeypatch.context() as patch:
        patch.setattr(migrate, "current_revision", fail)
        monitor.start()
        assert not monitor.state().ok
        assert monitor.state().reason.startswith("ProgrammingError: ")

    eventually(lambda: monitor.state().ok)


def test_a_check_that_takes_too_long_counts_as_no_answer(monitor, monkeypatch):
    monitor.check()
    assert monitor.state().ok
    monkeypatch.setattr(readiness, "STALE_SECONDS", -1)

    assert monitor.state().reason == "no answer for 0 s"
