"""The audit log: who changed what through the API, in the transaction of the change."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from recsvc.db.access import audit
from recsvc.db.session import Session
from recsvc.db.tables import AuditEntry


class Change(NamedTuple):
    """A request that changes something.

    key_prefix  None on a service without keys
    operation   operationId of the API
    """

    key_prefix: str | None
    operation: str
    path: str
    request_id: str


def record(session: Session, change: Change, *, now: datetime) -> None:
    """Add a change to the log."""
    audit.add_entry(
        session,
        AuditEntry(
            at=now,
            key_prefix=change.key_prefix,
            operation=change.operation,
            path=change.path,
            request_id=change.request_id,
        ),
    )


def list_entries(session: Session, *, before: int | None, limit: int) -> Sequence[AuditEntry]:
    """Return up to `limit` entries, newest first, before an entry's number."""
    return audit.entries_page(session, before=before, limit=limit)
