"""The activity of workers, as their jobs show it."""

from typing import NamedTuple

from sqlalchemy import and_, func, select, type_coerce

from recsvc.db.database_clock import database_now
from recsvc.db.session import Session
from recsvc.db.tables import Job, JobState, UtcTime


class QueueActivity(NamedTuple):
    """Jobs by state, and how long the first one that is due has waited.

    n_running  with a lease of a worker that sends heartbeats
    n_expired  with a lease that has expired
    n_queued   that are due
    n_workers  that have such a lease
    """

    n_running: int
    n_expired: int
    n_queued: int
    longest_wait_seconds: float
    n_workers: int


def read_activity(session: Session) -> QueueActivity:
    """Return the activity of the queue, by the clock of the database."""
    now = type_coerce(database_now(), UtcTime())
    running = Job.state == JobState.RUNNING
    due = and_(Job.state == JobState.QUEUED, Job.scheduled_at <= now)
    counts = select(
        func.count().filter(running, Job.lease_expires_at > now),
        func.count().filter(running, Job.lease_expires_at <= now),
        func.count().filter(due),
        func.min(Job.scheduled_at).filter(due),
        func.count(Job.claimed_by.distinct()).filter(running, Job.lease_expires_at > now),
        now,
    )
    n_running, n_expired, n_queued, first, n_workers, moment = session.execute(counts).one()
    waited = (moment - first).total_seconds() if first is not None else 0.0
    return QueueActivity(n_running, n_expired, n_queued, waited, n_workers)
