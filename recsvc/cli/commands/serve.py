"""`recsvc serve`: the API and a worker, supervised by this process."""

import socket
import sys
import threading
from itertools import cycle
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated

import typer

import recsvc
from recsvc.cli.processes import spawn
from recsvc.cli.processes.service_folder import open_service_folder
from recsvc.cli.processes.supervisor import Supervisor
from recsvc.config import Settings
from recsvc.runtime import logs

STILL_STARTING = "Still starting: the first start compiles kernels, which can take a minute."
NOTICE_SECONDS = 4.0
HOW_TO_STOP = "Press Ctrl-C to stop."
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on [RECSVC_HOST or 127.0.0.1].")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port; 0 for any free port [RECSVC_PORT or 8000]."),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            "--workers", min=1, max=64, help="Number of API processes that share the port."
        ),
    ] = 1,
    worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="Also run a worker for jobs.")
    ] = True,
) -> None:
    """Serve the API, with one worker for imports, training and evaluations.

    Data is stored in RECSVC_HOME (default: recsvc-data) unless RECSVC_DATABASE_URL is set.
    docs/reference/settings.md lists all settings. SIGTERM or Ctrl-C shuts the service down: running
    requests are completed, and a running job returns to the queue and resumes after the next start.
    SIGHUP replaces the API processes without refusing a request, after an upgrade of the package.
    """
    settings = Settings()
    logs.configure(settings.log_level, hide_values=settings.hash_user_ids)
    listening = spawn.bind(host or settings.host, settings.port if port is None else port)
    with open_service_folder(settings.home) as folder, Supervisor(listening) as supervisor:
        start(supervisor, listening, folder, workers=workers, worker=worker)
        print_addresses(listening, settings)
        typer.echo(HOW_TO_STOP)
        supervisor.watch()


def start(
    supervisor: Supervisor,
    listening: socket.socket,
    folder: Path,
    *,
    workers: int = 1,
    worker: bool = True,
) -> None:
    """Start the processes and wait until the API is ready. Raises typer.Exit if it cannot start.

    folder  of the numbers of the processes
    """
    starting = [
        _keep_api(supervisor, listening, folder / f"api-{number}")
        for number in range(1, workers + 1)
    ]
    notice = threading.Timer(NOTICE_SECONDS, typer.echo, (STILL_STARTING,), {"err": True})
    if sys.stderr.isatty():  # a log has JSON lines alone
        notice.start()
    try:
        for ready in starting:
            if not supervisor.wait_until_ready(ready):
                raise typer.Exit(0 if supervisor.stopping else 1)
    finally:
        notice.cancel()
    if worker:
        supervisor.keep(lambda: spawn.worker_process(folder / "worker"))


def _keep_api(supervisor: Supervisor, listening: socket.socket, numbers: Path) -> Connection:
    ours, theirs = spawn.spawn_context.Pipe(duplex=False)
    # Two files in turn: on reload the new process starts while the old one uses its file.
    files = cycle((numbers, numbers.with_name(f"{numbers.name}b")))
    supervisor.keep(lambda: spawn.api_process(listening, theirs, next(files)), ours)
    return ours


def print_addresses(listening: socket.socket, settings: Settings) -> None:
    """Print the addresses of the service and the folder of its data."""
    url = base_url(listening)
    typer.echo(f"recsvc {recsvc.__version__} is ready.")
    typer.echo(f"  API            {url}")
    typer.echo(f"  dashboard      {url}/")
    typer.echo(f"  documentation  {url}/docs")
    typer.echo(f"  data           {settings.home.resolve()}")


def base_url(listening: socket.socket) -> str:
    """Return the URL of a listening socket as seen from this machine."""
    host, port = listening.getsockname()[:2]
    host = WILDCARDS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
