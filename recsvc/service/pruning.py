"""Pruning: delete rows that were kept for as many days as configured.

A worker prunes once a day; whichever is the first, the others then find it done. The shelf has its
own retention, `recsvc.service.retention`.
"""

import threading
from collections import Counter

from recsvc.db import daily_tasks
from recsvc.db.database_clock import read_clock
from recsvc.db.expired_rows import ExpiredRows, RowKind
from recsvc.db.session import pause_for_other_writers, reading, unit_of_work
from recsvc.service.context import Context

TASK = "prune"
BATCH = 1000
BATCHES = {
    RowKind.JOBS: 100,
    RowKind.SWEEPS: 100,
}  # each of their rows is looked up in other tables


def count_expired(context: Context) -> dict[RowKind, int]:
    """Return the number of rows that `prune` would delete, by kind."""
    with reading(context.database) as session:
        expired = ExpiredRows(context.retention, now=read_clock(session))
        return {kind: expired.count(session, kind) for kind in RowKind}


def prune(context: Context, stopping: threading.Event | None = None) -> dict[RowKind, int]:
    """Delete all expired rows, in short transactions; return the numbers by kind.

    stopping  end after the current batch once it is set
    """
    with reading(context.database) as session:
        expired = ExpiredRows(context.retention, now=read_clock(session))
    deleted = Counter(dict.fromkeys(RowKind, 0))
    for kind in RowKind:
        limit = n = BATCHES.get(kind, BATCH)
        while n == limit and not (stopping and stopping.is_set()):
            with unit_of_work(context.database) as session:
                n = expired.delete_batch(session, kind, limit=limit)
            deleted[kind] += n
            pause_for_other_writers(context.database)
    return dict(deleted)


def prune_if_due(context: Context, stopping: threading.Event) -> dict[RowKind, int] | None:
    """Prune unless a process has begun to within a day; return None then."""
    with reading(context.database) as session:
        if not daily_tasks.is_due(session, TASK):
            return None
    with unit_of_work(context.database) as session:
        if not daily_tasks.claim(session, TASK):
            return None
    return prune(context, stopping)
