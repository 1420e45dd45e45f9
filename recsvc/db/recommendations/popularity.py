"""Reads of popular and newest items."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sqlalchemy import Select, select, text

from recsvc.db.arrays import Ints
from recsvc.db.session import Session
from recsvc.db.tables import Item

SELECT_POPULARITY = (
    "SELECT item_key, COUNT(*) AS n FROM ("
    "SELECT item_key FROM rating UNION ALL SELECT item_key FROM interaction) AS history "
    "GROUP BY item_key ORDER BY n DESC, item_key DESC"
)


class Popularity(NamedTuple):
    """The number of ratings and interactions of each item that has any.

    keys    (n_items,) by falling count; newer items first among equals
    counts  (n_items,)
    """

    keys: Ints
    counts: Ints


class ListableItem(NamedTuple):
    """An item that is neither hidden nor unavailable."""

    key: int
    item_id: str
    title: str | None


def popularity(session: Session) -> Popularity:
    """Count ratings and interactions by item. Reads all of them."""
    rows = session.execute(text(SELECT_POPULARITY)).all()
    columns = np.array(rows, dtype=np.int64).reshape(-1, 2).T
    return Popularity(columns[0], columns[1])


def listable_items(session: Session, keys: Sequence[int]) -> dict[int, ListableItem]:
    """Return those of the items that may be listed, by key."""
    found = _select_listable().where(Item.key.in_(keys))
    return {row.key: ListableItem._make(row) for row in session.execute(found)}


def newest_items(session: Session, *, below: int | None, limit: int) -> list[ListableItem]:
    """Return up to `limit` items that may be listed, newest first, with keys under `below`."""
    found = _select_listable().order_by(Item.key.desc()).limit(limit)
    if below is not None:
        found = found.where(Item.key < below)
    return [ListableItem._make(row) for row in session.execute(found)]


def _select_listable() -> Select[int, str, str | None]:
    return select(Item.key, Item.item_id, Item.title).where(Item.available, ~Item.hidden)
