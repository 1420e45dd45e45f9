"""Rows that are kept for a number of days only: which have expired, and their deletion in batches.

Ratings, interactions, users, items and model versions never expire. The job of a model version
does not expire either, because the version's card refers to it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    delete,
    exists,
    false,
    func,
    inspect,
    not_,
    or_,
    select,
    tuple_,
)
from sqlalchemy.orm import aliased

from recsvc.db.session import Session
from recsvc.db.tables import (
    FINAL_STATES,
    AuditEntry,
    Base,
    ImportRefusal,
    Job,
    JobEvent,
    ModelVersion,
    Sweep,
    TrainingEpoch,
    TrainingMonitor,
)

Condition = ColumnElement[bool]


@dataclass(frozen=True)
class RetentionDays:
    """The days for which rows are kept, by kind; 0 is for ever."""

    refusals: int = 90
    events: int = 30
    epochs: int = 365
    jobs: int = 365
    audit: int = 730


class RowKind(StrEnum):
    """The kinds of rows that expire, in the order of their deletion."""

    REFUSED_LINES = "refused_lines"
    JOB_EVENTS = "job_events"
    EPOCHS = "epochs"
    INSPECTIONS = "inspections"
    JOBS = "jobs"
    SWEEPS = "sweeps"
    AUDIT_ENTRIES = "audit_entries"


class ExpiredRows:
    """The rows that have expired at a time.

    now  by the clock of the database
    """

    def __init__(self, days: RetentionDays, *, now: datetime) -> None:
        def cutoff(n_days: int) -> datetime | None:
            return now - timedelta(days=n_days) if n_days else None

        jobs, curves = (
            select_expired_jobs(cutoff(days.jobs)),
            select_expired_curves(cutoff(days.epochs)),
        )
        old_imports = _select_finished_jobs(cutoff(days.refusals))
        old_events = and_(
            JobEvent.name != "done",  # ends the stream of a listener
            JobEvent.job_id.in_(_select_finished_jobs(cutoff(days.events)))
            | JobEvent.job_id.in_(jobs)
            | (JobEvent.epoch.is_not(None) & JobEvent.job_id.in_(curves)),
        )
        self._chosen: dict[RowKind, tuple[type[Base], Condition]] = {
            RowKind.REFUSED_LINES: (
                ImportRefusal,
                ImportRefusal.job_id.in_(old_imports) | ImportRefusal.job_id.in_(jobs),
            ),
            RowKind.JOB_EVENTS: (JobEvent, old_events),
            RowKind.EPOCHS: (
                TrainingEpoch,
                TrainingEpoch.job_id.in_(curves) | TrainingEpoch.job_id.in_(jobs),
            ),
            RowKind.INSPECTIONS: (
                TrainingMonitor,
                TrainingMonitor.job_id.in_(curves) | TrainingMonitor.job_id.in_(jobs),
            ),
            RowKind.JOBS: (Job, Job.id.in_(jobs)),
            RowKind.SWEEPS: (Sweep, _is_expired_sweep(cutoff(days.jobs), jobs)),
            RowKind.AUDIT_ENTRIES: (AuditEntry, _is_before(AuditEntry.at, cutoff(days.audit))),
        }

    def count(self, session: Session, kind: RowKind) -> int:
        """Return the number of expired rows of a kind."""
        table, condition = self._chosen[kind]
        return session.scalar(select(func.count()).select_from(table).where(condition)) or 0

    def delete_batch(self, session: Session, kind: RowKind, *, limit: int) -> int:
        """Delete up to `limit` expired rows of a kind; return the number of deleted rows."""
        table, condition = self._chosen[kind]
        key = inspect(table).primary_key
        chosen = select(*key).where(condition).limit(limit)
        deletion = delete(table).where(tuple_(*key).in_(chosen)).returning(key[0])
        options = {"synchronize_session": False}
        return len(session.scalars(deletion.execution_options(**options)).all())


def select_expired_jobs(cutoff: datetime | None) -> Select[int]:
    """Return the jobs that finished before a time and that nothing refers to.

    A sweep's trials expire together. The job that a change of autopilot is compared with does not
    expire before the job with this change has ended.
    """
    return _select_settled_jobs(cutoff, lambda job: exists().where(ModelVersion.job_id == job.id))


def select_expired_curves(cutoff: datetime | None) -> Select[int]:
    """Return the training jobs that finished before a time and have no version with weights.

    Otherwise as `select_expired_jobs`.
    """
    return _select_settled_jobs(
        cutoff,
        lambda job: exists().where(
            ModelVersion.job_id == job.id, ModelVersion.retired_at.is_(None)
        ),
    )


def _select_settled_jobs(
    cutoff: datetime | None, has_version: Callable[[Any], Condition]
) -> Select[int]:
    if cutoff is None:
        return select(Job.id).where(false())

    successor = aliased(Job)
    compared = successor.spec["retry_of"].as_integer()
    unfinished = successor.state.not_in(FINAL_STATES)
    compared_jobs = select(compared).where(unfinished, compared.is_not(None))

    def is_settled(job: Any) -> Condition:  # noqa: ANN401 - Job, or an alias of it
        is_free = and_(~has_version(job), job.id.not_in(compared_jobs))
        return and_(_is_before(job.finished_at, cutoff), is_free)

    chosen, trial = aliased(Job), aliased(Job)
    unsettled_sweeps = select(trial.sweep_id).where(
        trial.sweep_id.is_not(None), not_(is_settled(trial))
    )
    is_whole = or_(chosen.sweep_id.is_(None), chosen.sweep_id.not_in(unsettled_sweeps))
    return select(chosen.id).where(is_settled(chosen), is_whole)


def _is_expired_sweep(cutoff: datetime | None, jobs: Select[int]) -> Condition:
    """A sweep without a trial that remains."""
    trial = aliased(Job)
    remains = exists().where(trial.sweep_id == Sweep.id, trial.id.not_in(jobs))
    return _is_before(Sweep.created_at, cutoff) & ~remains


def _select_finished_jobs(cutoff: datetime | None) -> Select[int]:
    return select(Job.id).where(_is_before(Job.finished_at, cutoff))


def _is_before(time: Any, cutoff: datetime | None) -> Condition:  # noqa: ANN401 - a nullable column
    """Return false, not null, for a time that is null."""
    return false() if cutoff is None else and_(time.is_not(None), time < cutoff)
