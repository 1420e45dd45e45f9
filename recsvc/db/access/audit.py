"""The audit log: changes made through the API."""

from collections.abc import Sequence

from sqlalchemy import select

from recsvc.db.session import Session
from recsvc.db.tables import AuditEntry


def add_entry(session: Session, entry: AuditEntry) -> None:
    """Store an entry."""
    session.add(entry)
    session.flush()


def entries_page(session: Session, *, before: int | None, limit: int) -> Sequence[AuditEntry]:
    """Return up to `limit` entries, newest first, before an entry's id."""
    chosen = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if before is not None:
        chosen = chosen.where(AuditEntry.id < before)
    return session.scalars(chosen).all()
