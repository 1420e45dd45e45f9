"""Items are described: titles, categories, prices, and whether they may be recommended."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict

from recsvc.db import items
from recsvc.db.session import Session
from recsvc.db.tables import Item
from recsvc.errors import ItemNotFound
from recsvc.service.rating_fields import checked_id

AT_ONCE = 10_000  # items in one request


class Description(TypedDict):
    """All that is known of an item but its id; what is left out goes back to its default."""

    title: str | None
    categories: list[str]
    price: float | None
    available: bool
    hidden: bool
    attributes: dict[str, Any]


def put_item(
    session: Session, item_id: str, description: Description, *, now: datetime
) -> tuple[Item, bool]:
    """Replace what is known of an item; give it, and whether it is new. Raises InvalidId."""
    n_new = put_items(session, {item_id: description}, now=now)
    return get_item(session, item_id), n_new == 1


def put_items(session: Session, described: Mapping[str, Description], *, now: datetime) -> int:
    """Replace what is known of many items; give how many of them are new. Raises InvalidId."""
    for item_id in described:
        checked_id("item_id", item_id)
    return items.put(session, described, now=now) if described else 0


def get_item(session: Session, item_id: str) -> Item:
    """Give an item. Raises ItemNotFound."""
    found = items.get(session, item_id)
    if found is None:
        raise ItemNotFound(item_id)
    return found


def list_items(session: Session, *, after: int | None = None, limit: int = 50) -> Sequence[Item]:
    """Give up to `limit` items in the order they came, after the one with key `after`."""
    return items.page(session, after=after or 0, limit=limit)
