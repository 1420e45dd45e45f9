"""How a command reaches the service: at its address, or by starting one for itself."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

from recsvc.cli.processes import spawn
from recsvc.cli.processes.supervisor import stop
from recsvc.client import FINAL_STATES, Client, Job, Unreachable
from recsvc.config import Settings

PATIENCE_SECONDS = 3.0
TAKEN_UP_WITHIN_SECONDS = 0.75


class Reached:
    """A service at the other end of `client`, and whose it is.

    `ours`  the processes that this command has started; None where the service is somebody else's
    """

    def __init__(self, client: Client, ours: list[SpawnProcess] | None = None) -> None:
        self.client = client
        self._ours = ours
        self._works = ours is None

    def see_to(self, job: Job) -> Job:
        """Make sure that a job is carried out: where no worker takes it up, start one."""
        deadline = time.monotonic() + TAKEN_UP_WITHIN_SECONDS
        while not self._works and job["state"] == "queued":
            if time.monotonic() > deadline:
                self._start_worker()
            time.sleep(0.1)
            job = self.client.job(job["kind"], job["id"])
        return job

    def follow(self, job: Job, *, every: float = 0.25) -> Iterator[Job]:
        """Give a job as it stands now and then, the last time when it is final."""
        job = self.see_to(job)
        while job["state"] not in FINAL_STATES:
            yield job
            time.sleep(every)
            job = self.client.job(job["kind"], job["id"])
        yield job

    def _start_worker(self) -> None:
        if self._ours is not None:
            worker = spawn.worker_process()
            worker.start()
            self._ours.append(worker)
        self._works = True


@contextmanager
def reach(url: str | None) -> Iterator[Reached]:
    """Connect to the service at `url`, or to one that lives as long as this command."""
    if url is not None:
        with Client(url, patience=PATIENCE_SECONDS) as client:
            yield Reached(client)
        return
    ours: list[SpawnProcess] = []
    with tempfile.TemporaryDirectory(prefix="recsvc-") as folder:
        try:
            with Client("http://recsvc", uds=_start_api(Path(folder), ours)) as client:
                yield Reached(client, ours)
        finally:
            stop(ours)


def _start_api(folder: Path, ours: list[SpawnProcess]) -> str:
    Settings()  # said in one line here, if something cannot be used
    os.environ.setdefault("RECSVC_LOG_LEVEL", "error")
    listening, path = spawn.listen_privately(folder)
    with listening:
        ready, theirs = spawn.spawning.Pipe(duplex=False)
        api = spawn.api_process(listening, theirs)
        ours.append(api)
        api.start()
    if ready not in connection.wait([ready, api.sentinel]) or not ready.recv():
        raise Unreachable("The service that this command needs could not start; see above.")
    return path
