"""The request counts that API processes exchange, so that rate limits hold for all of them."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from recsvc.db.bulk_copy import is_postgresql
from recsvc.db.session import Session
from recsvc.db.tables import RequestCount


def put_counts(session: Session, process: str, second: int, counts: Mapping[int, int]) -> None:
    """Replace the counts of a process by those of one second, {key id: number of requests}."""
    insert = postgresql.insert if is_postgresql(session) else sqlite.insert
    rows = [
        {"key_id": key_id, "process": process, "second": second, "n_requests": n}
        for key_id, n in counts.items()
    ]
    statement = insert(RequestCount).values(rows)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[RequestCount.key_id, RequestCount.process],
            set_={
                "second": statement.excluded.second,
                "n_requests": statement.excluded.n_requests,
            },
        )
    )


class OtherCount(NamedTuple):
    """The requests of a key that other processes have counted, and the number of processes."""

    n_requests: int
    n_processes: int


def other_counts(session: Session, process: str, *, since: int) -> dict[int, OtherCount]:
    """Return the counts of all other processes by key, of their last seconds from `since` on."""
    counted = (
        select(RequestCount.key_id, func.sum(RequestCount.n_requests), func.count())
        .where(RequestCount.process != process, RequestCount.second >= since)
        .group_by(RequestCount.key_id)
    )
    return {key_id: OtherCount(int(n), size) for key_id, n, size in session.execute(counted)}


def delete_counts(session: Session, *, before: int) -> None:
    """Delete the counts of processes that have counted nothing since a second."""
    session.execute(delete(RequestCount).where(RequestCount.second < before))
