"""Tasks that one of the workers does once a day."""

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from recsvc.db.bulk_copy import is_postgresql
from recsvc.db.database_clock import database_now, from_now
from recsvc.db.session import Session
from recsvc.db.tables import DailyTask

DAY_SECONDS = 24 * 3600


def is_due(session: Session, name: str) -> bool:
    """Return whether no process has claimed the task within a day, without a write."""
    recent = select(DailyTask.name).where(
        DailyTask.name == name, DailyTask.started_at > from_now(-DAY_SECONDS)
    )
    return session.scalar(recent) is None


def claim(session: Session, name: str) -> bool:
    """Claim a task for a day, by the clock of the database; return whether it was due.

    One statement does it, so one process wins.
    """
    insert = postgresql.insert if is_postgresql(session) else sqlite.insert
    started = insert(DailyTask).values(name=name, started_at=database_now())
    claimed = started.on_conflict_do_update(
        index_elements=[DailyTask.name],
        set_={"started_at": database_now()},
        where=DailyTask.started_at <= from_now(-DAY_SECONDS),
    )
    return session.scalar(claimed.returning(DailyTask.name)) is not None
