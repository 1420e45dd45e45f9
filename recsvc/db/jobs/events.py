"""What happened to a job, numbered, so that a listener who comes back misses nothing.

A job's events are written by whoever holds the job's row, one at a time: their numbers rise in
the order in which they become visible.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from recsvc.db.session import Session
from recsvc.db.tables import Job, JobEvent


class JobEvents:
    """Events of jobs, through one session; written within the change that they tell."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add_state(self, job: Job, now: datetime) -> None:
        """Tell that the job came into its present state."""
        self._add(JobEvent(job_id=job.id, name="state", state=job.state, created_at=now))

    def add_done(self, job: Job, now: datetime) -> None:
        """Tell that nothing more will be told."""
        self._add(JobEvent(job_id=job.id, name="done", state=job.state, created_at=now))

    def add_epoch(self, job: Job, epoch: int, now: datetime) -> None:
        """Tell an epoch once, though a resumed job goes through it again."""
        told = select(JobEvent.id).where(JobEvent.job_id == job.id, JobEvent.epoch == epoch)
        if self._session.scalar(told) is None:
            self._add(JobEvent(job_id=job.id, name="epoch", epoch=epoch, created_at=now))

    def add_finding(self, job: Job, finding: Mapping[str, Any], now: datetime) -> None:
        """Tell a finding; one of its `code` is told once."""
        told = select(JobEvent.finding).where(JobEvent.job_id == job.id, JobEvent.name == "finding")
        codes = {one["code"] for one in self._session.scalars(told) if one is not None}
        if finding["code"] not in codes:
            event = JobEvent(job_id=job.id, name="finding", finding=dict(finding), created_at=now)
            self._add(event)

    def list_after(self, job_id: int, event_id: int, *, limit: int) -> Sequence[JobEvent]:
        """Give up to `limit` events of the job that came after the one with that id."""
        later = select(JobEvent).where(JobEvent.job_id == job_id, JobEvent.id > event_id)
        return self._session.scalars(later.order_by(JobEvent.id).limit(limit)).all()

    def last_id(self, job_id: int) -> int:
        """Give the id of the job's newest event, 0 where there is none."""
        newest = select(func.max(JobEvent.id)).where(JobEvent.job_id == job_id)
        return self._session.scalar(newest) or 0

    def last_at(self, job_id: int) -> datetime | None:
        """Give when the job's newest event was written, None where there is none."""
        newest = select(func.max(JobEvent.created_at)).where(JobEvent.job_id == job_id)
        return self._session.scalar(newest)

    def _add(self, event: JobEvent) -> None:
        self._session.add(event)
        self._session.flush()
