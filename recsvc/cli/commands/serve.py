"""`recsvc serve`: the API and a worker, kept running by this process."""

import socket
import threading
from multiprocessing.connection import Connection
from typing import Annotated

import typer

import recsvc
from recsvc.cli.processes import spawn
from recsvc.cli.processes.supervisor import Supervisor
from recsvc.config import Settings

STILL_STARTING = "Still starting. The first start compiles kernels, which can take a minute."
NOTICE_SECONDS = 4.0
HOW_TO_STOP = "Stop it with Ctrl-C."
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on [RECSVC_HOST or 127.0.0.1].")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port, 0 for any free one [RECSVC_PORT or 8000]."),
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=64, help="API processes sharing the port.")
    ] = 1,
    worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="Run a worker for jobs here, too.")
    ] = True,
) -> None:
    """Serve the API, with one worker for imports and training.

    Data is stored in RECSVC_HOME (recsvc-data) unless RECSVC_DATABASE_URL names a database.
    docs/reference/settings.md lists all settings. SIGTERM or Ctrl-C stops the service: requests
    in progress are answered, and a running training job returns to the queue and resumes at the
    next start.
    """
    settings = Settings()
    listening = spawn.listen(host or settings.host, settings.port if port is None else port)
    with Supervisor() as supervisor:
        start(supervisor, listening, workers=workers, worker=worker)
        announce(listening, settings)
        typer.echo(HOW_TO_STOP)
        supervisor.watch()


def start(
    supervisor: Supervisor, listening: socket.socket, *, workers: int = 1, worker: bool = True
) -> None:
    """Start the service's processes and wait for the API to answer; typer.Exit if it will not."""
    starting = [_keep_api(supervisor, listening) for _ in range(workers)]
    notice = threading.Timer(NOTICE_SECONDS, typer.echo, (STILL_STARTING,), {"err": True})
    notice.start()
    try:
        for ready in starting:
            if not supervisor.answered(ready):
                raise typer.Exit(0 if supervisor.stopping else 1)
    finally:
        notice.cancel()
    if worker:
        supervisor.keep(spawn.worker_process)


def _keep_api(supervisor: Supervisor, listening: socket.socket) -> Connection:
    ours, theirs = spawn.spawning.Pipe(duplex=False)
    supervisor.keep(lambda: spawn.api_process(listening, theirs))
    return ours


def announce(listening: socket.socket, settings: Settings) -> None:
    """Print where the service answers and where its data is."""
    url = address(listening)
    typer.echo(f"recsvc {recsvc.__version__} is ready.")
    typer.echo(f"  API            {url}")
    typer.echo(f"  dashboard      {url}/")
    typer.echo(f"  documentation  {url}/docs")
    typer.echo(f"  data           {settings.home.resolve()}")


def address(listening: socket.socket) -> str:
    """Give the URL at which a socket can be reached from this machine."""
    host, port = listening.getsockname()[:2]
    host = WILDCARDS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
