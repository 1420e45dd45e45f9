"""A disk that refuses writes is told from a database that does not respond."""

import pytest
from sqlalchemy import event, text

from recsvc.db.group_commit import commit_together
from recsvc.db.session import Database, reading, unit_of_work
from recsvc.errors import DatabaseUnavailable, StorageFull
from tests.conftest import on_sqlite

RAISE = "DO $$ BEGIN RAISE SQLSTATE '{}'; END $$"


def insert(session) -> None:
    session.execute(text("CREATE TABLE filler (id INTEGER)"))


def fill(database: Database) -> None:
    """Let the files of a SQLite database not grow any more."""

    def limit(connection, record) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(database.engine, "connect", limit)
    database.engine.dispose()


@on_sqlite
def test_full_sqlite_file_refuses_writes_and_answers_reads(database):
    fill(database)

    with pytest.raises(StorageFull) as refused, unit_of_work(database) as session:
        insert(session)

    assert "full" in refused.value.detail
    assert refused.value.place == "database"
    with reading(database) as session:
        assert session.scalar(text("SELECT count(*) FROM job")) == 0
    outcomes = commit_together(database, [insert, insert])
    assert [type(outcome) for outcome in outcomes] == [StorageFull, StorageFull]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("state", ["53100", "25006", "58030"])
def test_postgresql_state_of_disk_is_storage_full(database, state):
    def work(session) -> None:
        session.execute(text(RAISE.format(state)))

    with pytest.raises(StorageFull), unit_of_work(database) as session:
        work(session)
    assert [type(outcome) for outcome in commit_together(database, [work, work])] == [
        StorageFull,
        StorageFull,
    ]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_postgresql_that_ends_the_session_is_unavailable(database):
    with pytest.raises(DatabaseUnavailable), unit_of_work(database) as session:
        session.execute(text(RAISE.format("57P01")))
