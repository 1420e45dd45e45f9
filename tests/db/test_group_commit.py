"""Several pieces of work, one commit: what fails, fails alone."""

import threading
import time

import pytest
from sqlalchemy import event, text

from recsvc.db import group_commit
from recsvc.db.feedback.ratings import count_users
from recsvc.db.group_commit import MergeableWork, commit_together
from recsvc.db.session import Database, pause_for_other_writers, reading
from recsvc.errors import DatabaseUnavailable, StorageFull
from recsvc.service.feedback import ratings
from tests.conftest import PATIENCE_SECONDS
from tests.factories.single_ratings import rating_of


@pytest.fixture(autouse=True)
def _no_hurry(monkeypatch):
    """Let a group take all works, however slow the machine is."""
    monkeypatch.setattr(group_commit, "GROUP_SECONDS", PATIENCE_SECONDS)


def rating_by(user_id):
    def work(session):
        ratings.rate_each(session, [rating_of(user_id)])
        return user_id

    return work


def failing(error, user_id="failed"):
    def work(session):
        rating_by(user_id)(session)
        raise error

    return work


def n_commits(database, act):
    commits = []
    count = commits.append
    event.listen(database.engine, "commit", count)
    act()
    event.remove(database.engine, "commit", count)
    return len(commits)


def user_ids(database):
    with reading(database) as session:
        return set(session.scalars(text("SELECT user_id FROM user_account")))


def test_commit_together_returns_outcomes_in_order_after_one_commit(database):
    outcomes = []
    works = [rating_by(f"u{n}") for n in range(10)]

    assert n_commits(database, lambda: outcomes.extend(commit_together(database, works))) == 1

    assert outcomes == [f"u{n}" for n in range(10)]
    assert user_ids(database) == set(outcomes)


def test_commit_together_leaves_late_works_to_next_transaction(database, monkeypatch):
    monkeypatch.setattr(group_commit, "GROUP_SECONDS", -1)

    assert commit_together(database, [rating_by("a"), rating_by("b")]) == ["a"]
    assert user_ids(database) == {"a"}


def test_commit_together_rolls_back_failed_work_only(database):
    error = ValueError("no")

    outcomes = commit_together(database, [rating_by("a"), failing(error), rating_by("b")])

    assert outcomes == ["a", error, "b"]
    assert user_ids(database) == {"a", "b"}


def test_commit_together_stores_no_rating_of_single_failed_work(database):
    error = ValueError("no")

    assert commit_together(database, [failing(error)]) == [error]
    assert user_ids(database) == set()


def test_commit_together_returns_database_error_of_one_work(database):
    def breaks(session):
        session.execute(text("INSERT INTO rating (user_key, item_key) VALUES (1, 1)"))

    first, broken, last = commit_together(database, [rating_by("a"), breaks, rating_by("b")])

    assert (first, last) == ("a", "b")
    assert isinstance(broken, Exception)
    assert user_ids(database) == {"a", "b"}


def test_commit_together_shows_earlier_writes_to_later_works(database):
    works = [rating_by("a"), lambda session: ratings.list_ratings(session, "a")[0].value]

    assert commit_together(database, works) == ["a", 5.0]


def test_commit_together_repeats_works_after_aborted_transaction(tmp_path, migrated_sqlite):
    """SQLite rolls all back when its file may not grow; then each work runs again by itself."""
    path = tmp_path / "full.sqlite3"
    path.write_bytes(migrated_sqlite.read_bytes())
    database = Database(f"sqlite:///{path}")

    def grows_too_large(session):
        pages = session.scalar(text("PRAGMA page_count"))
        session.execute(text(f"PRAGMA max_page_count = {pages + 2}"))
        try:
            session.execute(text("CREATE TABLE large AS SELECT zeroblob(1000000) AS zeros"))
        finally:
            session.execute(text("PRAGMA max_page_count = 1000000"))

    first, full, last = commit_together(database, [rating_by("a"), grows_too_large, rating_by("b")])

    assert (first, last) == ("a", "b")
    assert isinstance(full, StorageFull)
    assert user_ids(database) == {"a", "b"}
    database.close()


def test_commit_together_raises_database_unavailable_when_locked(tmp_path, migrated_sqlite):
    path = tmp_path / "locked.sqlite3"
    path.write_bytes(migrated_sqlite.read_bytes())
    ours = Database(f"sqlite:///{path}", wait_seconds=0.05)
    other = Database(f"sqlite:///{path}")

    with other.engine.begin(), pytest.raises(DatabaseUnavailable) as caught:
        commit_together(ours, [rating_by("a"), rating_by("b")])
    assert "locked" in caught.value.detail_with_cause()

    assert user_ids(ours) == set()
    for database in (ours, other):
        database.close()


def test_commit_together_raises_database_unavailable_when_pool_is_full(database_url):
    database = Database(database_url, connections=1, wait_seconds=0.05)

    with reading(database) as first:
        assert count_users(first) == 0
        with pytest.raises(DatabaseUnavailable, match="All database connections"):
            commit_together(database, [rating_by("a"), rating_by("b")])

    database.close()


def test_commit_together_allows_other_process_write_between_transactions(tmp_path, migrated_sqlite):
    path = tmp_path / "busy.sqlite3"
    path.write_bytes(migrated_sqlite.read_bytes())
    busy, other = Database(f"sqlite:///{path}"), Database(f"sqlite:///{path}")
    n_left, begun = 500, threading.Event()

    def write_much():
        nonlocal n_left
        while n_left:
            with busy.engine.begin():
                begun.set()
                time.sleep(0.01)
            pause_for_other_writers(busy)
            n_left -= 1

    writer = threading.Thread(target=write_much)
    writer.start()
    begun.wait()
    for number in range(10):
        commit_together(other, [rating_by(f"u{number}"), rating_by(f"v{number}")])
    left, n_left = n_left, 1
    writer.join()

    assert left > 0
    assert len(user_ids(other)) == 20
    for database in (busy, other):
        database.close()


def test_commit_together_runs_mergeable_works_of_one_function_at_once(database):
    calls = []

    def store(session, rated):
        calls.append([rating.user_id for rating in rated])
        return ratings.rate_each(session, rated)

    works = [MergeableWork(store, rating_of(user)) for user in "abc"]
    outcomes = commit_together(database, [*works, rating_by("d"), *works[:1]])

    assert calls == [["a", "b", "c"], ["a"]]
    assert [outcome.is_new for outcome in outcomes[:3]] == [True, True, True]
    assert outcomes[3] == "d"
    assert outcomes[4].is_new is False
    assert user_ids(database) == {"a", "b", "c", "d"}


def test_commit_together_runs_mergeable_works_alone_after_an_error(database):
    error = RuntimeError("one of them")

    def store(session, rated):
        outcomes = ratings.rate_each(session, rated)
        if any(rating.user_id == "failed" for rating in rated):
            raise error
        return outcomes

    works = [MergeableWork(store, rating_of(user)) for user in ("a", "failed", "b")]
    first, broken, last = commit_together(database, works)

    assert (first.is_new, broken, last.is_new) == (True, error, True)
    assert user_ids(database) == {"a", "b"}
