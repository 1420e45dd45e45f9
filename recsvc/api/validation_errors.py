"""Describe a request that violates its schema: each field, its value and the remedy."""

from collections.abc import Sequence
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError

from recsvc.errors import MalformedRequest, RecsvcError, UnsupportedMedia
from recsvc.errors.base import cut, cut_value, quote

MAX_SHOWN_CHARACTERS = 80  # characters of a value in a message
MAX_MESSAGE_CHARACTERS = 400  # of what a value should be
MAX_LISTED_FIELDS = 20

LOCATIONS = ("body", "query", "path", "header", "cookie")


def validation_problem(request: Request, error: RequestValidationError) -> RecsvcError:
    """Return the error for a request that violates its schema, or has another content type."""
    found = error.errors()
    if _has_other_content_type(found):
        sent = request.headers.get("content-type")
        return UnsupportedMedia(
            f"Content-Type is {quote(sent)}; this path accepts application/json. "
            "Send JSON with that Content-Type.",
            sent=cut_value(sent),
        )
    listed = [_field_error(entry) for entry in found[:MAX_LISTED_FIELDS]]
    first = str(listed[0]["detail"])
    n_more = len(found) - len(listed)
    only = f", of which {len(listed)} are listed" if n_more else ""
    several = f"{len(found):,} fields are invalid{only}. The first: {first}"
    facts: dict[str, object] = {"n_more_errors": n_more} if n_more else {}
    return MalformedRequest(first if len(found) == 1 else several, errors=listed, **facts)


def _has_other_content_type(found: Sequence[Any]) -> bool:
    """Return whether FastAPI left the body undecoded, because its content type is not JSON."""
    return any(
        tuple(entry["loc"]) == ("body",) and isinstance(entry["input"], bytes) for entry in found
    )


def _field_error(entry: dict[str, Any]) -> dict[str, object]:
    field = _field(entry["loc"])
    value = entry.get("input")
    shown = str(value) if isinstance(value, float) else quote(value, MAX_SHOWN_CHARACTERS)
    short = len(shown) <= MAX_SHOWN_CHARACTERS
    error: dict[str, object] = {"field": field, "detail": _detail(entry, field, shown)}
    if short and isinstance(value, str | int | float | bool):
        error["value"] = value
    return error


def _field(loc: Sequence[str | int]) -> str:
    inside = loc[1:] if loc and loc[0] in LOCATIONS else loc
    return cut(".".join(cut(str(name), MAX_SHOWN_CHARACTERS) for name in inside)) or "body"


def _detail(entry: dict[str, Any], field: str, shown: str) -> str:
    match entry["type"]:
        case "json_invalid":
            at, why = entry["loc"][-1], entry["ctx"]["error"]
            return f"The body is not JSON: {why} at character {at}. Send one JSON document."
        case "missing" if field == "body":
            return "The body is missing; send a JSON object."
        case "missing":
            return f"{field} is missing; send it."
        case "extra_forbidden":
            return f"{field} is unknown; correct its name or leave it out."
    wanted = cut(entry["msg"].removeprefix("Value error, "), MAX_MESSAGE_CHARACTERS)
    if wanted.startswith("Input should "):
        return f"{field} is {shown}; it {wanted.removeprefix('Input ')}."
    return f"{field} is {shown}: {wanted}."
