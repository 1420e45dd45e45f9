"""Pages of a list, and the cursors between them.

A cursor encodes where a page ended. It is opaque to the client and valid for one list only.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import TypeVar

from recsvc.api.dependencies import MAX_BIGINT
from recsvc.api.schemas import Page
from recsvc.errors import InvalidCursor

Place = int | str
Row = TypeVar("Row")
Shown = TypeVar("Shown")


def page(
    name: str,
    cursor: str | None,
    limit: int,
    *,
    read: Callable[[int | None, int], Sequence[Row]],
    show: Callable[[Row], Shown],
    place: Callable[[Row], int],
) -> Page[Shown]:
    """Return up to `limit` rows after the cursor, and the cursor of the next page.

    name   name of the list; another list refuses the cursor
    read   (place where the previous page ended, limit) → rows in order
    show   row → schema
    place  row → its number, as `read` expects it

    Raises InvalidCursor.
    """
    rows = read(cursor_number(name, cursor), limit + 1)
    items = [show(row) for row in rows[:limit]]
    has_more = len(rows) > limit
    return Page(items=items, next_cursor=encode(name, place(rows[limit - 1])) if has_more else None)


def encode(name: str, *place: Place) -> str:
    """Return the cursor for the place where a page of the named list ended."""
    text = json.dumps([name, *place], separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(name: str, cursor: str, *types: type[Place]) -> Sequence[Place]:
    """Return the place that a cursor of the named list encodes. Raises InvalidCursor."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        place: list[Place]
        list_name, *place = json.loads(urlsafe_b64decode(padded.encode("ascii")))
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidCursor(cursor) from error
    fits = len(place) == len(types) and all(
        type(entry) is kind for entry, kind in zip(place, types, strict=True)
    )
    if list_name != name or not fits or not all(map(_is_storable, place)):
        raise InvalidCursor(cursor)
    return place


def cursor_number(name: str, cursor: str | None) -> int | None:
    """Return the number where the previous page ended, None without one. Raises InvalidCursor."""
    if cursor is None:
        return None
    (number,) = decode(name, cursor, int)
    return int(number)


def _is_storable(entry: Place) -> bool:
    """Return whether a database can store the entry."""
    if isinstance(entry, int):
        return 0 <= entry <= MAX_BIGINT
    return "\0" not in entry and not any("\ud800" <= character <= "\udfff" for character in entry)
