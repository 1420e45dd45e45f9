"""One field's text → an id, a value, a type or a time. Pure; the same for files and for HTTP.

Each reader returns what it read, or raises the error of our tree that names field, value and
remedy; `Refused` is its shorter sister for the lines of a file.
"""

import math
import re
from datetime import UTC, datetime

from recsvc.db.tables import microseconds
from recsvc.errors import InvalidId, InvalidRating, ValueOffScale
from recsvc.rbm.rating_matrix import EVENT_TYPES, RatingScale

LONGEST_ID = 256
LATEST_SECOND = 253_402_300_799  # the end of the year 9999
MILLISECONDS_FROM = 100_000_000_000  # as seconds, the year 5138

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
LARGEST_VALUE = 1e308

RATED = len(EVENT_TYPES)  # the number of the type that is no event
_WORDS = {
    "view": ("view", "click"),
    "cart": ("cart", "addtocart"),
    "purchase": ("purchase", "order", "buy", "transaction"),
}
TYPE_NUMBERS = {
    **{word: number for number, name in enumerate(EVENT_TYPES) for word in _WORDS[name]},
    "rating": RATED,
}


class Refused(Exception):
    """A field of a line cannot be taken: why, as a code for programs and a detail for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def check_id(field: str, value: str) -> str:
    """Give the id back where it can be one. Raises InvalidId.

    A surrogate that stands alone is no character, and no database can keep it.
    """
    if not 1 <= len(value) <= LONGEST_ID or CONTROL.search(value):
        raise InvalidId(field, value)
    return value


def check_value(value: float, scale: RatingScale | None) -> float:
    """Give the value back where it is a rating. Raises InvalidRating or ValueOffScale."""
    if not math.isfinite(value) or abs(value) >= LARGEST_VALUE:
        raise InvalidRating(value)
    if scale is not None and not scale.contains(value):
        raise ValueOffScale(value, str(scale))
    return value


def read_id(field: str, text: str) -> str:
    """Read a user_id or item_id. Raises Refused (empty-user-id, invalid-user-id, …)."""
    if not text:
        raise Refused(f"empty-{_dashed(field)}", f"{field} is empty; each line needs one.")
    try:
        return check_id(field, text)
    except InvalidId as error:
        raise Refused(f"invalid-{_dashed(field)}", error.detail) from error


def read_value(text: str, scale: RatingScale | None) -> float:
    """Read a rating. Raises Refused: empty-value, not-a-number or value-off-scale."""
    if not text:
        raise Refused("empty-value", "The rating is empty; send a number.")
    if not NUMBER.fullmatch(text):
        hint = "; write 4.5, not 4,5" if re.fullmatch(r"\d+,\d+", text) else ""
        raise Refused("not-a-number", f"The rating is {_short(text)}, not a finite number{hint}.")
    try:
        return check_value(float(text), scale)
    except InvalidRating as error:
        raise Refused("not-a-number", error.detail) from error
    except ValueOffScale as error:
        raise Refused("value-off-scale", error.detail) from error


def read_type(text: str) -> int:
    """Read the type of an event as its number among EVENT_TYPES, or RATED for a rating.

    Case, spaces and the like do not matter. Raises Refused: unknown-type.
    """
    number = TYPE_NUMBERS.get(re.sub(r"[^a-z]", "", text.lower()))
    if number is None:
        known = ", ".join(EVENT_TYPES)
        raise Refused("unknown-type", f"The type is {_short(text)}; it must be one of {known}.")
    return number


def read_quantity(text: str) -> float:
    """Read how much was viewed or bought, 1 where nothing is said.

    Raises Refused: bad-quantity, or cancellation where it is negative.
    """
    if not text:
        return 1.0
    quantity = float(text) if NUMBER.fullmatch(text) else 0.0
    if quantity < 0:
        raise Refused("cancellation", f"The quantity is {_short(text)}: what was taken back.")
    if not 0 < quantity < LARGEST_VALUE:
        raise Refused("bad-quantity", f"The quantity is {_short(text)}, not a number above 0.")
    return quantity


def read_time(text: str) -> int:
    """Read a time as microseconds since 1970. Raises Refused: bad-timestamp.

    Seconds or milliseconds since 1970, or RFC 3339; without a zone it is in UTC.
    """
    try:
        if NUMBER.fullmatch(text):
            return _since_1970(text)
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return _not_before_1970(microseconds(aware))
    except (ValueError, OverflowError) as error:
        raise Refused(
            "bad-timestamp",
            f"The time is {_short(text)}; write seconds since 1970 or 2026-06-01T12:00:00Z.",
        ) from error


def _since_1970(text: str) -> int:
    whole = text.isdecimal()
    number = int(text) if whole else float(text)
    seconds = number / 1000 if abs(number) >= MILLISECONDS_FROM else number
    if not 0 <= seconds <= LATEST_SECOND:
        raise ValueError("out of range")
    return round(seconds * 1_000_000)


def _not_before_1970(number: int) -> int:
    if number < 0:
        raise ValueError("out of range")
    return number


def _dashed(field: str) -> str:
    return field.replace("_", "-")


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")
