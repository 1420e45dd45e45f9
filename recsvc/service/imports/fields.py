"""Parse the text of one field: an id, a value, a type or a time. Pure; for files and for HTTP.

The `check_…` functions raise errors of `recsvc.errors`; the `read_…` functions raise `FieldError`,
which becomes the refusal of a line.
"""

import math
import re
from datetime import UTC, datetime

from recsvc.db.tables import microseconds
from recsvc.errors import InvalidId, InvalidRating, ValueOffScale
from recsvc.rbm.rating_scale import EVENT_TYPES, RatingScale

MAX_ID_LENGTH = 256
MAX_SECONDS = 253_402_300_799  # the end of the year 9999
FIRST_MILLISECONDS = 100_000_000_000  # as seconds, the year 5138

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
MAX_VALUE = 1e308

RATING_TYPE = len(EVENT_TYPES)  # the type number of a rating
_WORDS = {
    "view": ("view", "click"),
    "cart": ("cart", "addtocart"),
    "purchase": ("purchase", "order", "buy", "transaction"),
}
TYPE_NUMBERS = {
    **{word: number for number, name in enumerate(EVENT_TYPES) for word in _WORDS[name]},
    "rating": RATING_TYPE,
}


class FieldError(Exception):
    """A field of a line is invalid: the reason as a code for programs and a detail for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def check_id(field: str, value: str) -> str:
    """Return the id if it is valid. Raises InvalidId.

    A lone surrogate is invalid: it is not a character, and no database can store it.
    """
    if not 1 <= len(value) <= MAX_ID_LENGTH or CONTROL.search(value):
        raise InvalidId(field, value)
    return value


def check_value(value: float, scale: RatingScale | None) -> float:
    """Return the value if it is a rating. Raises InvalidRating or ValueOffScale."""
    if not math.isfinite(value) or abs(value) >= MAX_VALUE:
        raise InvalidRating(value)
    if scale is not None and not scale.contains(value):
        raise ValueOffScale(value, str(scale))
    return value


def read_id(field: str, text: str) -> str:
    """Read a user_id or item_id. Raises FieldError: empty-… or invalid-…-id."""
    if not text:
        raise FieldError(
            f"empty-{_code_of_field(field)}", f"{field} is empty; each line needs one."
        )
    try:
        return check_id(field, text)
    except InvalidId as error:
        raise FieldError(f"invalid-{_code_of_field(field)}", error.detail) from error


def read_value(text: str, scale: RatingScale | None) -> float:
    """Read a rating. Raises FieldError: empty-value, not-a-number or value-off-scale."""
    if not text:
        raise FieldError("empty-value", "The rating is empty; send a number.")
    if not NUMBER.fullmatch(text):
        hint = "; write 4.5, not 4,5" if re.fullmatch(r"\d+,\d+", text) else ""
        raise FieldError(
            "not-a-number", f"The rating is {_short(text)}, not a finite number{hint}."
        )
    try:
        return check_value(float(text), scale)
    except InvalidRating as error:
        raise FieldError("not-a-number", error.detail) from error
    except ValueOffScale as error:
        raise FieldError("value-off-scale", error.detail) from error


def read_type(text: str) -> int:
    """Read a type as its number among EVENT_TYPES, or RATING_TYPE for a rating.

    Case and characters other than letters are ignored. Raises FieldError: unknown-type.
    """
    number = TYPE_NUMBERS.get(re.sub(r"[^a-z]", "", text.lower()))
    if number is None:
        known = ", ".join(EVENT_TYPES)
        raise FieldError("unknown-type", f"The type is {_short(text)}; it must be one of {known}.")
    return number


def read_quantity(text: str) -> float:
    """Read a quantity, 1 for an empty text.

    Raises FieldError: bad-quantity, or cancellation for a negative one.
    """
    if not text:
        return 1.0
    quantity = float(text) if NUMBER.fullmatch(text) else 0.0
    if quantity < 0:
        raise FieldError(
            "cancellation", f"The quantity is {_short(text)}, a cancellation; remove the line."
        )
    if not 0 < quantity < MAX_VALUE:
        raise FieldError("bad-quantity", f"The quantity is {_short(text)}, not a number above 0.")
    return quantity


def read_time(text: str) -> int:
    """Read a time as microseconds since 1970. Raises FieldError: bad-timestamp.

    The text has seconds or milliseconds since 1970, or RFC 3339; without a zone it is UTC.
    """
    try:
        if NUMBER.fullmatch(text):
            return _since_1970(text)
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return _not_before_1970(microseconds(aware))
    except (ValueError, OverflowError) as error:
        raise FieldError(
            "bad-timestamp",
            f"The time is {_short(text)}; write seconds since 1970 or 2026-06-01T12:00:00Z.",
        ) from error


def _since_1970(text: str) -> int:
    whole = text.isdecimal()
    number = int(text) if whole else float(text)
    seconds = number / 1000 if abs(number) >= FIRST_MILLISECONDS else number
    if not 0 <= seconds <= MAX_SECONDS:
        raise ValueError("out of range")
    return round(seconds * 1_000_000)


def _not_before_1970(number: int) -> int:
    if number < 0:
        raise ValueError("out of range")
    return number


def _code_of_field(field: str) -> str:
    return field.replace("_", "-")


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")
