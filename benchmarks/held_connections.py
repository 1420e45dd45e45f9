"""Recommendations while other clients hold connections: idle, slow, or following a job.

    .venv/bin/python -m benchmarks held_connections

One API process on MovieLens 1M with one training job. A client asks for lists on new connections,
one after the other: alone first, then while 1,000 connections are idle, 200 send a request a byte a
second, and 400 follow the events of the job. /readyz is asked meanwhile. Then all that is held is
closed, and the slow requests must have been refused in time.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

from benchmarks.data import ML_1M, data_file
from benchmarks.service import imported, service, trained
from recsvc.client import Client

N_IDLE, N_SLOW, N_STREAMS = 1000, 200, 400
N_LISTS = 1500
N_USERS = 6040
REQUEST_SECONDS = 10
MOST_RATIO, MOST_READY_MS = 2.0, 200.0
ENDLESS = {"epochs": 10_000, "patience": 10_000}


class Found(NamedTuple):
    """Percentiles of the lists and the slowest /readyz, in milliseconds; failed requests."""

    p50: float
    p99: float
    ready: float
    n_failed: int


class Held(NamedTuple):
    """Numbers of connections held, and what became of them.

    n_refused    slow requests that got 408
    n_following  streams that received an event
    """

    n_idle: int
    n_refused: int
    n_following: int


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        own = {"RECSVC_REQUEST_SECONDS": str(REQUEST_SECONDS), "RECSVC_TRAINING_THREADS": "1"}
        with service(Path(name), **own) as client:
            imported(client, data_file(ML_1M))
            trained(client, hyperparameters={"epochs": 3})
            job = client.train(hyperparameters=ENDLESS, publish="never")
            while not client.error_curve(job["id"]):
                time.sleep(0.2)
            alone, beside, held = asyncio.run(run(client, job["id"]))
            client.cancel(job)
    show(alone, beside, held)


async def run(
    client: Client,
    job_id: int,
    *,
    n_idle: int = N_IDLE,
    n_slow: int = N_SLOW,
    n_streams: int = N_STREAMS,
    n_lists: int = N_LISTS,
    request_seconds: float = REQUEST_SECONDS,
) -> tuple[Found, Found, Held]:
    """Measure alone, then beside held connections."""
    host, port = client.base_url.removeprefix("http://").split(":")
    address = host, int(port)
    alone = await ask(address, n_lists)
    async with AsyncExitStack() as stack:
        held = [
            await stack.enter_async_context(idle(address, n_idle)),
            await stack.enter_async_context(slow(address, n_slow)),
            await stack.enter_async_context(following(address, n_streams, job_id)),
        ]
        beside = await ask(address, n_lists)
        await asyncio.sleep(request_seconds + 2)
    n_idle_left, n_refused, n_following = (count() for count in held)
    return alone, beside, Held(n_idle_left, n_refused, n_following)


async def ask(address: tuple[str, int], n_lists: int) -> Found:
    """Ask for lists on connections of their own, and /readyz after each twentieth."""
    seconds, ready, n_failed = [], [0.0], 0
    for number in range(n_lists):
        user = 1 + number * 7919 % N_USERS
        status, took = await get(address, f"/v1/users/{user}/recommendations")
        seconds.append(took)
        n_failed += status != 200
        if number % 20 == 0:
            status, took = await get(address, "/readyz")
            ready.append(took)
            n_failed += status != 200
    cuts = quantiles(seconds, n=100)
    return Found(1000 * cuts[49], 1000 * cuts[98], 1000 * max(ready), n_failed)


async def get(address: tuple[str, int], path: str) -> tuple[int, float]:
    """Return the status of a GET on a connection of its own, 0 without one, and its seconds."""
    started = time.perf_counter()
    try:
        async with asyncio.timeout(60):
            reader, writer = await asyncio.open_connection(*address)
            writer.write(
                f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
            )
            response = await reader.read()
            writer.close()
    except (OSError, TimeoutError):
        return 0, time.perf_counter() - started
    return int(response.split(b" ", 2)[1]) if response else 0, time.perf_counter() - started


@asynccontextmanager
async def idle(address: tuple[str, int], n: int) -> AsyncIterator[object]:
    """Open connections that send nothing; the result counts those that are still open."""
    opened = [await asyncio.open_connection(*address) for _ in range(n)]
    yield lambda: sum(not reader.at_eof() for reader, _ in opened)
    for _, writer in opened:
        writer.close()


@asynccontextmanager
async def slow(address: tuple[str, int], n: int) -> AsyncIterator[object]:
    """Send requests a byte a second, half of them in the body; count the answers 408."""
    answers: list[bytes] = []

    async def send(number: int) -> None:
        head = b"PUT /v1/users/slow/ratings/tea HTTP/1.1\r\nHost: localhost\r\n"
        if number % 2:
            head += b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
        reader, writer = await asyncio.open_connection(*address)
        writer.write(head)
        answer = asyncio.create_task(reader.read())
        try:
            while not answer.done():
                writer.write(b"x")
                await asyncio.sleep(1)
            answers.append(answer.result())
        except (OSError, asyncio.CancelledError):
            answer.cancel()
        finally:
            writer.close()

    tasks = [asyncio.create_task(send(number)) for number in range(n)]
    yield lambda: sum(answer.startswith(b"HTTP/1.1 408") for answer in answers)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def following(address: tuple[str, int], n: int, job_id: int) -> AsyncIterator[object]:
    """Follow the events of a job; count the streams that have received an epoch."""
    n_events = [0] * n

    async def follow(number: int) -> None:
        reader, writer = await asyncio.open_connection(*address)
        path = f"/v1/training-jobs/{job_id}/events"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        try:
            while line := await reader.readline():
                n_events[number] += line.startswith(b"event: epoch")
        finally:
            writer.close()

    tasks = [asyncio.create_task(follow(number)) for number in range(n)]
    await asyncio.sleep(2)
    yield lambda: sum(number > 0 for number in n_events)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def show(alone: Found, beside: Found, held: Held) -> None:
    print(
        "| lists on new connections, one after the other | p50, ms | p99, ms | /readyz, ms "
        "| failed |"
    )
    print("|---|---:|---:|---:|---:|")
    for name, found in (("alone, beside a training job", alone), (describe(held), beside)):
        print(
            f"| {name} | {found.p50:.1f} | {found.p99:.1f} | {found.ready:.0f} | {found.n_failed} |"
        )
    ratio = beside.p99 / alone.p99
    print(f"\np99 {ratio:.1f}× (at most {MOST_RATIO:g}×), /readyz at most {MOST_READY_MS:g} ms.")
    if held.n_refused != N_SLOW or held.n_following != N_STREAMS:
        sys.exit(f"Not all slow requests were refused, or not all streams had an event: {held}")


def describe(held: Held) -> str:
    return (
        f"beside {held.n_idle} idle connections, {held.n_refused} slow requests (refused after "
        f"{REQUEST_SECONDS} s) and {held.n_following} event streams"
    )


if __name__ == "__main__":
    main()
