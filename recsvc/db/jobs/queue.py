"""The job queue: one row a job; state changes use one statement or the lock of the row.

docs/explanation/jobs.md has the diagram of states. Each change and its event in `job_event` are
written in the same transaction.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, ScalarSelect, and_, case, func, literal, or_, select, update

from recsvc.db.database_clock import database_now, from_now
from recsvc.db.jobs.events import JobEvents
from recsvc.db.session import Session
from recsvc.db.tables import FINAL_STATES, ApiKey, Job, JobKind, JobState, TrainingEpoch, UtcTime
from recsvc.errors import (
    AttemptsExhausted,
    JobFinished,
    JobNotFound,
    JobQuotaReached,
    LeaseLost,
    QueueFull,
)

T = TypeVar("T")

FIRST_PAUSE_SECONDS = 1.0  # before the next attempt after a fault of the machine
MAX_PAUSE_SECONDS = 300.0
MAX_FAULTS = 20  # counted; the pause no longer grows
LEASE_EXPIRED = "the worker sent no heartbeat and the lease expired"


@dataclass(frozen=True)
class Lease:
    """A worker's permission to write to a job, until another claim increments the fence."""

    job_id: int
    worker: str
    fence: int


def job_lease(job: Job) -> Lease:
    """Return the lease of a running job."""
    if job.claimed_by is None:
        raise ValueError(f"job {job.id} is {job.state}: it has no lease")
    return Lease(job.id, job.claimed_by, job.fence)


@dataclass(frozen=True)
class Requester:
    """Who requests jobs, and how many jobs there may be.

    key_prefix   of the API key; None without a key, and then `key_limit` does not apply
    queue_limit  queued jobs of all requesters; None: no limit
    key_limit    queued and running jobs of the key; None: no limit
    """

    key_prefix: str | None = None
    queue_limit: int | None = None
    key_limit: int | None = None


ANYONE = Requester()


class JobQueue:
    """Jobs, through one session. The lease fences every write of a running job."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._events = JobEvents(session)

    def enqueue(
        self,
        kind: str,
        *,
        spec: Mapping[str, Any],
        now: datetime,
        priority: int = 100,
        sweep_id: int | None = None,
        key_prefix: str | None = None,
    ) -> Job:
        """Add a job, optionally to a sweep; the smallest priority is claimed first.

        key_prefix  of the API key that requested it
        """
        job = Job(
            kind=JobKind(kind),
            state=JobState.QUEUED,
            spec=dict(spec),
            priority=priority,
            created_at=now,
            scheduled_at=database_now(),  # all workers compare it with that clock
            sweep_id=sweep_id,
            key_prefix=key_prefix,
        )
        self._session.add(job)
        self._session.flush()
        self._session.refresh(job)
        self._events.add_state(job, now)
        return job

    def admit(self, requester: Requester) -> None:
        """Check the room for a job that this transaction adds. Raises QueueFull, JobQuotaReached.

        Requests of one key are counted one after the other; SQLite has a single writer anyway.
        """
        if requester.key_prefix is not None and requester.key_limit is not None:
            key = select(ApiKey.id).where(ApiKey.prefix == requester.key_prefix)
            self._session.execute(key.with_for_update(key_share=True))
        self.check_room(requester)

    def check_room(self, requester: Requester) -> None:
        """Raise QueueFull or JobQuotaReached if the requester may not add a job or a sweep.

        The trials of a sweep count as one.
        """
        if requester.queue_limit is not None:
            n_queued = self._count_jobs(Job.state == JobState.QUEUED)
            if n_queued >= requester.queue_limit:
                raise QueueFull(n_queued, requester.queue_limit)
        prefix, limit = requester.key_prefix, requester.key_limit
        if prefix is not None and limit is not None:
            unfinished = Job.state.in_((JobState.QUEUED, JobState.RUNNING))
            n_unfinished = self._count_jobs(unfinished & (Job.key_prefix == prefix))
            if n_unfinished >= limit:
                raise JobQuotaReached(prefix, n_unfinished, limit)

    def _count_jobs(self, condition: ColumnElement[bool]) -> int:
        is_alone = case((Job.sweep_id.is_(None), 1), else_=0)
        counts = select(func.coalesce(func.sum(is_alone), 0) + func.count(Job.sweep_id.distinct()))
        return self._session.scalar(counts.where(condition)) or 0

    def claim(
        self,
        *,
        worker: str,
        now: datetime,
        lease_seconds: float,
        max_attempts: int,
        kinds: Collection[JobKind] = tuple(JobKind),
    ) -> Job | None:
        """Claim the next job that is due or whose lease has expired; return None if there is none.

        kinds  the kinds of jobs that the worker takes

        Two workers never claim the same job: PostgreSQL skips locked rows, and SQLite has a single
        writer.
        """
        self._finish_unretryable(now, max_attempts)
        claim = (
            update(Job)
            .where(Job.id == _next_due(kinds, max_attempts))
            .values(
                state=JobState.RUNNING,
                claimed_by=worker,
                fence=Job.fence + 1,
                attempt=Job.attempt + 1,
                started_at=func.coalesce(Job.started_at, literal(now, UtcTime())),
                lease_expires_at=from_now(lease_seconds),
            )
            .returning(Job)
            .execution_options(synchronize_session=False, populate_existing=True)
        )
        job = self._session.scalars(claim).one_or_none()
        if job is not None:
            self._events.add_state(job, now)
        return job

    def heartbeat(self, lease: Lease, lease_seconds: float) -> bool:
        """Extend the lease; return whether cancellation was requested. Raises LeaseLost."""
        beat = (
            update(Job)
            .where(*_lease_matches(lease))
            .values(lease_expires_at=from_now(lease_seconds))
            .returning(Job.cancel_requested)
            .execution_options(synchronize_session=False)
        )
        return self._require_lease(lease, self._session.scalars(beat).one_or_none())

    def cancel_requested(self, lease: Lease) -> bool:
        """Return whether cancellation was requested, without a write. Raises LeaseLost."""
        requested = select(Job.cancel_requested).where(*_lease_matches(lease))
        return self._require_lease(lease, self._session.scalar(requested))

    def update_progress(
        self, lease: Lease, share: float, note: Mapping[str, Any] | None = None
    ) -> None:
        """Store the progress of the job, 0 to 1, with an optional note of its kind."""
        job = self._lock_job(lease)
        job.progress = min(max(share, 0.0), 1.0)
        if note is not None:
            job.progress_note = dict(note)

    def record_snapshot(self, lease: Lease, sha256: str) -> None:
        """Store the snapshot of the job; all attempts use the same one."""
        self._lock_job(lease).snapshot_sha256 = sha256

    def record_checkpoint(self, lease: Lease, sha256: str) -> None:
        """Store the checkpoint to resume from, and reset the count of attempts."""
        job = self._lock_job(lease)
        job.checkpoint_sha256 = sha256
        job.attempt, job.faults = 1, 0

    def record_judged_model(self, lease: Lease, sha256: str) -> None:
        """Store the model of the train ratings, and clear the checkpoint for the second fit."""
        job = self._lock_job(lease)
        job.judged_sha256, job.checkpoint_sha256 = sha256, None
        job.attempt = 1

    def add_epoch(self, lease: Lease, metrics: Mapping[str, Any], *, now: datetime) -> None:
        """Add a point to the error curve, or replace it after a resume; record its event once.

        `metrics` has `epoch` and the other columns of TrainingEpoch.
        """
        job = self._lock_job(lease)
        self._session.merge(TrainingEpoch(job_id=job.id, **metrics))
        self._events.add_epoch(job, metrics["epoch"], now)

    def add_finding(self, lease: Lease, finding: Mapping[str, Any], *, now: datetime) -> None:
        """Record a finding of the running job; `finding` has its `code`."""
        self._events.add_finding(self._lock_job(lease), finding, now)

    def finish(
        self,
        lease: Lease,
        state: JobState,
        *,
        now: datetime,
        result: Mapping[str, Any] | None = None,
        error: Mapping[str, Any] | None = None,
    ) -> Job:
        """Finish a running job in a final state."""
        return self._finish(self._lock_job(lease), state, now, result=result, error=error)

    def return_to_queue(self, lease: Lease, *, now: datetime) -> Job:
        """Return a running job to the queue without counting the attempt: its worker stops."""
        job = self._lock_job(lease)
        job.attempt -= 1
        return self._requeue(job, now)

    def postpone(self, lease: Lease, *, now: datetime) -> Job:
        """Return a running job to the queue after a fault of the machine; the attempt is free.

        Each fault in a row doubles the pause before the next attempt, up to MAX_PAUSE_SECONDS.
        """
        job = self._lock_job(lease)
        job.attempt -= 1
        pause = min(FIRST_PAUSE_SECONDS * 2**job.faults, MAX_PAUSE_SECONDS)
        job.faults = min(job.faults + 1, MAX_FAULTS)
        job = self._requeue(job, now)
        job.scheduled_at = from_now(pause)  # type: ignore[assignment] # computed by the database
        return job

    def fail_attempt(self, lease: Lease, *, now: datetime, last: str, max_attempts: int) -> Job:
        """Return a running job to the queue after a failed attempt, or fail it after the last one.

        last  how the attempt ended
        """
        job = self._lock_job(lease)
        if job.attempt >= max_attempts and not job.cancel_requested:
            return self._fail_exhausted(job, now, last)
        return self._requeue(job, now)

    def request_cancel(self, job_id: int, kind: str, *, now: datetime) -> Job:
        """Cancel a queued job, or request the cancellation of a running one. Idempotent."""
        self.get(job_id, kind)
        job = self._session.get_one(Job, job_id, with_for_update=True, populate_existing=True)
        if job.state in FINAL_STATES:
            raise JobFinished(job_id, job.state)
        if job.state == JobState.QUEUED:
            return self._finish(job, JobState.CANCELLED, now)
        job.cancel_requested = True
        return job

    def cancel_queued(self, kind: str, *, now: datetime) -> Sequence[int]:
        """Cancel all queued jobs of a kind and return their numbers."""
        queued = (
            select(Job)
            .where(Job.kind == kind, Job.state == JobState.QUEUED)
            .order_by(Job.id)
            .with_for_update(skip_locked=True)
        )
        jobs = self._session.scalars(queued.execution_options(populate_existing=True)).all()
        return [self._finish(job, JobState.CANCELLED, now).id for job in jobs]

    def get(self, job_id: int, kind: str) -> Job:
        """Return a job of a kind. Raises JobNotFound."""
        job = self._session.scalar(select(Job).where(Job.id == job_id, Job.kind == kind))
        if job is None:
            raise JobNotFound(job_id, kind)
        return job

    def page(self, kind: str, *, before: int | None, limit: int) -> Sequence[Job]:
        """Return up to `limit` jobs of a kind, newest first, with ids below `before`."""
        jobs = select(Job).where(Job.kind == kind).order_by(Job.id.desc()).limit(limit)
        if before is not None:
            jobs = jobs.where(Job.id < before)
        return self._session.scalars(jobs).all()

    def error_curve(self, job_id: int, *, first: int = 0) -> Sequence[TrainingEpoch]:
        """Return the stored epochs of a training job in order, starting at `first`."""
        curve = select(TrainingEpoch).where(
            TrainingEpoch.job_id == job_id, TrainingEpoch.epoch >= first
        )
        return self._session.scalars(curve.order_by(TrainingEpoch.epoch)).all()

    def _lock_job(self, lease: Lease) -> Job:
        leased = select(Job).where(*_lease_matches(lease)).with_for_update()
        job = self._session.scalar(leased.execution_options(populate_existing=True))
        return self._require_lease(lease, job)

    @staticmethod
    def _require_lease(lease: Lease, found: T | None) -> T:
        if found is None:
            raise LeaseLost(lease.job_id)
        return found

    def _finish_unretryable(self, now: datetime, max_attempts: int) -> None:
        """Finish jobs with an expired lease that are cancelled or out of attempts."""
        unretryable = or_(Job.cancel_requested.is_(True), Job.attempt >= max_attempts)
        expired = (
            select(Job).where(_lease_has_expired(), unretryable).with_for_update(skip_locked=True)
        )
        for job in self._session.scalars(expired.execution_options(populate_existing=True)):
            if job.cancel_requested:
                self._finish(job, JobState.CANCELLED, now)
            else:
                self._fail_exhausted(job, now, LEASE_EXPIRED)

    def _fail_exhausted(self, job: Job, now: datetime, last: str) -> Job:
        error = AttemptsExhausted(job.id, job.attempt, last)
        return self._finish(job, JobState.FAILED, now, error=error.as_dict())

    def _requeue(self, job: Job, now: datetime) -> Job:
        if job.cancel_requested:
            return self._finish(job, JobState.CANCELLED, now)
        return self._move(job, JobState.QUEUED, now)

    def _finish(
        self,
        job: Job,
        state: JobState,
        now: datetime,
        *,
        result: Mapping[str, Any] | None = None,
        error: Mapping[str, Any] | None = None,
    ) -> Job:
        if state not in FINAL_STATES:
            raise ValueError(f"{state} is not a final state")
        job.finished_at = now
        job.result = None if result is None else dict(result)
        job.error = None if error is None else dict(error)
        if state == JobState.SUCCEEDED:
            job.progress = 1.0
        self._move(job, state, now)
        self._events.add_done(job, now)
        return job

    def _move(self, job: Job, state: JobState, now: datetime) -> Job:
        job.state = state
        job.claimed_by = job.lease_expires_at = None
        self._events.add_state(job, now)
        return job


def _next_due(kinds: Collection[JobKind], max_attempts: int) -> ScalarSelect[int]:
    is_due = and_(Job.state == JobState.QUEUED, Job.scheduled_at <= database_now())
    is_orphan = and_(
        _lease_has_expired(), Job.cancel_requested.is_(False), Job.attempt < max_attempts
    )
    return (
        select(Job.id)
        .where(or_(is_due, is_orphan), Job.kind.in_(kinds))
        .order_by(Job.priority, Job.scheduled_at, Job.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )


def _lease_matches(lease: Lease) -> tuple[ColumnElement[bool], ...]:
    return (
        Job.id == lease.job_id,
        Job.claimed_by == lease.worker,
        Job.fence == lease.fence,
        Job.state == JobState.RUNNING,
    )


def _lease_has_expired() -> ColumnElement[bool]:
    return and_(Job.state == JobState.RUNNING, Job.lease_expires_at < database_now())
