"""Headers that authorization adds to the response of a request, whatever it will be."""

from collections.abc import Iterable

from starlette.types import Scope

ADDED = "recsvc.response_headers"
Header = tuple[bytes, bytes]


def add_header(scope: Scope, name: bytes, value: bytes) -> None:
    """Add a header to the response of a request."""
    scope.setdefault(ADDED, []).append((name, value))


def read_added_headers(scope: Scope) -> Iterable[Header]:
    """Return the headers that were added."""
    headers: Iterable[Header] = scope.get(ADDED, ())
    return headers
