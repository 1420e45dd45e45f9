"""Bodies with many entries: a JSON document with a list, or NDJSON with one object a line."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request

from recsvc.errors import MalformedRequest, UnsupportedMedia
from recsvc.errors.base import cut, cut_value, quote
from recsvc.service.imports.bulk import Bulk

JSON = "application/json"
NDJSON = "application/x-ndjson"
NDJSON_TYPES = (NDJSON, "application/ndjson", "application/jsonl")


def bulk_body(member: str, limit: int) -> Callable[[Request], Awaitable[Bulk]]:
    """Return a dependency that reads a body `{member: […]}` or NDJSON of at most `limit` entries.

    The dependency raises UnsupportedMedia, MalformedRequest.
    """

    async def read(request: Request) -> Bulk:
        content_type = request.headers.get("content-type")
        media = (content_type or "").split(";")[0].strip().lower()
        if media in NDJSON_TYPES:
            body = await request.body()
            _refuse_too_many(body.count(b"\n") + (not body.endswith(b"\n")), "the body", limit)
            return Bulk(lines=body)
        if media != JSON:
            raise UnsupportedMedia(
                f"Content-Type is {quote(content_type)}; this path accepts {JSON} and {NDJSON}. "
                "Send one of them with that Content-Type.",
                sent=cut_value(content_type),
            )
        return Bulk(entries=_entries(await request.body(), member, limit))

    return read


def bulk_body_schema(member: str, entry: dict[str, Any]) -> dict[str, Any]:
    """Return the OpenAPI description of such a body, with an example entry."""
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


def _entries(body: bytes, member: str, limit: int) -> list[Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedRequest(
            f"The body is not JSON: {cut(str(error))}. Send one JSON document {{{member!r}: […]}}."
        ) from error
    entries = document.get(member) if isinstance(document, dict) else None
    if not isinstance(entries, list) or len(document) > 1:
        raise MalformedRequest(
            f"The body must be a JSON object with one member, {member}, a list.", field=member
        )
    _refuse_too_many(len(entries), member, limit)
    return entries


def _refuse_too_many(n: int, field: str, limit: int) -> None:
    if n > limit:
        raise MalformedRequest(
            f"{field} has {n:,} entries; at most {limit:,} are accepted at once. "
            "Send them in parts, or upload a file to /v1/import-jobs.",
            field=field,
            most=limit,
        )
