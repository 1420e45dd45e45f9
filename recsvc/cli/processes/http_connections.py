"""Limits of the connections of an API process, which uvicorn does not have.

uvicorn closes a connection that is idle after a response. These limits concern the others: clients
that connect and send nothing, send a request slowly, or do not read the response.
"""

import asyncio
import json
import resource
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, NamedTuple

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from recsvc.errors import RecsvcError, RequestTooSlow, TooManyConnections

BYTES_PER_SECOND = 1000  # a body that arrives faster is not slow
OPEN_FILES_RESERVED = 256  # for the database, the shelf, logs and libraries


class ConnectionLimits(NamedTuple):
    """Limits of the connections of one process.

    max_connections  further ones replace the connection that is idle for longest, or get 503
    idle_seconds     without a request
    request_seconds  for the headers of a request; a body has a second more for each
                     BYTES_PER_SECOND bytes that have arrived; a response must be read on within
                     this time
    """

    max_connections: int
    idle_seconds: float
    request_seconds: float


class LimitedConnection(HttpToolsProtocol):
    """A connection that is closed when it exceeds the limits; see ConnectionLimits."""

    def __init__(self, *, limits: ConnectionLimits, **options: Any) -> None:  # noqa: ANN401 - uvicorn's
        super().__init__(**options)
        self._limits = limits
        self._since = self.loop.time()  # of the request, or of the end of the last one
        self._has_headers = True  # False while those of a request arrive
        self._n_bytes = 0  # of the request
        self._stalled_since: float | None = None  # the client does not read

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection; at the limit, close an idle one for it, or refuse it."""
        super().connection_made(transport)
        if len(self.connections) <= self._limits.max_connections:
            return
        others = (one for one in self.connections if isinstance(one, LimitedConnection))
        idle = [one for one in others if one.is_idle and one is not self]
        if idle:
            min(idle, key=lambda one: one._since).transport.close()
        else:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, TooManyConnections())

    @property
    def is_idle(self) -> bool:
        """Return whether no request is in progress and none has begun to arrive."""
        return self._has_headers and (self.cycle is None or self.cycle.response_complete)

    def data_received(self, data: bytes) -> None:
        """Count what arrives, then parse it."""
        if self.is_idle:
            self._since, self._has_headers, self._n_bytes = self.loop.time(), False, 0
        self._n_bytes += len(data)
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Note that the headers of a request arrive."""
        super().on_message_begin()
        self._has_headers = False

    def on_headers_complete(self) -> None:
        """Note that all headers have arrived, and start the request."""
        self._has_headers = True
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Note that the connection is idle."""
        self._since = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Note that the client does not read."""
        self._stalled_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that the client reads again."""
        self._stalled_since = None
        super().resume_writing()

    def close_if_overdue(self) -> None:
        """Close the connection if it exceeds a limit of time."""
        now, seconds = self.loop.time(), self._limits.request_seconds
        if self._stalled_since is not None and now - self._stalled_since > seconds:
            self.transport.abort()
        elif self.is_idle:
            if now - self._since > self._limits.idle_seconds:
                self.transport.close()
        elif self._is_arriving() and now - self._since > seconds + self._n_bytes / BYTES_PER_SECOND:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, RequestTooSlow(seconds))

    def _is_arriving(self) -> bool:
        """Return whether this side waits for the client to send the rest of a request."""
        cycle = self.cycle
        if not self._has_headers:  # perhaps those of a second request, during the response
            return cycle is None or cycle.response_complete
        return cycle.more_body and not cycle.response_started and not self.flow.read_paused

    def _refuse(self, status: HTTPStatus, error: RecsvcError) -> None:
        """Respond with a problem document and close the connection."""
        problem = {
            "type": f"/problems/{error.code()}",
            "title": error.title(),
            "status": status.value,
            "detail": error.detail,
        }
        body = json.dumps(problem).encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\n"
            "content-type: application/problem+json\r\n"
            f"content-length: {len(body)}\r\nretry-after: 1\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def close_overdue(connections: Iterable[object]) -> None:
    """Close the connections that exceed a limit of time."""
    for connection in list(connections):
        if isinstance(connection, LimitedConnection):
            connection.close_if_overdue()


def allow_open_files(n_connections: int) -> int:
    """Raise the limit of open files of this process; return how many connections it allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = n_connections + OPEN_FILES_RESERVED
    allowed = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
    return max(1, min(n_connections, allowed - OPEN_FILES_RESERVED))
