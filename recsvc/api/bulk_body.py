"""Many things in one request: a JSON document with a list, or NDJSON with one object a line."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from recsvc.errors import MalformedRequest, UnsupportedMedia

JSON = "application/json"
NDJSON = "application/x-ndjson"
NDJSON_TYPES = (NDJSON, "application/ndjson", "application/jsonl")


@dataclass(frozen=True)
class BulkBody:
    """What was sent: `entries` of a JSON list, or else the `lines` of NDJSON."""

    entries: list[Any] | None = None
    lines: bytes = b""


def bulk_body(member: str, at_once: int) -> Callable[[Request], Awaitable[BulkBody]]:
    """Make a dependency that reads a body `{member: [at most at_once]}` or as many lines.

    It raises UnsupportedMedia, MalformedRequest.
    """

    async def read(request: Request) -> BulkBody:
        content_type = request.headers.get("content-type")
        media = (content_type or "").split(";")[0].strip().lower()
        if media in NDJSON_TYPES:
            body = await request.body()
            _refuse_too_many(body.count(b"\n") + (not body.endswith(b"\n")), "the body", at_once)
            return BulkBody(lines=body)
        if media != JSON:
            raise UnsupportedMedia(
                f"Content-Type is {content_type!r}; this address reads {JSON} and {NDJSON}. "
                "Send one of them and say so in Content-Type.",
                sent=content_type,
            )
        return BulkBody(entries=_entries(await request.body(), member, at_once))

    return read


def bulk_body_schema(member: str, entry: dict[str, Any]) -> dict[str, Any]:
    """Describe such a body in the OpenAPI document, by an example of an entry."""
    whole = {member: [entry]}
    schema = {
        "type": "object",
        "required": [member],
        "additionalProperties": False,
        "properties": {member: {"type": "array", "items": {"type": "object"}}},
    }
    lines = {"schema": {"type": "string"}, "example": json.dumps(entry) + "\n"}
    content = {JSON: {"schema": schema, "example": whole}, NDJSON: lines}
    return {"requestBody": {"required": True, "content": content}}


def _entries(body: bytes, member: str, at_once: int) -> list[Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedRequest(
            f"The body is not JSON: {error}. Send one JSON document {{{member!r}: […]}}."
        ) from error
    entries = document.get(member) if isinstance(document, dict) else None
    if not isinstance(entries, list) or len(document) > 1:
        raise MalformedRequest(
            f"The body must be a JSON object with one member, {member}, a list.", field=member
        )
    _refuse_too_many(len(entries), member, at_once)
    return entries


def _refuse_too_many(n: int, field: str, at_once: int) -> None:
    if n > at_once:
        raise MalformedRequest(
            f"{field} has {n:,} entries; at most {at_once:,} are taken at once. "
            "Send it in parts, or upload a file to /v1/import-jobs.",
            field=field,
            most=at_once,
        )
