"""The session of a command with a service: a running one, or a temporary one."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

import typer

from recsvc.cli.processes import spawn
from recsvc.cli.processes.supervisor import stop
from recsvc.client import FINAL_STATES, Client, Job
from recsvc.config import Settings

PATIENCE_SECONDS = 3.0
CLAIM_SECONDS = 0.75


class ServiceSession:
    """A client of a service, and the processes that this command started for it.

    started  the processes of a temporary service; None for a service that was already running
    """

    def __init__(self, client: Client, started: list[SpawnProcess] | None = None) -> None:
        self.client = client
        self._started = started
        self._has_worker = started is None

    def ensure_worker(self, job: Job) -> Job:
        """Start a worker if no running worker claims the job soon; return the job."""
        deadline = time.monotonic() + CLAIM_SECONDS
        while not self._has_worker and job["state"] == "queued":
            if time.monotonic() > deadline:
                self._start_worker()
            time.sleep(0.1)
            job = self.client.job(job["kind"], job["id"])
        return job

    def follow(self, job: Job, *, every: float = 0.25) -> Iterator[Job]:
        """Yield the state of a job repeatedly, until and including its final state."""
        job = self.ensure_worker(job)
        while job["state"] not in FINAL_STATES:
            yield job
            time.sleep(every)
            job = self.client.job(job["kind"], job["id"])
        yield job

    def _start_worker(self) -> None:
        if self._started is not None:
            worker = spawn.worker_process()
            worker.start()
            self._started.append(worker)
        self._has_worker = True


@contextmanager
def open_service(url: str | None) -> Iterator[ServiceSession]:
    """Connect to the service at `url`, or start a temporary one for this command."""
    if url is not None:
        with Client(url, patience=PATIENCE_SECONDS) as client:
            yield ServiceSession(client)
        return
    started: list[SpawnProcess] = []
    with tempfile.TemporaryDirectory(prefix="recsvc-") as folder:
        try:
            with Client("http://localhost", uds=_start_api(Path(folder), started)) as client:
                yield ServiceSession(client, started)
        finally:
            stop(started)


def _start_api(folder: Path, started: list[SpawnProcess]) -> str:
    Settings()  # reports invalid settings in one line
    os.environ.setdefault("RECSVC_LOG_LEVEL", "error")
    listening, path = spawn.listen_on_unix_socket(folder)
    with listening:
        ready, theirs = spawn.spawn_context.Pipe(duplex=False)
        api = spawn.api_process(listening, theirs)
        started.append(api)
        api.start()
    if ready not in connection.wait([ready, api.sentinel]) or not ready.recv():
        raise typer.Exit(1)  # the process has printed the error
    return path
