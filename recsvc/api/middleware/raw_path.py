"""Paths that contain any id: a slash sent as %2F stays part of its segment.

Servers pass on a percent-decoded path, in which `a%2Fb` has become two segments. `RawPath` routes
on the raw path in one canonical form, and the convertor `id` decodes one segment of it:
`/v1/users/{user_id:id}/ratings`.
"""

from typing import ClassVar
from urllib.parse import quote, quote_from_bytes, unquote_to_bytes

from starlette.convertors import Convertor, register_url_convertor
from starlette.types import ASGIApp, Receive, Scope, Send

from recsvc.errors import MalformedRequest

UNESCAPED = "!$&'()*+,;=:@"  # RFC 3986: a segment may contain these unescaped


class IdConvertor(Convertor[str]):
    """One path segment, percent-decoded as UTF-8."""

    regex: ClassVar[str] = "[^/]+"

    def convert(self, value: str) -> str:
        """Return the id that a segment encodes. Raises MalformedRequest if it is not UTF-8."""
        try:
            return unquote_to_bytes(value).decode()
        except UnicodeDecodeError as error:
            raise MalformedRequest(
                f"The path has {value[:80]!r}, which is not UTF-8 once percent-decoded. "
                "Encode the id as UTF-8, then percent-encode it."
            ) from error

    def to_string(self, value: str) -> str:
        """Return the segment that encodes an id."""
        return segment(value)


def register_id_convertor() -> None:
    """Register the convertor of `{user_id:id}` in path templates."""
    register_url_convertor("id", IdConvertor())


def segment(outside_id: str) -> str:
    """Return an id as one path segment, for links and Location headers.

    Dots are escaped in a segment of dots alone, which clients would resolve as a folder.
    """
    return quote(outside_id, safe="") if outside_id.strip(".") else "%2E" * len(outside_id)


def canonical(raw_path: bytes) -> str:
    """Return a path in the form that routes are matched with: with the necessary escapes only."""
    if b"%" not in raw_path and raw_path.isascii():
        return raw_path.decode("ascii")
    return "/".join(
        quote_from_bytes(unquote_to_bytes(part), safe=UNESCAPED) for part in raw_path.split(b"/")
    )


class RawPath:
    """ASGI middleware: route on the raw path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Replace the decoded path of a request by its canonical form."""
        if scope["type"] == "http":
            raw = scope.get("raw_path") or quote(scope["path"]).encode("ascii")
            scope["path"] = canonical(raw)
        await self._app(scope, receive, send)
