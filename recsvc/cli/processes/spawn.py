"""The processes of the service, each a child of a command.

They are spawned instead of forked, and end with their parent (`recsvc.runtime.parent_watch`).
Each leads its own process group, so Ctrl-C reaches only the parent, which ends them in order.
"""

import multiprocessing
import os
import socket
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

import structlog

from recsvc.cli.processes import kernel_cache
from recsvc.config import Settings
from recsvc.errors import RecsvcError
from recsvc.runtime import logs, private_files
from recsvc.runtime.number_file import NumberFile

BACKLOG = 2048

spawn_context = multiprocessing.get_context("spawn")


def api_process(
    listening: socket.socket, ready: Connection, numbers: Path | None = None
) -> SpawnProcess:
    """Create an API process without starting it; it sends True over `ready` when it is ready.

    numbers  file of its metrics; None for a process that is the only one
    """
    return spawn_context.Process(target=_serve_api, args=(listening, ready, numbers), name="api")


def worker_process(numbers: Path | None = None) -> SpawnProcess:
    """Create a worker process without starting it.

    numbers  file by which the metrics of the service find the process
    """
    return spawn_context.Process(target=_run_worker, args=(numbers,), name="worker")


def bind(host: str, port: int) -> socket.socket:
    """Bind a port (0: any free port), on which connections are refused until a process listens.

    Raises OSError if the port is in use.
    """
    if port == 0:  # the kernel keeps only a port that was asked for when the socket stops listening
        with _bind(host, port) as chosen:
            port = chosen.getsockname()[1]
    return _bind(host, port)


def listen_on_unix_socket(folder: Path) -> tuple[socket.socket, str]:
    """Listen on a Unix socket in a folder; return the socket and its path."""
    path = str(folder / "api.sock")
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(path)
    listening.listen(BACKLOG)
    return listening, path


def _bind(host: str, port: int) -> socket.socket:
    """Bind a port. Raises OSError if it is in use."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise OSError(f"Cannot listen on {host}:{port}: {error.strerror}.") from error
    return bound


def _serve_api(listening: socket.socket, ready: Connection, numbers: Path | None) -> None:
    os.setpgid(0, 0)
    private_files.restrict_umask()
    settings = Settings()
    logs.configure(settings.log_level, hide_values=settings.hash_user_ids)
    kernel_cache.configure(settings.home)
    _exit_on_error(lambda: _check_stores(settings))
    from recsvc.cli.processes.api_process import serve

    _exit_on_error(lambda: serve(listening, ready, numbers))


def _check_stores(settings: Settings) -> None:
    """Open the database and the shelf once, so that an error is reported in one line."""
    from recsvc.service.context import open_context

    open_context(settings).database.close()


def _run_worker(numbers: Path | None) -> None:
    os.setpgid(0, 0)
    present = NumberFile(numbers)  # its lock shows that this process runs
    _exit_on_error(run_worker)
    present.close()


def run_worker() -> None:
    """Run jobs until a signal arrives. Raises ConfigurationError, DatabaseUnavailable."""
    private_files.restrict_umask()
    settings = Settings()
    kernel_cache.configure(settings.home)
    from recsvc import worker

    worker.run(settings)


def _exit_on_error(act: Callable[[], None]) -> None:
    try:
        act()
    except RecsvcError as error:
        sys.stderr.write(f"error: {' '.join(error.detail_with_cause().split())}\n")
        sys.exit(1)
    except Exception:
        structlog.get_logger().exception("process failed")
        sys.exit(1)
