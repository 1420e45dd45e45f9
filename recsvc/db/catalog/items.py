"""The catalogue: what is known of items, and a figure that tells when that has changed."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import func, select, update

from recsvc.db.bulk_copy import is_postgresql
from recsvc.db.session import Session
from recsvc.db.surrogate_keys import ensure_item_keys, id_table, item_keys
from recsvc.db.tables import MICROSECOND, Item

CATALOGUE_LOCK = 0x72656373766332  # any number that no other lock has
DESCRIPTION_COLUMNS = (
    Item.title,
    Item.categories,
    Item.price,
    Item.available,
    Item.hidden,
    Item.attributes,
)


class CatalogueState(NamedTuple):
    """Two figures of which at least one changes whenever any item does."""

    updated_at: datetime | None
    n_items: int


def catalogue_state(session: Session) -> CatalogueState:
    """Give the catalogue's state: cheap, for those who keep something that depends on it."""
    newest, n_items = session.execute(select(func.max(Item.updated_at), func.count())).one()
    return CatalogueState(newest, n_items)


def count_items(session: Session) -> int:
    """Count all items, rated or put."""
    return session.scalar(select(func.count()).select_from(Item)) or 0


def get(session: Session, item_id: str) -> Item | None:
    """Give an item as it stands now."""
    found = select(Item).where(Item.item_id == item_id).execution_options(populate_existing=True)
    return session.scalar(found)


def page(session: Session, *, after: int, limit: int) -> Sequence[Item]:
    """Give up to `limit` items in the order they came, with keys above `after`."""
    found = select(Item).where(Item.key > after).order_by(Item.key).limit(limit)
    return session.scalars(found).all()


def read_for_change(session: Session, item_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return the described columns of the items that exist, by item_id.

    No other transaction changes a description before this one ends.
    """
    _lock_catalogue(session)
    asked = id_table(session, list(item_ids))
    found = select(Item.item_id, *DESCRIPTION_COLUMNS).join(asked, Item.item_id == asked.c.value)
    names = [column.key for column in DESCRIPTION_COLUMNS]
    return {
        item_id: dict(zip(names, known, strict=True)) for item_id, *known in session.execute(found)
    }


def put(session: Session, described: Mapping[str, Mapping[str, Any]], *, now: datetime) -> int:
    """Replace what is known of items, making those that are new; give how many were new.

    described  item_id → the columns title, categories, price, available, hidden, attributes
    """
    _lock_catalogue(session)
    keys = item_keys(session, list(described))
    missing = sorted(described.keys() - keys.keys())  # one order for all writers: no deadlock
    moment = _next_update_time(session, now)
    made = ensure_item_keys(session, missing, now=now).tolist() if missing else []
    keys |= zip(missing, made, strict=True)
    rows = [
        {"key": key, "updated_at": moment, **described[item_id]}
        for item_id, key in sorted(keys.items(), key=itemgetter(1))
    ]
    session.execute(update(Item), rows)
    return len(missing)


def add_missing_titles(session: Session, titles: Mapping[str, str], *, now: datetime) -> None:
    """Give titles to items that have none, making those that are new.

    A transaction that writes more calls this first: whoever puts items waits for their turn
    before they hold any item, and so must this one, or the two could wait for each other.
    """
    if not titles.keys() - _ids_with_title(session, titles):
        return
    _lock_catalogue(session)
    missing = sorted(titles.keys() - _ids_with_title(session, titles))  # nobody else writes one now
    moment = _next_update_time(session, now)
    keys = ensure_item_keys(session, missing, now=now).tolist()
    rows = [
        {"key": key, "title": titles[item_id], "updated_at": moment}
        for key, item_id in sorted(zip(keys, missing, strict=True))
    ]
    if rows:
        session.execute(update(Item), rows)


def _ids_with_title(session: Session, item_ids: Collection[str]) -> set[str]:
    """Give those of these items that have a title."""
    asked = id_table(session, list(item_ids))
    found = select(Item.item_id).join(asked, Item.item_id == asked.c.value)
    return set(session.scalars(found.where(Item.title.is_not(None))))


def _lock_catalogue(session: Session) -> None:
    """Let the times of changes follow the order in which they become visible."""
    if is_postgresql(session):
        session.execute(select(func.pg_advisory_xact_lock(CATALOGUE_LOCK)))


def _next_update_time(session: Session, now: datetime) -> datetime:
    """Give a time later than every item's, so that the catalogue's state surely changes."""
    newest = session.scalar(select(func.max(Item.updated_at)))
    return now if newest is None or newest < now else newest + MICROSECOND
