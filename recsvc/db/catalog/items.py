"""The catalogue: items, and a state that changes with every update."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import func, select, update

from recsvc.db.bulk_copy import is_postgresql
from recsvc.db.session import Session
from recsvc.db.surrogate_keys import ensure_item_keys, id_table, item_keys
from recsvc.db.tables import MICROSECOND, Item

CATALOGUE_LOCK = 0x72656373766332  # an arbitrary number, unique among the locks
DESCRIPTION_COLUMNS = (
    Item.title,
    Item.categories,
    Item.price,
    Item.available,
    Item.hidden,
    Item.attributes,
)


class CatalogueState(NamedTuple):
    """The state of the catalogue: at least one field changes with every change of an item."""

    updated_at: datetime | None
    n_items: int


def catalogue_state(session: Session) -> CatalogueState:
    """Return the state of the catalogue, a cheap check for caches."""
    newest, n_items = session.execute(select(func.max(Item.updated_at), func.count())).one()
    return CatalogueState(newest, n_items)


def count_items(session: Session) -> int:
    """Count all items."""
    return session.scalar(select(func.count()).select_from(Item)) or 0


def get(session: Session, item_id: str) -> Item | None:
    """Return the current item, None if it does not exist."""
    found = select(Item).where(Item.item_id == item_id).execution_options(populate_existing=True)
    return session.scalar(found)


def page(session: Session, *, after: int, limit: int) -> Sequence[Item]:
    """Return up to `limit` items with keys above `after`, in the order of insertion."""
    found = select(Item).where(Item.key > after).order_by(Item.key).limit(limit)
    return session.scalars(found).all()


def read_for_change(session: Session, item_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return the descriptive columns of the items that exist, by item_id.

    No other transaction can change them before this one ends.
    """
    _lock_catalogue(session)
    ids = id_table(session, list(item_ids))
    found = select(Item.item_id, *DESCRIPTION_COLUMNS).join(ids, Item.item_id == ids.c.value)
    names = [column.key for column in DESCRIPTION_COLUMNS]
    return {
        item_id: dict(zip(names, known, strict=True)) for item_id, *known in session.execute(found)
    }


def put(session: Session, descriptions: Mapping[str, Mapping[str, Any]], *, now: datetime) -> int:
    """Replace the descriptions of items and insert new items; return the number of new items.

    descriptions  item_id → the columns title, categories, price, available, hidden, attributes
    """
    _lock_catalogue(session)
    keys = item_keys(session, list(descriptions))
    missing = sorted(descriptions.keys() - keys.keys())  # one order for all writers: no deadlock
    moment = _next_update_time(session, now)
    made = ensure_item_keys(session, missing, now=now).tolist() if missing else []
    keys |= zip(missing, made, strict=True)
    rows = [
        {"key": key, "updated_at": moment, **descriptions[item_id]}
        for item_id, key in sorted(keys.items(), key=itemgetter(1))
    ]
    session.execute(update(Item), rows)
    return len(missing)


def add_missing_titles(session: Session, titles: Mapping[str, str], *, now: datetime) -> None:
    """Set the titles of items that have none, and insert new items.

    Call this first in a transaction: writers of items lock the catalogue before they lock items,
    and another order could deadlock.
    """
    if not titles.keys() - _ids_with_title(session, titles):
        return
    _lock_catalogue(session)
    missing = sorted(titles.keys() - _ids_with_title(session, titles))  # stable under the lock
    moment = _next_update_time(session, now)
    keys = ensure_item_keys(session, missing, now=now).tolist()
    rows = [
        {"key": key, "title": titles[item_id], "updated_at": moment}
        for key, item_id in sorted(zip(keys, missing, strict=True))
    ]
    if rows:
        session.execute(update(Item), rows)


def _ids_with_title(session: Session, item_ids: Collection[str]) -> set[str]:
    """Return those of the items that have a title."""
    ids = id_table(session, list(item_ids))
    found = select(Item.item_id).join(ids, Item.item_id == ids.c.value)
    return set(session.scalars(found.where(Item.title.is_not(None))))


def _lock_catalogue(session: Session) -> None:
    """Serialise writers, so that update times follow the order of commits."""
    if is_postgresql(session):
        session.execute(select(func.pg_advisory_xact_lock(CATALOGUE_LOCK)))


def _next_update_time(session: Session, now: datetime) -> datetime:
    """Return a time after the last update, so that the catalogue state changes."""
    newest = session.scalar(select(func.max(Item.updated_at)))
    return now if newest is None or newest < now else newest + MICROSECOND
