"""Errors of HTTP requests."""

from recsvc.errors.base import InvalidInput, NotFound, NotReady, RecsvcError, cut


class RouteNotFound(NotFound):
    """Path not found"""

    def __init__(self, path: str) -> None:
        super().__init__(f"There is no route {cut(path)}. The routes are listed at /docs.")


class MalformedRequest(InvalidInput):
    """Malformed request"""


class InvalidCursor(InvalidInput):
    """Invalid cursor"""

    def __init__(self, cursor: str) -> None:
        super().__init__(
            f"cursor is {cursor[:40]!r}, which is not a cursor of this list. "
            "Start without a cursor, then send next_cursor unchanged.",
            field="cursor",
        )


class BodyTooLarge(RecsvcError):
    """Request body too large"""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"The body is larger than {limit_bytes:,} bytes.", limit_bytes=limit_bytes)


class UnsupportedMedia(RecsvcError):
    """Unsupported media type"""


class MethodNotAllowed(RecsvcError):
    """Method not allowed"""


class ServiceBusy(NotReady):
    """Service busy"""

    def __init__(self, waited_seconds: float) -> None:
        super().__init__(
            f"The request waited {waited_seconds:g} s and was not processed. "
            "Retry after Retry-After seconds.",
            waited_seconds=waited_seconds,
        )


class ServiceFull(NotReady):
    """Service full"""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"This process has {limit} requests in progress, as many as RECSVC_MAX_REQUESTS "
            "allows. Retry after Retry-After seconds.",
            limit=limit,
        )


class TooManyStreams(NotReady):
    """Too many event streams"""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"This process has {limit} event streams, as many as RECSVC_MAX_EVENT_STREAMS allows. "
            "Close others, or poll the job with `?wait=20`.",
            limit=limit,
        )


class TooManyConnections(NotReady):
    """Too many connections"""

    def __init__(self) -> None:
        super().__init__(
            "This process has as many connections as RECSVC_MAX_CONNECTIONS allows, and none is "
            "idle. Retry after Retry-After seconds."
        )


class RequestTooSlow(RecsvcError):
    """Request too slow"""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"The request did not arrive within {seconds:g} s, and a second more for each 1,000 "
            "bytes of its body. Send it faster, or raise RECSVC_REQUEST_SECONDS.",
            seconds=seconds,
        )


class HostNotAllowed(RecsvcError):
    """Host not allowed"""

    def __init__(self, host: str) -> None:
        super().__init__(f"The service does not answer as {host[:80]!r}.", host=host[:80])
