"""Interactions in bulk.

PostgreSQL's COPY takes half as long as INSERT … ON CONFLICT. A large batch is therefore first
copied as if all events were new. On SQLite both take equally long.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import CursorResult, text
from sqlalchemy.exc import IntegrityError

from recsvc.db import bulk_copy
from recsvc.db.arrays import Doubles, Ints
from recsvc.db.bulk_copy import is_postgresql
from recsvc.db.session import Session
from recsvc.db.tables import InteractionType, microseconds

TYPE_NAMES = np.array([name.value for name in InteractionType])
TYPE_NUMBER = (
    "CAST(CASE type "
    + " ".join(f"WHEN '{name}' THEN {number}" for number, name in enumerate(InteractionType))
    + " END AS smallint)"
)
MIN_ROWS_FOR_COPY = 1000  # events

ROW = np.dtype([("user_key", "i8"), ("item_key", "i8"), ("type", "i2"), ("n", "i8")])

SELECT_INTERACTIONS = (
    f"SELECT user_key, item_key, {TYPE_NUMBER}, count(*) FROM interaction "
    "GROUP BY user_key, item_key, type ORDER BY user_key, item_key"
)
COLUMNS = "user_key, item_key, type, occurred_at, quantity, updated_at"
COPY = f"COPY interaction ({COLUMNS}) FROM STDIN (FORMAT binary)"
INSERT = f"INSERT INTO interaction ({COLUMNS})"
ROWS_POSTGRESQL = (
    "SELECT *, :now FROM unnest(CAST(:user_key AS bigint[]), CAST(:item_key AS bigint[]), "
    "CAST(:type AS text[]), CAST(:occurred_at AS bigint[]), "
    "CAST(:quantity AS double precision[]))"
)
ROWS_SQLITE = "VALUES (?, ?, ?, ?, ?, ?)"
KEEP_STORED = "ON CONFLICT DO NOTHING"
REPLACE_QUANTITY = (
    "ON CONFLICT (user_key, item_key, type, occurred_at) DO UPDATE SET "
    "quantity = excluded.quantity, updated_at = excluded.updated_at "
    "WHERE interaction.quantity <> excluded.quantity"
)


class Events(NamedTuple):
    """Interactions by key, (n,) each; a type is its index in InteractionType."""

    user_key: Ints
    item_key: Ints
    type: Ints
    occurred_at: Ints
    quantity: Doubles

    def at(self, places: Ints | NDArray[np.bool_]) -> "Events":
        """Return the events at some places."""
        return Events(
            self.user_key[places],
            self.item_key[places],
            self.type[places],
            self.occurred_at[places],
            self.quantity[places],
        )


def insert(session: Session, events: Events, now: datetime) -> int:
    """Insert the new ones of sorted, distinct events; return their number."""
    if is_postgresql(session) and events.type.size >= MIN_ROWS_FOR_COPY:
        try:
            with session.begin_nested():
                _copy_in(session, events, now)
        except IntegrityError:
            return _write(session, events, KEEP_STORED, now)
        return events.type.size
    return _write(session, events, KEEP_STORED, now)


def upsert(session: Session, events: Events, now: datetime) -> int:
    """Write those of sorted, distinct events that are new or differ in quantity; count them.

    All writers use one order of events, which prevents deadlocks.
    """
    return _write(session, events, REPLACE_QUANTITY, now)


def iter_rows(session: Session) -> Iterator[NDArray[np.void]]:
    """Yield each user, item and type once, sorted by user and item, in blocks with ROW's fields."""
    return bulk_copy.iter_blocks(session, SELECT_INTERACTIONS, ROW)


def _copy_in(session: Session, events: Events, now: datetime) -> None:
    """Copy new events, one type at a time, because the rows of a COPY have equal lengths."""
    for number, name in enumerate(TYPE_NAMES.tolist()):
        some = events.at(events.type == number)
        n = some.type.size
        if n:
            columns: dict[str, NDArray[Any]] = {
                **some._asdict(),
                "type": np.full(n, name.encode()),
                "updated_at": np.full(n, microseconds(now)),
            }
            bulk_copy.copy_in(session, COPY, columns)


def _write(session: Session, events: Events, conflict: str, now: datetime) -> int:
    if not events.type.size:
        return 0
    moment = microseconds(now)
    columns: dict[str, NDArray[Any]] = {**events._asdict(), "type": TYPE_NAMES[events.type]}
    if is_postgresql(session):
        lists = {name: column.tolist() for name, column in columns.items()}
        statement = text(f"{INSERT} {ROWS_POSTGRESQL} {conflict}")
        result = cast(CursorResult[Any], session.execute(statement, {**lists, "now": moment}))
        return result.rowcount
    rows = [*columns.values(), np.full(events.type.size, moment)]
    return bulk_copy.executemany(session, f"{INSERT} {ROWS_SQLITE} {conflict}", rows)
