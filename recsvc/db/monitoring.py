"""What monitoring reads of the database: job counts, leases, import counts and the size."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func, select, text

from recsvc.db.bulk_copy import is_postgresql
from recsvc.db.database_clock import database_now
from recsvc.db.session import Session
from recsvc.db.tables import FINAL_STATES, Job, JobKind, JobState

SQLITE_SIZE = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
POSTGRESQL_SIZE = "SELECT pg_database_size(current_database())"


class ImportNote(NamedTuple):
    """The counts of an import job so far; `is_final` if they do not change any more."""

    job_id: int
    is_final: bool
    counts: dict[str, Any]


def count_jobs(session: Session) -> dict[tuple[str, str], int]:
    """Return the number of jobs of each kind in each state, zeros included."""
    counts = {(kind.value, state.value): 0 for kind in JobKind for state in JobState}
    found = select(Job.kind, Job.state, func.count()).group_by(Job.kind, Job.state)
    return counts | {(kind, state): n for kind, state, n in session.execute(found)}


def oldest_due(session: Session, now: datetime) -> datetime | None:
    """Return the time at which the oldest queued job became due, None if no job is due."""
    due = select(func.min(Job.scheduled_at)).where(
        Job.state == JobState.QUEUED, Job.scheduled_at <= now
    )
    return session.scalar(due)


def oldest_start(session: Session) -> datetime | None:
    """Return the start of the oldest running job, None if none runs."""
    return session.scalar(select(func.min(Job.started_at)).where(Job.state == JobState.RUNNING))


def count_workers(session: Session) -> int:
    """Return the number of workers with an unexpired lease."""
    leased = (Job.state == JobState.RUNNING, Job.lease_expires_at >= database_now())
    return session.scalar(select(func.count(Job.claimed_by.distinct())).where(*leased)) or 0


def list_import_notes(session: Session, after: int) -> Sequence[ImportNote]:
    """Return the counts of the import jobs with ids above `after`, in order."""
    found = (
        select(Job.id, Job.state, Job.progress_note)
        .where(Job.kind == JobKind.IMPORT, Job.id > after)
        .order_by(Job.id)
    )
    rows = session.execute(found)
    return [ImportNote(job_id, state in FINAL_STATES, note or {}) for job_id, state, note in rows]


def database_bytes(session: Session) -> int:
    """Return the size of the database."""
    size = POSTGRESQL_SIZE if is_postgresql(session) else SQLITE_SIZE
    return int(session.execute(text(size)).scalar_one())
