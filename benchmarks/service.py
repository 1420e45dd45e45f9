"""A real service for the length of a benchmark."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recsvc.client import Client, Job

RECSVC = Path(sys.executable).with_name("recsvc")


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


@contextmanager
def process(
    command: list[str], *, log: Path | None = None, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command, with its output in `log`; SIGTERM at the end."""
    with (log or Path(os.devnull)).open("ab") as output:
        started = subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=output, stderr=output
        )
    try:
        yield started
    finally:
        started.send_signal(signal.SIGTERM)
        started.wait(30)


@contextmanager
def service(
    home: Path, *options: str, log: Path | None = None, **environment: str
) -> Iterator[Client]:
    """Run `recsvc serve` on a free port until the end of the block."""
    port = free_port()
    command = [str(RECSVC), "serve", "--port", str(port), *options]
    own = {"RECSVC_HOME": str(home), "RECSVC_LOG_LEVEL": "error", **environment}
    with (
        process(command, log=log, **own),
        Client(f"http://127.0.0.1:{port}", patience=60) as client,
    ):
        wait_until_live(client)
        yield client


def wait_until_live(client: Client, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not client.live():
        if time.monotonic() > deadline:
            sys.exit("The service did not start.")
        time.sleep(0.1)


def succeeded(client: Client, job: Job) -> Job:
    """Wait for a job to succeed, or end with its error."""
    job = client.wait_for(job)
    if job["state"] != "succeeded":
        sys.exit(f"{job['kind']} job {job['id']} is {job['state']}: {job.get('error')}")
    return job


def imported(client: Client, file: Path) -> Job:
    """Import a file of ratings."""
    with file.open("rb") as stream:
        return succeeded(client, client.import_file(stream, file.name))


def trained(client: Client, **spec: object) -> Job:
    """Train and publish."""
    return succeeded(client, client.train(publish="always", **spec))
