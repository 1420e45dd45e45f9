"""Surrogate keys of user ids and item ids, in bulk."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import numpy as np
from sqlalchemy import ARRAY, Select, Text, bindparam, func, literal, select, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import TableValuedAlias
from sqlalchemy.types import TypeEngine

from recsvc.db.arrays import Ints
from recsvc.db.bulk_copy import is_postgresql
from recsvc.db.session import Session
from recsvc.db.tables import Item, User, UtcTime

_IDS: dict[str, TypeEngine[Any]] = {"postgresql": ARRAY(Text), "sqlite": Text()}


def user_keys(session: Session, user_ids: Sequence[str]) -> dict[str, int]:
    """Return the keys of the users that exist, and lock these users against erasure."""
    dialect = session.get_bind().dialect.name
    return dict(
        session.execute(_users_by_id(dialect), {"ids": _encode_ids(dialect, user_ids)}).all()
    )


def item_keys(session: Session, item_ids: Sequence[str]) -> dict[str, int]:
    """Return the keys of the items that exist."""
    dialect = session.get_bind().dialect.name
    return dict(
        session.execute(_items_by_id(dialect), {"ids": _encode_ids(dialect, item_ids)}).all()
    )


def ensure_user_keys(session: Session, user_ids: Sequence[str], *, now: datetime) -> Ints:
    """Return the key of each user, (n,); insert new users."""
    known = user_keys(session, user_ids)
    missing = sorted(set(user_ids) - known.keys())  # one order for all writers: no deadlock
    if missing:
        rows = select(id_table(session, missing).c.value, literal(now, UtcTime())).where(true())
        _insert(session, User, ["user_id", "created_at"], rows)
        known |= user_keys(session, missing)
    return np.array([known[user_id] for user_id in user_ids], dtype=np.int64)


def ensure_item_keys(session: Session, item_ids: Sequence[str], *, now: datetime) -> Ints:
    """Return the key of each item, (n,); insert new items."""
    known = item_keys(session, item_ids)
    missing = sorted(set(item_ids) - known.keys())
    if missing:
        moment = literal(now, UtcTime())
        rows = select(id_table(session, missing).c.value, moment, moment).where(true())
        _insert(session, Item, ["item_id", "created_at", "updated_at"], rows)
        known |= item_keys(session, missing)
    return np.array([known[item_id] for item_id in item_ids], dtype=np.int64)


def ensure_keys_by_row(
    ensure: Callable[..., Ints], session: Session, ids: Sequence[str], which: Ints, now: datetime
) -> Ints:
    """Return the key of each row's user or item; ids that no row uses are not inserted.

    ensure  ensure_user_keys or ensure_item_keys
    which   (n,) index of each row's id in `ids`
    """
    used, place = np.unique(which, return_inverse=True)
    return ensure(session, [ids[n] for n in used.tolist()], now=now)[place]


def id_table(session: Session, ids: Sequence[str]) -> TableValuedAlias:
    """Return any number of ids as a table with one column, `value`."""
    dialect = session.get_bind().dialect.name
    return _table_of(dialect, literal(_encode_ids(dialect, ids), _IDS[dialect]))


def _table_of(dialect: str, ids: ColumnElement[Any]) -> TableValuedAlias:
    if dialect == "postgresql":
        return func.unnest(ids).table_valued("value").render_derived()
    return func.json_each(ids).table_valued("value")


def _encode_ids(dialect: str, ids: Sequence[str]) -> list[str] | str:
    """Encode ids as one parameter: an array on PostgreSQL, JSON on SQLite."""
    return list(ids) if dialect == "postgresql" else json.dumps(list(ids))


# Building these statements takes longer than running them, and every write runs both.
@cache
def _users_by_id(dialect: str) -> Select[str, int]:
    ids_table = _table_of(dialect, bindparam("ids", type_=_IDS[dialect]))
    found = select(User.user_id, User.key).join(ids_table, User.user_id == ids_table.c.value)
    return found.with_for_update(read=True, key_share=True, of=User)


@cache
def _items_by_id(dialect: str) -> Select[str, int]:
    ids_table = _table_of(dialect, bindparam("ids", type_=_IDS[dialect]))
    return select(Item.item_id, Item.key).join(ids_table, Item.item_id == ids_table.c.value)


def _insert(
    session: Session, table: type[User] | type[Item], columns: list[str], rows: Select[Any]
) -> None:
    """Insert rows; skip those that another writer has inserted meanwhile."""
    if is_postgresql(session):
        statement = postgresql.insert(table).from_select(columns, rows)
        session.execute(statement.on_conflict_do_nothing())
    else:
        session.execute(sqlite.insert(table).from_select(columns, rows).on_conflict_do_nothing())
