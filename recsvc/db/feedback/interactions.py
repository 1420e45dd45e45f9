"""Interactions: views, carts and purchases.

The identity of an event is its user, item, type and time, so a repeated event counts once. The
last received quantity is kept.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import func, select

from recsvc.db.arrays import Doubles, Ints, Types
from recsvc.db.feedback import interaction_bulk
from recsvc.db.feedback.interaction_bulk import Events
from recsvc.db.feedback.rating_merge import WriteCounts
from recsvc.db.session import Session
from recsvc.db.surrogate_keys import ensure_item_keys, ensure_keys_by_row, ensure_user_keys
from recsvc.db.tables import Interaction


@dataclass(frozen=True)
class InteractionBatch:
    """Interactions in the order received.

    users, items      ids
    user_of, item_of  (n,) index of each interaction's user and item
    types             (n,) index of its type in InteractionType
    quantities        (n,) above 0, finite
    occurred_at       (n,) microseconds since 1970
    """

    users: Sequence[str]
    user_of: Ints
    items: Sequence[str]
    item_of: Ints
    types: Types
    quantities: Doubles
    occurred_at: Ints


def write(session: Session, batch: InteractionBatch, *, now: datetime) -> WriteCounts:
    """Store interactions in order, and insert new users and items.

    A repeated event counts as `changed` if its quantity differs. None is ever `outdated`.
    """
    if not batch.types.size:
        return WriteCounts()
    events = _sort_by_event(
        Events(
            ensure_keys_by_row(ensure_user_keys, session, batch.users, batch.user_of, now),
            ensure_keys_by_row(ensure_item_keys, session, batch.items, batch.item_of, now),
            batch.types.astype(np.int64),
            batch.occurred_at,
            batch.quantities,
        )
    )
    starts = _event_starts(events)
    n_events, n_again = starts.size, batch.types.size - starts.size
    first = events.at(starts)
    added = interaction_bulk.insert(session, first, now)
    changed = interaction_bulk.upsert(session, first, now) if added < n_events else 0
    if n_again:
        last = events.at(np.append(starts[1:], batch.types.size) - 1)
        interaction_bulk.upsert(session, last.at(last.quantity != first.quantity), now)
    changed_again = _count_changes(events.quantity, starts)
    unchanged = n_events - added - changed + n_again - changed_again
    return WriteCounts(added=added, changed=changed + changed_again, unchanged=unchanged)


def count_interactions(session: Session) -> int:
    """Count all interactions."""
    return session.scalar(select(func.count()).select_from(Interaction)) or 0


def all_interactions(session: Session) -> Iterator[tuple[Ints, Ints, Types, Ints]]:
    """Yield (user keys, item keys, types, counts), each user, item and type once.

    The rows are sorted by user, then item. A type is its index in InteractionType; the count is
    the number of such events. One block is in memory at a time.
    """
    for block in interaction_bulk.iter_rows(session):
        yield (
            block["user_key"].astype(np.int64),
            block["item_key"].astype(np.int64),
            block["type"].astype(np.uint8),
            block["n"].astype(np.int64),
        )


def _sort_by_event(events: Events) -> Events:
    """Sort by event; rows of one event keep the order received."""
    keys = (events.occurred_at, events.type, events.item_key, events.user_key)
    return events.at(np.lexsort(keys))


def _event_starts(events: Events) -> Ints:
    """Return the places of the first row of each event."""
    is_first = np.zeros(events.type.size, dtype=np.bool_)
    is_first[0] = True
    for column in (events.user_key, events.item_key, events.type, events.occurred_at):
        is_first[1:] |= np.diff(column) != 0
    return np.flatnonzero(is_first)


def _count_changes(quantity: Doubles, starts: Ints) -> int:
    """Count the repetitions whose quantity differs from the previous row."""
    differs = np.append(True, np.diff(quantity) != 0)
    differs[starts] = False
    return int(differs.sum())
