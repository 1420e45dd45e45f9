"""Figures for monitoring: read once where they cannot change, and never waited for long."""

import threading
import time
from datetime import UTC, datetime

from recsvc.db.jobs.queue import JobQueue, job_lease
from recsvc.db.session import unit_of_work
from recsvc.db.tables import JobState
from recsvc.service.monitoring import FiguresReader, Sampler
from tests.conftest import eventually


def import_counts(n: int, **others: object) -> dict[str, object]:
    return {"dry_run": False, "ratings": n, "interactions": 2 * n, "refused": {"x": 1}} | others


def begin_import(database, counts):
    with unit_of_work(database) as session:
        queue, now = JobQueue(session), datetime.now(UTC)
        queue.enqueue("import", spec={}, now=now)
        lease = job_lease(queue.claim(worker="w", now=now, lease_seconds=60, max_attempts=3))
        queue.update_progress(lease, 0.5, counts)
    return lease


def finish(database, lease):
    with unit_of_work(database) as session:
        JobQueue(session).finish(lease, JobState.SUCCEEDED, now=datetime.now(UTC), result={})


def test_import_totals_count_each_job_once(database):
    reader = FiguresReader(database)
    first, second = (begin_import(database, import_counts(n)) for n in (10, 5))
    begin_import(database, import_counts(1000, dry_run=True))
    for _ in range(2):
        assert reader.read().imports == (15, 30, {"x": 2})

    finish(database, second)
    assert reader.read().imports == (15, 30, {"x": 2})
    finish(database, first)

    for _ in range(2):
        assert reader.read().imports == (15, 30, {"x": 2})
    begin_import(database, import_counts(1))
    assert reader.read().imports == (16, 32, {"x": 3})


def test_figures_reader_ages_oldest_due_and_running_job(database):
    with unit_of_work(database) as session:
        queue = JobQueue(session)
        for minutes in (10, 3):
            job = queue.enqueue("training", spec={}, now=minutes_ago(minutes))
            job.scheduled_at = minutes_ago(minutes)

    figures = FiguresReader(database).read()
    assert 600 <= figures.oldest_queued_seconds < 700
    assert (figures.oldest_running_seconds, figures.workers_seen) == (0, 0)

    with unit_of_work(database) as session:
        JobQueue(session).claim(worker="w", now=datetime.now(UTC), lease_seconds=60, max_attempts=3)
    figures = FiguresReader(database).read()
    assert 180 <= figures.oldest_queued_seconds < 280
    assert 0 <= figures.oldest_running_seconds < 100
    assert figures.workers_seen == 1
    assert figures.jobs["training", "running"] == 1


def minutes_ago(minutes: int) -> datetime:
    return datetime.fromtimestamp(time.time() - 60 * minutes, UTC)


def test_sampler_reads_once_for_callers_of_the_same_moment():
    reads = []
    sampler = Sampler("test", lambda: reads.append(1) or len(reads), max_age_seconds=60)

    assert [sampler.latest() for _ in range(5)] == [1] * 5


def test_sampler_does_not_wait_for_slow_read():
    go_on = threading.Event()
    sampler = Sampler("test", lambda: go_on.wait(60) and "read", max_age_seconds=60)

    started = time.monotonic()
    assert sampler.latest(wait_seconds=0.05) is None
    assert time.monotonic() - started < 5
    go_on.set()

    eventually(lambda: sampler.latest() == "read")


def test_sampler_returns_nothing_after_failed_read_and_tries_again():
    outcomes = iter([ValueError("away"), "read"])

    def read():
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    sampler = Sampler("test", read, max_age_seconds=0.05)

    assert sampler.latest() is None
    eventually(lambda: sampler.latest() == "read", seconds=5)
