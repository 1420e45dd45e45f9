"""uvicorn, as an API process runs it."""

import socket
from contextlib import suppress
from multiprocessing.connection import Connection

import uvicorn

GRACE_SECONDS = 5  # for answers under way when the process is told to stop


class _Announcing(uvicorn.Server):
    """A server that says when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Connection) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        with suppress(BrokenPipeError):  # the parent may have lost interest
            self._ready.send(self.started)


def answer(listening: socket.socket, ready: Connection) -> None:
    """Serve the API on a socket until told to stop; sends True over `ready` once it answers."""
    config = uvicorn.Config(
        "recsvc.api.app:app_from_environment",
        factory=True,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    _Announcing(config, ready).run(sockets=[listening])
