"""Outside ids → keys, many at a time; an id that is new is given a key."""

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
    """Give the keys of the users that exist, and keep them from being erased meanwhile."""
    dialect = session.get_bind().dialect.name
    return dict(
        session.execute(_users_by_id(dialect), {"ids": _encode_ids(dialect, user_ids)}).all()
    )


def item_keys(session: Session, item_ids: Sequence[str]) -> dict[str, int]:
    """Give the keys of the items that exist."""
    dialect = session.get_bind().dialect.name
    return dict(
        session.execute(_items_by_id(dialect), {"ids": _encode_ids(dialect, item_ids)}).all()
    )


def ensure_user_keys(session: Session, user_ids: Sequence[str], *, now: datetime) -> Ints:
    """Give each user's key, making those users that are new. (n,), in the order asked."""
    known = user_keys(session, user_ids)
    missing = sorted(set(user_ids) - known.keys())  # one order for all writers: no deadlock
    if missing:
        rows = select(id_table(session, missing).c.value, literal(now, UtcTime())).where(true())
        _insert(session, User, ["user_id", "created_at"], rows)
        known |= user_keys(session, missing)
    return np.array([known[user_id] for user_id in user_ids], dtype=np.int64)


def ensure_item_keys(session: Session, item_ids: Sequence[str], *, now: datetime) -> Ints:
    """Give each item's key, making those items that are new. (n,), in the order asked."""
    known = item_keys(session, item_ids)
    missing = sorted(set(item_ids) - known.keys())
    if missing:
        moment = literal(now, UtcTime())
        rows = select(id_table(session, missing).c.value, moment, moment).where(true())
        _insert(session, Item, ["item_id", "created_at", "updated_at"], rows)
        known |= item_keys(session, missing)
    return np.array([known[item_id] for item_id in item_ids], dtype=np.int64)


def ensure_keys_by_row(
    make: Callable[..., Ints], session: Session, ids: Sequence[str], which: Ints, now: datetime
) -> Ints:
    """Give the key of each row's user or item; ids that no row is about are left alone.

    make   made_user_keys or made_item_keys
    which  (n,) which of the ids each row is about
    """
    used, place = np.unique(which, return_inverse=True)
    return make(session, [ids[n] for n in used.tolist()], now=now)[place]


def id_table(session: Session, ids: Sequence[str]) -> TableValuedAlias:
    """Give the ids as a table of one column, `value`, whatever their number."""
    dialect = session.get_bind().dialect.name
    return _table_of(dialect, literal(_encode_ids(dialect, ids), _IDS[dialect]))


def _table_of(dialect: str, ids: ColumnElement[Any]) -> TableValuedAlias:
    if dialect == "postgresql":
        return func.unnest(ids).table_valued("value").render_derived()
    return func.json_each(ids).table_valued("value")


def _encode_ids(dialect: str, ids: Sequence[str]) -> list[str] | str:
    """Return ids in the form in which a dialect takes many at once."""
    return list(ids) if dialect == "postgresql" else json.dumps(list(ids))


# Building these two takes longer than running them, and every write does both.
@cache
def _users_by_id(dialect: str) -> Select[str, int]:
    asked = _table_of(dialect, bindparam("ids", type_=_IDS[dialect]))
    found = select(User.user_id, User.key).join(asked, User.user_id == asked.c.value)
    return found.with_for_update(read=True, key_share=True, of=User)


@cache
def _items_by_id(dialect: str) -> Select[str, int]:
    asked = _table_of(dialect, bindparam("ids", type_=_IDS[dialect]))
    return select(Item.item_id, Item.key).join(asked, Item.item_id == asked.c.value)


def _insert(
    session: Session, table: type[User] | type[Item], columns: list[str], rows: Select[Any]
) -> None:
    """Insert rows, but for those that another writer has inserted meanwhile."""
    if is_postgresql(session):
        made = postgresql.insert(table).from_select(columns, rows)
        session.execute(made.on_conflict_do_nothing())
    else:
        session.execute(sqlite.insert(table).from_select(columns, rows).on_conflict_do_nothing())
