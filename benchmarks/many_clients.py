"""Many clients of four API processes on PostgreSQL: failed requests and the tail of the latency.

    .venv/bin/python -m benchmarks many_clients

Each client keeps a connection and sends one request after the other, for 20 s: of ten, six ask for
recommendations, three rate an item and one reads a user's ratings. First 16 clients, then 200.
"""

import asyncio
import random
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

from benchmarks.burst import answer, postgresql
from benchmarks.data import ML_1M, data_file
from benchmarks.service import imported, service, trained

N_PROCESSES = 4
N_CLIENTS = (16, 200)
SECONDS = 20
N_USERS, N_ITEMS = 6040, 3000
MOST_RATIO = 10.0


class Load(NamedTuple):
    """What the clients of one number saw; `failed` counts statuses, 0 for a broken connection."""

    n_clients: int
    n_requests: int
    failed: Counter[int]
    p50_ms: float
    p99_ms: float


def main() -> None:
    with tempfile.TemporaryDirectory() as name, postgresql() as url:
        own = {"RECSVC_DATABASE_URL": url, "RECSVC_TRAINING_THREADS": "1"}
        with service(Path(name), "--workers", str(N_PROCESSES), **own) as client:
            imported(client, data_file(ML_1M))
            trained(client, hyperparameters={"epochs": 3})
            time.sleep(3)  # every process has the version
            address = client.base_url.removeprefix("http://")
            found = [asyncio.run(load(address, number, SECONDS)) for number in N_CLIENTS]
    show(found)


async def load(address: str, n_clients: int, seconds: float) -> Load:
    """Let clients send requests for some time."""
    took: list[float] = []
    failed: list[int] = []
    deadline = time.monotonic() + seconds
    clients = (one_client(address, seed, deadline, took, failed) for seed in range(n_clients))
    await asyncio.gather(*clients)
    cuts = quantiles(took, n=100)
    return Load(n_clients, len(took), Counter(failed), 1000 * cuts[49], 1000 * cuts[98])


async def one_client(
    address: str, seed: int, deadline: float, took: list[float], failed: list[int]
) -> None:
    """Send requests over one connection until the deadline."""
    rng = random.Random(seed)
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    while time.monotonic() < deadline:
        started = time.perf_counter()
        writer.write(request(rng))
        status, _ = await answer(reader)
        took.append(time.perf_counter() - started)
        if status not in (200, 201):
            failed.append(status)
        if not status:
            break
    writer.close()


def request(rng: random.Random, n_users: int = N_USERS, n_items: int = N_ITEMS) -> bytes:
    """Return a random request of a user and an item, numbered from 1."""
    user, item = rng.randrange(1, n_users + 1), rng.randrange(1, n_items + 1)
    kind = rng.random()
    if kind < 0.3:
        body = b'{"value": %d}' % rng.randrange(1, 6)
        return (
            f"PUT /v1/users/{user}/ratings/{item} HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body
    what = "ratings" if kind < 0.4 else "recommendations"
    return f"GET /v1/users/{user}/{what} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def show(found: list[Load]) -> None:
    print(
        f"| {N_PROCESSES} API processes, PostgreSQL, {SECONDS} s | requests a second | failed "
        "| p50, ms | p99, ms | |"
    )
    print("|---|---:|---:|---:|---:|---|")
    for one in found:
        ratio = one.p99_ms / found[0].p99_ms
        note = f"p99 {ratio:.1f}× (at most {MOST_RATIO:g}×)" if one is not found[0] else ""
        note += f" failed: {dict(one.failed)}" if one.failed else ""
        print(
            f"| {one.n_clients} clients | {one.n_requests / SECONDS:,.0f} | {one.failed.total()} "
            f"| {one.p50_ms:.1f} | {one.p99_ms:.1f} | {note} |"
        )


if __name__ == "__main__":
    main()
