"""The API process: a uvicorn server."""

import asyncio
import socket
import time
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import uvicorn

from recsvc.api.access.exposure import Exposure
from recsvc.api.app import app_from_environment
from recsvc.cli.processes.http_connections import (
    ConnectionLimits,
    LimitedConnection,
    allow_open_files,
    close_overdue,
)
from recsvc.config import Settings
from recsvc.runtime.draining import is_draining

DRAIN_SECONDS = 1.0  # for clients that reuse connections
TICKS_PER_SECOND = 10  # of uvicorn
GRACE_SECONDS = 5  # for running requests at shutdown


class _NotifyingServer(uvicorn.Server):
    """A server that reports over a pipe when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Connection) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the server, then report its readiness."""
        await super().startup(sockets)
        with suppress(BrokenPipeError):  # the parent process may have ended
            self._ready.send(self.started)

    async def on_tick(self, counter: int) -> bool:
        """Close connections that exceed a limit of time, once a second."""
        if counter % TICKS_PER_SECOND == 0:
            close_overdue(self.server_state.connections)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close idle connections only after their clients had a chance to connect anew.

        A client that sends a request on a connection while it is closed gets no response. So every
        response asks the client to close the connection first.
        """
        is_draining.set()
        for server in self.servers:
            server.close()
        deadline = time.monotonic() + DRAIN_SECONDS
        while self.server_state.connections and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)


def serve(listening: socket.socket, ready: Connection, numbers: Path | None) -> None:
    """Serve the API on a socket until a signal; send True over `ready` when it accepts requests.

    numbers  file of the metrics of this process; None for a process that is the only one
    """
    settings = Settings()
    limits = ConnectionLimits(
        allow_open_files(settings.max_connections), settings.idle_seconds, settings.request_seconds
    )
    config = uvicorn.Config(
        partial(app_from_environment, Exposure.from_socket(listening), numbers),
        factory=True,
        http=partial(LimitedConnection, limits=limits),  # type: ignore[arg-type] # a factory
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=settings.idle_seconds,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    _NotifyingServer(config, ready).run(sockets=[listening])
