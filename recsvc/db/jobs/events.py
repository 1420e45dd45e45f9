"""Numbered events of jobs; a listener that reconnects misses none.

Events of a job are written one at a time, under the lock of the job's row. Their numbers therefore
increase in the order in which they become visible.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from recsvc.db.session import Session
from recsvc.db.tables import Job, JobEvent


class JobEvents:
    """Events of jobs, through one session; written in the transaction of the change."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add_state(self, job: Job, now: datetime) -> None:
        """Record the current state of the job."""
        self._add(JobEvent(job_id=job.id, name="state", state=job.state, created_at=now))

    def add_done(self, job: Job, now: datetime) -> None:
        """Record the last event of the job."""
        self._add(JobEvent(job_id=job.id, name="done", state=job.state, created_at=now))

    def add_epoch(self, job: Job, epoch: int, now: datetime) -> None:
        """Record an epoch, once even if a resumed job repeats it."""
        recorded = select(JobEvent.id).where(JobEvent.job_id == job.id, JobEvent.epoch == epoch)
        if self._session.scalar(recorded) is None:
            self._add(JobEvent(job_id=job.id, name="epoch", epoch=epoch, created_at=now))

    def add_finding(self, job: Job, finding: Mapping[str, Any], now: datetime) -> None:
        """Record a finding, once for each `code`."""
        recorded = select(JobEvent.finding).where(
            JobEvent.job_id == job.id, JobEvent.name == "finding"
        )
        codes = {one["code"] for one in self._session.scalars(recorded) if one is not None}
        if finding["code"] not in codes:
            event = JobEvent(job_id=job.id, name="finding", finding=dict(finding), created_at=now)
            self._add(event)

    def list_after(self, job_id: int, event_id: int, *, limit: int) -> Sequence[JobEvent]:
        """Return up to `limit` events of the job with ids above `event_id`."""
        later = select(JobEvent).where(JobEvent.job_id == job_id, JobEvent.id > event_id)
        return self._session.scalars(later.order_by(JobEvent.id).limit(limit)).all()

    def last_id(self, job_id: int) -> int:
        """Return the id of the newest event of the job, 0 if there is none."""
        newest = select(func.max(JobEvent.id)).where(JobEvent.job_id == job_id)
        return self._session.scalar(newest) or 0

    def last_at(self, job_id: int) -> datetime | None:
        """Return the time of the newest event of the job, None if there is none."""
        newest = select(func.max(JobEvent.created_at)).where(JobEvent.job_id == job_id)
        return self._session.scalar(newest)

    def _add(self, event: JobEvent) -> None:
        self._session.add(event)
        self._session.flush()
