"""The API process: a uvicorn server."""

import socket
from contextlib import suppress
from multiprocessing.connection import Connection

import uvicorn

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
        "recsvc.api.app:app_from_environment",
        factory=True,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    _NotifyingServer(config, ready).run(sockets=[listening])
