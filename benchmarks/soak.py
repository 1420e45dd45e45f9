"""Half an hour of mixed load with a publication a minute: failed requests and growth of memory.

    .venv/bin/python -m benchmarks soak

Four API processes and a worker on SQLite, with MovieLens 100k. Clients send 40 requests a second;
each minute a training job publishes a version. The proportional set size (PSS) of the API processes
is read every ten seconds. A run takes at most --minutes; the service goes on between two runs, and
the next one continues. --stop ends it.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import mean

from benchmarks.burst import answer
from benchmarks.data import data_file
from benchmarks.many_clients import request
from benchmarks.scrapes import api_processes
from benchmarks.service import RECSVC, free_port, imported, trained, wait_until_live
from recsvc.client import Client

FOLDER = Path(__file__).parent / ".cache" / "soak"
ML_100K = "ml-100k/u.data"
N_USERS, N_ITEMS = 943, 1682
N_PROCESSES = 4
N_CLIENTS = 8
PAUSE_SECONDS = 0.2  # of a client between two requests
TOTAL_MINUTES = 30
SAMPLE_SECONDS = 10
MOST_GROWTH = 1.03
PUBLISH_SECONDS = 60
QUICK = {"epochs": 2, "n_hidden": 64}


class State:
    """The service and the samples of all runs so far, in FOLDER."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.samples_file = folder / "samples.jsonl"
        self._service_file = folder / "service.json"

    def address(self) -> str:
        """Return the address of the running service; start it if there is none."""
        folder = self.folder
        if self._service_file.exists():
            found = json.loads(self._service_file.read_text())
            with suppress(ProcessLookupError):
                os.kill(found["pid"], 0)
                return found["url"]
            sys.exit(f"The service has ended; its log is {folder / 'log'}. Begin again: --stop.")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        port = free_port()
        command = [RECSVC, "serve", "--port", str(port), "--workers", str(N_PROCESSES)]
        own = {
            "RECSVC_HOME": str(self.home),
            "RECSVC_LOG_LEVEL": "warning",
            "RECSVC_TRAINING_THREADS": "1",
        }
        with (folder / "log").open("wb") as log:
            started = subprocess.Popen(
                command, env=os.environ | own, stdout=log, stderr=log, start_new_session=True
            )
        url = f"http://127.0.0.1:{port}"
        with Client(url, patience=60) as client:
            wait_until_live(client)
            imported(client, data_file(ML_100K))
            trained(client, hyperparameters=QUICK)
        time.sleep(3)  # every process has the version
        self._service_file.write_text(json.dumps({"pid": started.pid, "url": url}))
        return url

    def samples(self) -> list[dict]:
        """Return the samples of all runs so far."""
        if not self.samples_file.exists():
            return []
        return [json.loads(line) for line in self.samples_file.read_text().splitlines()]

    def stop(self) -> None:
        """End the service and forget everything."""
        if self._service_file.exists():
            with suppress(ProcessLookupError):
                os.kill(json.loads(self._service_file.read_text())["pid"], signal.SIGTERM)
            time.sleep(5)
        shutil.rmtree(self.folder, ignore_errors=True)


class Counts:
    """What the clients of a run saw."""

    def __init__(self) -> None:
        self.n_requests = 0
        self.n_publications = 0
        self.failures: list[str] = []


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--minutes", type=float, default=15, help="of this run")
    options.add_argument("--stop", action="store_true", help="end the service and begin again")
    chosen = options.parse_args()
    state = State(FOLDER)
    if chosen.stop:
        state.stop()
        return
    seconds_left = 60 * TOTAL_MINUTES - SAMPLE_SECONDS * len(state.samples())
    run(state, min(60 * chosen.minutes, seconds_left))
    show(state.samples())
    if SAMPLE_SECONDS * len(state.samples()) >= 60 * TOTAL_MINUTES:
        state.stop()


def run(state: State, seconds: float) -> None:
    """Send load for some time; add a sample each SAMPLE_SECONDS."""
    url = state.address()
    counts = Counts()
    with publishing(url, counts):
        asyncio.run(send_and_sample(state, url, counts, seconds))


async def send_and_sample(state: State, url: str, counts: Counts, seconds: float) -> None:
    address = url.removeprefix("http://")
    deadline = time.monotonic() + seconds
    clients = [
        asyncio.create_task(one_client(address, seed, deadline, counts))
        for seed in range(N_CLIENTS)
    ]
    due = time.monotonic() + SAMPLE_SECONDS
    while due <= deadline + 0.1:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        due += SAMPLE_SECONDS
        sample = {
            "requests": counts.n_requests,
            "failures": counts.failures[:],
            "publications": counts.n_publications,
            "memory_mb": [pss_mb(pid) for pid in api_processes(state.home)],
        }
        counts.n_requests, counts.n_publications, counts.failures = 0, 0, []
        with state.samples_file.open("a") as file:
            file.write(json.dumps(sample) + "\n")
    await asyncio.gather(*clients)


async def one_client(address: str, seed: int, deadline: float, counts: Counts) -> None:
    """Send a request, pause, and so on, over one connection."""
    rng = random.Random(f"{seed} {time.monotonic_ns()}")
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    while time.monotonic() < deadline:
        sent = request(rng, N_USERS, N_ITEMS)
        writer.write(sent)
        status, _ = await answer(reader)
        counts.n_requests += 1
        if status not in (200, 201):
            counts.failures.append(f"{status} {sent.split(b' HTTP')[0].decode()}")
        if not status:
            reader, writer = await asyncio.open_connection(host, int(port))
        await asyncio.sleep(PAUSE_SECONDS)
    writer.close()


@contextmanager
def publishing(url: str, counts: Counts) -> Iterator[None]:
    """Train and publish once a minute until the end of the block."""
    stopping = threading.Event()

    def publish() -> None:
        with Client(url, patience=60) as client:
            while not stopping.wait(PUBLISH_SECONDS):
                try:
                    client.wait_for(client.train(publish="always", hyperparameters=QUICK))
                except Exception as error:
                    counts.failures.append(repr(error))
                else:
                    counts.n_publications += 1

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def pss_mb(pid: int) -> float:
    """Return the proportional set size of a process in megabytes."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return (
        int(next(line for line in text.splitlines() if line.startswith("Pss:")).split()[1]) / 1024
    )


def show(samples: list[dict]) -> None:
    memory = [sum(sample["memory_mb"]) for sample in samples]
    third = max(1, len(memory) // 3)
    first, last = mean(memory[:third]), mean(memory[-third:])
    failures = [failure for sample in samples for failure in sample["failures"]]
    minutes = SAMPLE_SECONDS * len(samples) / 60
    print(f"| {N_PROCESSES} API processes, {minutes:.0f} of {TOTAL_MINUTES} minutes | | |")
    print("|---|---:|---|")
    print(f"| requests | {sum(sample['requests'] for sample in samples):,} | |")
    print(f"| failed requests | {len(failures)} | at most 0 |")
    print(f"| publications | {sum(sample['publications'] for sample in samples)} | |")
    print(f"| memory (PSS) of the API processes, first third | {first:.0f} MB | |")
    print(f"| last third | {last:.0f} MB | {last / first:.3f}× (at most {MOST_GROWTH}×) |")
    for failure in failures[:10]:
        print(failure, file=sys.stderr)


if __name__ == "__main__":
    main()
