"""Errors of HTTP requests as such."""

from recsvc.errors.base import InvalidInput, NotFound, NotReady, RecsvcError


class RouteNotFound(NotFound):
    """No such address"""

    def __init__(self, path: str) -> None:
        super().__init__(f"Nothing is served at {path}. The addresses are listed at /docs.")


class MalformedRequest(InvalidInput):
    """Request cannot be read as it stands"""


class InvalidCursor(InvalidInput):
    """Cursor is not one of ours"""

    def __init__(self, cursor: str) -> None:
        super().__init__(
            f"cursor is {cursor[:40]!r}, which this list did not give out. "
            "Start without a cursor, then send back next_cursor unchanged.",
            field="cursor",
        )


class BodyTooLarge(RecsvcError):
    """Request body is too large"""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"The body is larger than {limit_bytes:,} bytes.", limit_bytes=limit_bytes)


class UnsupportedMedia(RecsvcError):
    """Content type is not understood here"""


class MethodNotAllowed(RecsvcError):
    """Method is not allowed at this address"""


class ServiceBusy(NotReady):
    """Service is busy"""

    def __init__(self, waited_seconds: float) -> None:
        super().__init__(
            f"The request waited {waited_seconds:g} s for its turn and was not begun. "
            "Send it again after Retry-After seconds; nothing of it was stored.",
            waited_seconds=waited_seconds,
        )
