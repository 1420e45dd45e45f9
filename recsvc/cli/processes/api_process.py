"""The API process: a uvicorn server."""

import socket
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection

import uvicorn

from recsvc.api.access.exposure import Exposure
from recsvc.api.app import app_from_environment

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


def serve(listening: socket.socket, ready: Connection) -> None:
    """Serve the API on a socket until a signal; send True over `ready` when it accepts requests."""
    config = uvicorn.Config(
        partial(app_from_environment, Exposure.from_socket(listening)),
        factory=True,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    _NotifyingServer(config, ready).run(sockets=[listening])
