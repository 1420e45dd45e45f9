"""Items of the catalogue: titles, categories, prices, and whether they may be recommended."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict

from recsvc.db.catalog import items
from recsvc.db.feedback.rating_merge import WriteCounts
from recsvc.db.session import Session
from recsvc.db.tables import Item
from recsvc.errors import ItemNotFound
from recsvc.service.catalog.merge_patch import Patch, merge_members, same_json
from recsvc.service.imports.fields import check_id

MAX_ITEMS = 10_000  # items in one request


class Description(TypedDict):
    """The stored fields of an item except its id."""

    title: str | None
    categories: list[str]
    price: float | None
    available: bool
    hidden: bool
    attributes: dict[str, Any]


DEFAULTS: dict[str, Any] = {
    "title": None,
    "categories": [],
    "price": None,
    "available": True,
    "hidden": False,
    "attributes": {},
}


def put_item(
    session: Session, item_id: str, description: Description, *, now: datetime
) -> tuple[Item, bool]:
    """Replace an item; return it and whether it is new. Raises InvalidId."""
    n_new = put_items(session, {item_id: description}, now=now)
    return get_item(session, item_id), n_new == 1


def put_items(session: Session, items_by_id: Mapping[str, Description], *, now: datetime) -> int:
    """Replace many items; return how many of them are new. Raises InvalidId."""
    for item_id in items_by_id:
        check_id("item_id", item_id)
    return items.put(session, items_by_id, now=now) if items_by_id else 0


def patch_item(session: Session, item_id: str, patch: Patch, *, now: datetime) -> Item:
    """Merge a patch into an item and return it. Raises ItemNotFound."""
    known = items.read_for_change(session, [item_id])
    if item_id not in known:
        raise ItemNotFound(item_id)
    _write_changed(session, known, {item_id: merge_patch(known[item_id], patch)}, now=now)
    return get_item(session, item_id)


def merge_items(
    session: Session, patches: Sequence[tuple[str, Patch]], *, now: datetime
) -> WriteCounts:
    """Merge patches into items, in their order; a new item starts from `DEFAULTS`.

    Each patch is counted as if it were the only one. An item that ends unchanged is not written.

    patches  (item_id, patch); the same item may occur several times
    """
    known = items.read_for_change(session, {item_id for item_id, _ in patches})
    current: dict[str, Mapping[str, Any]] = dict(known)
    outcomes: Counter[str] = Counter()
    for item_id, patch in patches:
        before = current.get(item_id)
        after = merge_patch(DEFAULTS if before is None else before, patch)
        unchanged = before is not None and same_json(before, after)
        outcomes["added" if before is None else "unchanged" if unchanged else "changed"] += 1
        if not unchanged:
            current[item_id] = after
    _write_changed(session, known, current, now=now)
    return WriteCounts(outcomes["added"], outcomes["changed"], outcomes["unchanged"])


def merge_patch(known: Mapping[str, Any], patch: Patch) -> dict[str, Any]:
    """Return a description with a patch merged into it, after RFC 7396.

    An absent field stays; null restores its default. The members of `attributes` are merged one
    by one.
    """
    fields = dict(known)
    for name, value in patch.items():
        if value is None:
            fields[name] = DEFAULTS[name]
        elif name == "attributes":
            fields[name] = merge_members(fields[name], value)
        else:
            fields[name] = value
    return fields


def _write_changed(
    session: Session,
    known: Mapping[str, Mapping[str, Any]],
    current: Mapping[str, Mapping[str, Any]],
    *,
    now: datetime,
) -> None:
    """Write the items that are new or differ from their stored state."""
    changed = {
        item_id: fields
        for item_id, fields in current.items()
        if not same_json(known.get(item_id), fields)
    }
    if changed:
        items.put(session, changed, now=now)


def get_item(session: Session, item_id: str) -> Item:
    """Return an item. Raises ItemNotFound."""
    found = items.get(session, item_id)
    if found is None:
        raise ItemNotFound(item_id)
    return found


def list_items(session: Session, *, after: int | None = None, limit: int = 50) -> Sequence[Item]:
    """Return up to `limit` items in the order of their creation, after the key `after`."""
    return items.page(session, after=after or 0, limit=limit)
