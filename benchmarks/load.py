"""Load on a service that is killed or starved meanwhile, and what it must have stored afterwards.

Each writer has its own connection and its own ratings. It repeats a request until the response
acknowledges it, so a rating is in doubt only between two responses.
"""

import http.client
import itertools
import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from benchmarks.burst import PROBE
from recsvc.client import Client
from recsvc.service.demo_data import generate_shop

N_WRITERS = 3
N_READERS = 2
PAUSE_SECONDS = 0.05  # of a client between two requests
TIMEOUT_SECONDS = 60
CUT_OFF = (OSError, http.client.HTTPException)
N_USERS = 120
N_ITEMS = 216  # of the generated shop
ITEMS_PER_USER = 40
STORED = ("200", "201")
EXPECTED = (*STORED, "503", "507", "cut off")

Rating = tuple[str, str, int]


class Writer:
    """Sends single ratings; remembers which values may be stored and which dates must be.

    ratings  repeated all the time; without them each rating is new or replaces one of its own
    """

    def __init__(self, number: int, ratings: Sequence[Rating]) -> None:
        self._number = number
        self._ratings = ratings
        self.possible: dict[tuple[str, str], set[int]] = {}
        self.acknowledged: dict[tuple[str, str], datetime] = {}  # with the date of the response

    def ratings(self) -> Iterator[Rating]:
        """Yield ratings without an end; every fourth new one replaces an earlier one."""
        if self._ratings:
            yield from itertools.cycle(self._ratings)
        rng = random.Random(self._number)
        pairs: list[tuple[str, str]] = []
        while True:
            for _ in range(3):
                user, item = divmod(len(pairs), ITEMS_PER_USER)
                pairs.append((f"writer-{self._number}-{user}", f"book-{1 + item:03}"))
                yield (*pairs[-1], rng.randint(1, 5))
            yield (*rng.choice(pairs), rng.randint(1, 5))

    def acknowledge(self, rating: Rating, rated_at: datetime) -> None:
        """Keep what the service has acknowledged: no earlier value may be stored any more."""
        user, item, value = rating
        self.possible[user, item] = {value}
        self.acknowledged[user, item] = rated_at

    def count_lost(self, client: Client) -> int:
        """Return how many acknowledged ratings are not the stored ones."""
        n_lost = 0
        for user in {user for user, _ in self.acknowledged}:
            stored = {one["item_id"]: one for one in client.ratings(user)}
            n_lost += sum(
                not self._is_stored(stored.get(item), (user, item))
                for owner, item in self.acknowledged
                if owner == user
            )
        return n_lost

    def _is_stored(self, stored: dict | None, pair: tuple[str, str]) -> bool:
        return (
            stored is not None
            and stored["value"] in self.possible[pair]
            and datetime.fromisoformat(stored["rated_at"]) >= self.acknowledged[pair]
        )


class Load:
    """Writers and readers of a service, each with a connection.

    statuses  number of requests by kind (`write`, `list`) and status
    """

    def __init__(self, url: str, ratings: Sequence[Rating] = ()) -> None:
        self._address = url.removeprefix("http://")
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self.statuses: Counter[str] = Counter()
        self.writers = [Writer(number, ratings[number::N_WRITERS]) for number in range(N_WRITERS)]

    @contextmanager
    def running(self) -> Iterator["Load"]:
        """Send requests until the end of the block."""
        threads = [threading.Thread(target=self._write, args=(one,)) for one in self.writers]
        threads += [threading.Thread(target=self._read, args=(n,)) for n in range(N_READERS)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stopping.set()
            for thread in threads:
                thread.join()

    def count(self, kind: str, *statuses: str) -> int:
        """Return the number of requests of a kind with one of the statuses."""
        return sum(self.statuses[f"{kind} {status}"] for status in statuses)

    def counts(self, client: Client) -> Counter[str]:
        """Return the requests, and the acknowledged ratings that are lost."""
        acknowledged = sum(len(writer.acknowledged) for writer in self.writers)
        lost = sum(writer.count_lost(client) for writer in self.writers)
        return self.statuses + Counter({"ratings acknowledged": acknowledged, "ratings lost": lost})

    def wait_for_write(self, status: str, n: int = 1, *, seconds: float = 120) -> None:
        """Wait until so many more writes have a status. Raises TimeoutError."""
        wanted = self.count("write", status) + n
        deadline = time.monotonic() + seconds
        while self.count("write", status) < wanted:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no write had the status {status}: {dict(self.statuses)}")
            time.sleep(0.02)

    def _write(self, writer: Writer) -> None:
        connection = self._connection()
        for user, item, value in writer.ratings():
            writer.possible.setdefault((user, item), set()).add(value)
            while not self._stopping.wait(PAUSE_SECONDS):
                path = f"/v1/users/{user}/ratings/{item}"
                status, body = self._send(connection, "write", "PUT", path, {"value": value})
                if status in STORED:
                    rated_at = datetime.fromisoformat(json.loads(body)["rated_at"])
                    writer.acknowledge((user, item, value), rated_at)
                    break
            if self._stopping.is_set():
                break
        connection.close()

    def _read(self, number: int) -> None:
        connection, rng = self._connection(), random.Random(number)
        while not self._stopping.wait(PAUSE_SECONDS):
            user = f"reader-{rng.randint(1, N_USERS):03}"
            self._send(connection, "list", "GET", f"/v1/users/{user}/recommendations")
        connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._address, timeout=TIMEOUT_SECONDS)

    def _send(
        self,
        connection: http.client.HTTPConnection,
        kind: str,
        method: str,
        path: str,
        body: object = None,
    ) -> tuple[str, bytes]:
        """Send a request and count its status, `cut off` without a response."""
        headers = {"Content-Type": "application/json"} if body else {}
        try:
            connection.request(method, path, json.dumps(body) if body else None, headers)
            response = connection.getresponse()
            status, content = str(response.status), response.read()
        except CUT_OFF:
            connection.close()  # the next request opens it anew
            status, content = "cut off", b""
        with self._lock:
            self.statuses[f"{kind} {status}"] += 1
        return status, content


def shop_ratings() -> list[Rating]:
    """Return the ratings that every trained model learns."""
    return generate_shop(N_USERS).ratings


@contextmanager
def probing(url: str) -> Iterator[list[float]]:
    """Ask /readyz every 20 ms in a process of its own.

    Yields a list that has the seconds of each response after the block; infinite without a 200.
    """
    seconds: list[float] = []
    command = [sys.executable, "-c", PROBE, url.removeprefix("http://"), "0.02"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:
        process.stdout.readline()
        try:
            yield seconds
        finally:
            output, _ = process.communicate("end")
            for line in output.splitlines():
                status, took = line.split()
                seconds.append(float(took) if status == "200" else float("inf"))
