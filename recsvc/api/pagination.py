"""Pages of a list, and the cursors between them.

A cursor is where a page ended. It is opaque to the client and valid for one list only.
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

    name   of the list; another list refuses the cursor
    read   (place where the page before ended, most rows) → rows in order
    place  the number of a row, as `read` expects it

    Raises InvalidCursor.
    """
    found = read(cursor_number(name, cursor), limit + 1)
    shown = [show(row) for row in found[:limit]]
    more = len(found) > limit
    return Page(items=shown, next_cursor=encode(name, place(found[limit - 1])) if more else None)


def encode(of: str, *place: Place) -> str:
    """Spell where a page ended.

    `of`  names the list, so that another list refuses the cursor
    """
    text = json.dumps([of, *place], separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(of: str, cursor: str, *shape: type[Place]) -> Sequence[Place]:
    """Give back what `encode` was given, of these types. Raises InvalidCursor."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        place: list[Place]
        name, *place = json.loads(urlsafe_b64decode(padded.encode("ascii")))
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidCursor(cursor) from error
    fits = len(place) == len(shape) and all(
        type(entry) is kind for entry, kind in zip(place, shape, strict=True)
    )
    if name != of or not fits or not all(map(_can_be_stored, place)):
        raise InvalidCursor(cursor)
    return place


def cursor_number(of: str, cursor: str | None) -> int | None:
    """Give the number at which a page ended; None for the first page. Raises InvalidCursor."""
    if cursor is None:
        return None
    (number,) = decode(of, cursor, int)
    return int(number)


def _can_be_stored(entry: Place) -> bool:
    """Tell whether a database could be asked for it at all."""
    if isinstance(entry, int):
        return 0 <= entry <= MAX_BIGINT
    return "\0" not in entry and not any("\ud800" <= character <= "\udfff" for character in entry)
