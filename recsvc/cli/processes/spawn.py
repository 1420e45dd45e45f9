"""The processes that the service is made of, each the child of a command.

They are spawned, never forked, and end with their parent however that ends: see
`recsvc.runtime.parent_watch`. Each leads a process group of its own, so
that Ctrl-C reaches the parent alone, which then ends them in order.
"""

import multiprocessing
import os
import socket
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

from recsvc.cli.processes import kernel_cache
from recsvc.config import Settings
from recsvc.errors import RecsvcError

BACKLOG = 2048

spawning = multiprocessing.get_context("spawn")


def api_process(listening: socket.socket, ready: Connection) -> SpawnProcess:
    """Make, not yet start, an API process; it sends True over `ready` once it answers."""
    return spawning.Process(target=_serve_api, args=(listening, ready), name="api")


def worker_process() -> SpawnProcess:
    """Make, not yet start, a worker."""
    return spawning.Process(target=_run_worker, name="worker")


def listen(host: str, port: int) -> socket.socket:
    """Take a port (0: any that is free) before any process starts. OSError where it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise OSError(f"Cannot listen on {host}:{port}: {error.strerror}.") from error
    listening.listen(BACKLOG)
    return listening


def listen_privately(folder: Path) -> tuple[socket.socket, str]:
    """Listen on a Unix socket in a folder; give the socket and its path."""
    path = str(folder / "api.sock")
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(path)
    listening.listen(BACKLOG)
    return listening, path


def _serve_api(listening: socket.socket, ready: Connection) -> None:
    os.setpgid(0, 0)
    settings = Settings()
    kernel_cache.settle(settings.home)
    _or_one_line(lambda: _look_around(settings))
    from recsvc.cli.processes.api_process import answer

    answer(listening, ready)


def _look_around(settings: Settings) -> None:
    """Find out here, where an error can be said in a line, whether everything can be opened."""
    from recsvc.service.context import open_context

    open_context(settings).database.close()


def _run_worker() -> None:
    os.setpgid(0, 0)
    _or_one_line(run_worker)


def run_worker() -> None:
    """Carry out jobs until told to stop. Raises ConfigurationError, DatabaseUnavailable."""
    settings = Settings()
    kernel_cache.settle(settings.home)
    from recsvc import worker

    worker.run(settings)


def _or_one_line(act: Callable[[], None]) -> None:
    try:
        act()
    except RecsvcError as error:
        sys.stderr.write(f"error: {' '.join(str(error).split())}\n")
        sys.exit(1)
