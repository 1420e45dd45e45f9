from datetime import UTC, datetime, timedelta

import pytest

from recsvc.db.jobs.queue import JobQueue, job_lease
from recsvc.db.session import unit_of_work
from recsvc.db.tables import JobState
from recsvc.errors import JobFinished, JobNotFound
from recsvc.service.jobs import queries

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=5)


@pytest.fixture
def session(database):
    with unit_of_work(database) as session:
        yield session


@pytest.fixture
def queue(session):
    return JobQueue(session)


@pytest.fixture
def running(queue):
    """The lease of a training job that runs."""
    queue.enqueue("training", spec={"seed": 1}, now=NOON)
    return job_lease(queue.claim(worker="w", now=NOON, lease_seconds=60, max_attempts=3))


def test_get_job_finds_job_under_its_kind_only(session, running):
    assert queries.get_job(session, 1, "training").spec == {"seed": 1}
    with pytest.raises(JobNotFound, match="There is no import job 1"):
        queries.get_job(session, 1, "import")


def test_jobs_are_listed_newest_first(session, queue):
    for _ in range(3):
        queue.enqueue("import", spec={}, now=NOON)

    newest, *_ = first = queries.list_jobs(session, "import", limit=2)
    rest = queries.list_jobs(session, "import", before=first[-1].id, limit=2)

    assert newest.id == 3
    assert [job.id for job in [*first, *rest]] == [3, 2, 1]


def test_cancel_job_returns_state_or_raises_job_finished(session, queue, running):
    assert queries.cancel_job(session, 1, "training", now=NOON).state == "running"

    queue.finish(running, JobState.CANCELLED, now=NOON)

    with pytest.raises(JobFinished):
        queries.cancel_job(session, 1, "training", now=NOON)


def test_error_curve_is_ordered_by_epoch(session, queue, running):
    for epoch in (2, 1, 0):
        figures = {"learning_rate": 0.1, "momentum": 0.5, "cd_steps": 1, "seconds": 1.0}
        queue.add_epoch(running, {"epoch": epoch, **figures}, now=NOON)

    assert [point.epoch for point in queries.error_curve(session, 1)] == [0, 1, 2]
    assert queries.error_curve(session, 2) == []


def test_events_after_returns_events_following_last_id(session, queue, running):
    seen = queries.events_after(session, 1)
    queue.finish(running, JobState.SUCCEEDED, now=NOON, result={})

    new = queries.events_after(session, 1, seen[-1].id)

    assert [event.name for event in seen] == ["state", "state"]
    assert [event.name for event in new] == ["state", "done"]
    assert queries.events_after(session, 1, new[-1].id) == []


CHANGES = {
    "progress": lambda queue, lease: queue.update_progress(lease, 0.5),
    "what its kind tells": lambda queue, lease: queue.update_progress(lease, 0, {"epoch": 1}),
    "a request to stop": lambda queue, lease: queue.request_cancel(1, "training", now=NOON),
    "its end": lambda queue, lease: queue.finish(lease, JobState.SUCCEEDED, now=NOON),
    "a new attempt": lambda queue, lease: queue.return_to_queue(lease, now=NOON),
    "a result": lambda queue, lease: queue.finish(
        lease, JobState.CANCELLED, now=LATER, result={"version": 1}
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_fingerprint_changes_with_job(session, queue, running, change):
    before = queries.fingerprint(queries.get_job(session, 1, "training"))

    CHANGES[change](queue, running)

    assert queries.fingerprint(queries.get_job(session, 1, "training")) != before


def test_fingerprint_stays_with_heartbeat(session, queue, running):
    before = queries.fingerprint(queries.get_job(session, 1, "training"))
    queue.heartbeat(running, 600)
    session.expire_all()

    assert queries.fingerprint(queries.get_job(session, 1, "training")) == before
