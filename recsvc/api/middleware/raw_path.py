"""Addresses that may hold any id: a slash sent as %2F stays part of its segment.

Servers hand over a path already percent-decoded, where `a%2Fb` has become two segments. `RawPath`
routes on the path as it was sent, in one canonical spelling, and the convertor `id` decodes the
one segment that a route asked for: `/v1/users/{user_id:id}/ratings`.
"""

from typing import ClassVar
from urllib.parse import quote, quote_from_bytes, unquote_to_bytes

from starlette.convertors import Convertor, register_url_convertor
from starlette.types import ASGIApp, Receive, Scope, Send

from recsvc.errors import MalformedRequest

UNESCAPED = "!$&'()*+,;=:@"  # RFC 3986: what a segment may hold unescaped


class IdConvertor(Convertor[str]):
    """One path segment, percent-decoded as UTF-8."""

    regex: ClassVar[str] = "[^/]+"

    def convert(self, value: str) -> str:
        """Give the id that the segment spells; MalformedRequest where it is not UTF-8."""
        try:
            return unquote_to_bytes(value).decode()
        except UnicodeDecodeError as error:
            raise MalformedRequest(
                f"The path has {value[:80]!r}, which is not UTF-8 once percent-decoded. "
                "Encode the id as UTF-8, then percent-encode it."
            ) from error

    def to_string(self, value: str) -> str:
        """Give the segment that spells the id."""
        return segment(value)


def register_id_convertor() -> None:
    """Let path templates say `{user_id:id}`."""
    register_url_convertor("id", IdConvertor())


def segment(outside_id: str) -> str:
    """Spell an id as one path segment, for links and Location headers.

    Clients take a segment of dots for a folder, so those are escaped too.
    """
    return quote(outside_id, safe="") if outside_id.strip(".") else "%2E" * len(outside_id)


def canonical(raw_path: bytes) -> str:
    """Spell a path in the one way that routes are compared with: escapes only where needed."""
    if b"%" not in raw_path and raw_path.isascii():
        return raw_path.decode("ascii")
    return "/".join(
        quote_from_bytes(unquote_to_bytes(part), safe=UNESCAPED) for part in raw_path.split(b"/")
    )


class RawPath:
    """ASGI middleware: route on the path as it was sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Replace the decoded path of a request by its canonical spelling."""
        if scope["type"] == "http":
            raw = scope.get("raw_path") or quote(scope["path"]).encode("ascii")
            scope["path"] = canonical(raw)
        await self._app(scope, receive, send)
