import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from recsvc.db.database_clock import from_now
from recsvc.db.expired_rows import RetentionDays, RowKind
from recsvc.db.imports import refusals
from recsvc.db.imports.refusals import RefusedLine
from recsvc.db.jobs.queue import JobQueue, job_lease
from recsvc.db.session import Database, Session, reading, unit_of_work
from recsvc.db.tables import (
    AuditEntry,
    DailyTask,
    ImportRefusal,
    Job,
    JobEvent,
    JobState,
    ModelVersion,
    Sweep,
    TrainingEpoch,
    TrainingMonitor,
)
from recsvc.errors import JobNotFound, SweepNotFound
from recsvc.service import pruning
from recsvc.service.context import Context
from recsvc.service.jobs import queries, reported_jobs
from recsvc.service.recommendations.model_server import ModelServer
from recsvc.service.tuning import sweep_status
from recsvc.worker.daily_pruning import DailyPruning
from tests.conftest import eventually
from tests.factories.tiny_jobs import FIGURES
from tests.service.test_retention import version_of

NOW = datetime.now(UTC)
TABLES = (ImportRefusal, JobEvent, TrainingEpoch, TrainingMonitor, Job, Sweep, AuditEntry)
SPEC = {"model_kind": "joint_rbm", "hyperparameters": {}, "retry_of": None}


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


@pytest.fixture
def context(database, shelf) -> Context:
    return Context(
        database=database,
        shelf=shelf,
        rating_scale=None,
        training_threads=1,
        memory_limit_bytes=None,
        checkpoint_seconds=10,
        shelf_keep=2,
        retention=RetentionDays(refusals=10, events=20, epochs=30, jobs=40, audit=50),
    )


@pytest.fixture
def add(database) -> Callable[..., int]:
    """Add a job with two epochs, an inspection and two refused lines; None: it still runs."""

    def add_job(finished_at: datetime | None, *, kind="training", version=None, **columns) -> int:
        at = finished_at or NOW
        spec = columns.pop("spec", SPEC)
        with unit_of_work(database) as session:
            queue = JobQueue(session)
            queue.enqueue(kind, spec=spec, now=at, **columns)
            lease = job_lease(queue.claim(worker="w", now=at, lease_seconds=60, max_attempts=3))
            for epoch in (1, 2):
                queue.add_epoch(lease, {"epoch": epoch, **FIGURES}, now=at)
            session.add(monitor(lease.job_id))
            lines = [RefusedLine(line, "bad-value", "x") for line in (1, 2)]
            refusals.add(session, lease.job_id, lines)
            if finished_at is not None:
                queue.finish(lease, JobState.SUCCEEDED, now=at, result={})
            if version is not None:
                retired_at = at if version == "retired" else None
                session.add(version_of(lease.job_id, retired_at=retired_at, created_at=at))
            return lease.job_id

    return add_job


def monitor(job_id: int) -> TrainingMonitor:
    return TrainingMonitor(
        job_id=job_id, epoch=1, n_cases=1, n_units=1, activity=b"a", weights={}, updates={}
    )


def jobs_with(database: Database, table: type) -> set[int]:
    """The jobs that have rows in a table."""
    with reading(database) as session:
        return set(session.scalars(select(table.job_id)))


def jobs_left(database: Database) -> set[int]:
    with reading(database) as session:
        return set(session.scalars(select(Job.id)))


def count_rows(session: Session) -> dict[str, int]:
    return {t.__name__: session.scalar(select(func.count()).select_from(t)) for t in TABLES}


def test_prune_deletes_each_kind_after_its_own_days(context, database, add):
    jobs = {days: add(ago(days)) for days in (9, 11, 21, 31, 41)}
    running = add(None)

    deleted = pruning.prune(context)

    def kept(*days: int) -> set[int]:
        return {running, *(jobs[one] for one in days)}

    assert jobs_with(database, ImportRefusal) == kept(9)
    assert jobs_with(database, TrainingEpoch) == kept(9, 11, 21)
    assert jobs_with(database, TrainingMonitor) == kept(9, 11, 21)
    assert jobs_left(database) == kept(9, 11, 21, 31)
    assert deleted == {
        RowKind.REFUSED_LINES: 8,
        RowKind.JOB_EVENTS: 3 * 5,  # queued, running, two epochs, succeeded; not done
        RowKind.EPOCHS: 4,
        RowKind.INSPECTIONS: 2,
        RowKind.JOBS: 1,
        RowKind.SWEEPS: 0,
        RowKind.AUDIT_ENTRIES: 0,
    }


def test_prune_deletes_old_audit_entries(context, database):
    with unit_of_work(database) as session:
        for days in (49, 51):
            entry = {"operation": str(days), "path": "/", "request_id": ""}
            session.add(AuditEntry(at=ago(days), **entry))

    assert pruning.prune(context)[RowKind.AUDIT_ENTRIES] == 1
    with reading(database) as session:
        assert session.scalars(select(AuditEntry.operation)).all() == ["49"]


def test_prune_keeps_the_done_event_so_that_streams_of_old_jobs_end(context, database, add):
    job_id = add(ago(21))

    pruning.prune(context)

    with reading(database) as session:
        events = queries.events_after(session, job_id)
    assert [event.name for event in events] == ["done"]


def test_read_events_omits_epochs_that_have_been_pruned(context, database, add):
    """Another process may prune the epochs a moment before their events."""
    job_id = add(ago(1))
    with unit_of_work(database) as session:
        session.delete(session.get_one(TrainingEpoch, (job_id, 1)))

    with reading(database) as session:
        events = reported_jobs.read_events(session, ModelServer(context), job_id, 0)
    assert [event.epoch.epoch for event in events if event.epoch] == [2]


def test_prune_keeps_what_model_versions_refer_to(context, database, add):
    kept, retired = add(ago(99), version="kept"), add(ago(99), version="retired")

    pruning.prune(context)

    assert jobs_left(database) == {kept, retired}  # the cards name them
    assert jobs_with(database, TrainingEpoch) == {kept}
    with reading(database) as session:
        assert session.scalar(select(func.count()).select_from(ModelVersion)) == 2


def test_prune_answers_not_found_for_deleted_jobs_and_sweeps(context, database, add):
    sweep_id = add_sweep(database)
    jobs = [add(ago(99), sweep_id=sweep_id), add(ago(98), sweep_id=sweep_id)]

    deleted = pruning.prune(context)

    assert (deleted[RowKind.JOBS], deleted[RowKind.SWEEPS]) == (2, 1)
    with reading(database) as session:
        with pytest.raises(JobNotFound):
            queries.get_job(session, jobs[0], "training")
        with pytest.raises(SweepNotFound):
            sweep_status.get_sweep(session, sweep_id)


@pytest.mark.parametrize("other", ["running", "recent", "published"])
def test_prune_keeps_trials_of_a_sweep_together(context, database, add, other):
    sweep_id = add_sweep(database)
    others = {
        "running": lambda: add(None, sweep_id=sweep_id),
        "recent": lambda: add(ago(1), sweep_id=sweep_id),
        "published": lambda: add(ago(99), sweep_id=sweep_id, version="kept"),
    }
    trials = {add(ago(99), sweep_id=sweep_id), others[other]()}

    deleted = pruning.prune(context)

    assert jobs_left(database) == jobs_with(database, TrainingEpoch) == trials
    assert deleted[RowKind.SWEEPS] == 0


def add_sweep(database: Database) -> int:
    with unit_of_work(database) as session:
        sweep = Sweep(kind="grid", spec={"over": []}, created_at=ago(99))
        session.add(sweep)
        session.flush()
        return sweep.id


def test_prune_keeps_the_job_that_a_running_try_of_autopilot_is_compared_with(
    context, database, add
):
    compared, other = add(ago(99)), add(ago(99))
    running = add(None, spec=SPEC | {"retry_of": compared})

    pruning.prune(context)

    assert jobs_left(database) == {compared, running}
    assert other not in jobs_with(database, TrainingEpoch)
    assert compared in jobs_with(database, TrainingEpoch)


def test_prune_deletes_nothing_that_is_kept_for_ever(context, database, add):
    add(ago(30_000))
    context = replace(context, retention=RetentionDays(0, 0, 0, 0, 0))

    assert set(pruning.prune(context).values()) == {0}


def test_count_expired_equals_what_prune_deletes_and_changes_nothing(context, database, add):
    sweep_id = add_sweep(database)
    for days in (9, 11, 21, 31, 41, 42):
        add(ago(days), sweep_id=sweep_id if days > 40 else None)
    with reading(database) as session:
        before = count_rows(session)

    counted = pruning.count_expired(context)

    with reading(database) as session:
        assert count_rows(session) == before
    assert counted == pruning.prune(context)
    assert counted[RowKind.SWEEPS] == 1


def test_prune_works_in_batches_until_nothing_is_left(context, database, add, monkeypatch):
    for _ in range(3):
        add(ago(41))
    monkeypatch.setattr(pruning, "BATCH", 2)
    monkeypatch.setattr(pruning, "BATCHES", {})

    deleted = pruning.prune(context)

    assert (deleted[RowKind.REFUSED_LINES], deleted[RowKind.JOBS]) == (6, 3)
    assert set(pruning.count_expired(context).values()) == {0}


def test_prune_stops_when_the_worker_does(context, add):
    add(ago(41))
    stopping = threading.Event()
    stopping.set()

    assert set(pruning.prune(context, stopping).values()) == {0}


def test_prune_if_due_prunes_once_a_day_whichever_worker_is_first(context, database, add):
    add(ago(41))

    def prune_if_due(_: int) -> int | None:
        deleted = pruning.prune_if_due(context, threading.Event())
        return deleted and deleted[RowKind.JOBS]

    with ThreadPoolExecutor(4) as workers:
        found = list(workers.map(prune_if_due, range(4)))
    assert sorted(found, key=str) == [1, None, None, None]

    with unit_of_work(database) as session:  # a day and a minute pass
        session.execute(update(DailyTask).values(started_at=from_now(-86_460)))
    assert prune_if_due(0) == 0


def test_daily_pruning_ends_with_the_worker(context, database, add):
    add(ago(41))
    stopping = threading.Event()
    pruning_thread = DailyPruning(context, stopping)
    pruning_thread.start()
    eventually(lambda: not jobs_left(database))
    stopping.set()
    pruning_thread.join()
