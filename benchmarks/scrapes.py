"""Scrapes of a service of several processes, with kills in between: failures and lost counts.

    .venv/bin/python -m benchmarks.scrapes [--scrapes 10000] [--rounds 10] [--minutes 15]

A round starts a service on loopback, sends ratings and scrapes /metrics at the same time, and ends
API processes by SIGKILL. Finished rounds are kept in benchmarks/.cache/scrapes.jsonl until all are
done, so that an interrupted run continues; --fresh begins again. A request whose process is killed
has no response: it is `cut off`. So a counter must lie between responses and requests sent.
"""

import argparse
import http.client
import json
import os
import random
import re
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.rounds import CACHE, add_options, run_rounds
from benchmarks.service import service
from recsvc.runtime.number_file import read_numbers

KEPT = CACHE / "scrapes.jsonl"
N_PROCESSES = 4
N_SCRAPERS = 4
N_SENDERS = 2
KILLS_PER_ROUND = 6
TIMEOUT_SECONDS = 30
REFUSED_SECONDS = 0.02  # connections are refused while no process is ready
CUT_OFF = (ConnectionError, http.client.HTTPException)
LINES = 5  # of a request with many ratings
# What must never decrease: all counters but those of a single process.
COUNTERS = ("_total", "_count", "_bucket", "_sum")
PUT_ROUTE = 'method="PUT",route="/v1/users/{user_id}/ratings/{item_id}"'
POST_ROUTE = 'method="POST",route="/v1/ratings"'


@dataclass
class Round:
    """What was sent in a round, and what the last page reports.

    counts   requests by kind and outcome
    counted  the counters of the last page
    seconds  the duration of each scrape
    """

    counts: Counter[str] = field(default_factory=Counter)
    counted: dict[str, float] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scrapes", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=10)
    add_options(parser)
    options = parser.parse_args()
    rows = run_rounds(
        KEPT,
        options.rounds,
        lambda number: vars(measure(options.scrapes // options.rounds, seed=number)),
        minutes=options.minutes,
        fresh=options.fresh,
    )
    show([Round(Counter(row["counts"]), row["counted"], row["seconds"]) for row in rows])


def measure(n_scrapes: int, *, seed: int) -> Round:
    """Scrape and send until `n_scrapes` have a response, with kills at equal distances."""
    found, lock = Round(), threading.Lock()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        with service(home, "--workers", str(N_PROCESSES), "--no-worker") as client:
            wait_for_processes(client.base_url, N_PROCESSES)
            todo = iter(range(n_scrapes))
            scraping = threading.Event()
            with ThreadPoolExecutor(N_SCRAPERS + N_SENDERS + 1) as pool:
                senders = [
                    pool.submit(send, client.base_url, number, found, lock, scraping)
                    for number in range(N_SENDERS)
                ]
                killer = pool.submit(kill, home, found, n_scrapes, random.Random(seed), scraping)
                scrapers = [
                    pool.submit(scrape, client.base_url, todo, found, lock)
                    for _ in range(N_SCRAPERS)
                ]
                for scraper in scrapers:
                    scraper.result()
                scraping.set()
                for other in (*senders, killer):
                    other.result()
            found.counted = totals(scrape_once(client.base_url))
    return found


def scrape(url: str, todo: Iterator[int], found: Round, lock: threading.Lock) -> None:
    """Scrape over new connections, which any process accepts, and compare with the last page."""
    before: dict[str, float] = {}
    while True:
        with lock:
            if next(todo, None) is None:
                return
        while True:
            asked = time.perf_counter()
            try:
                page = scrape_once(url)
            except CUT_OFF:
                outcome, page = "scrapes cut off", None
            except Exception:
                outcome, page = "scrapes failed", None
            else:
                outcome = "scrapes"
            with lock:
                found.counts[outcome] += 1
                if page is not None:
                    found.seconds.append(time.perf_counter() - asked)
            if outcome != "scrapes cut off":
                break
            time.sleep(REFUSED_SECONDS)
        if page is not None:
            after = counters(page)
            n_fewer = sum(after.get(key, 0) < value for key, value in before.items())
            with lock:
                found.counts["decreases"] += n_fewer
            before = after


def scrape_once(url: str) -> str:
    """Return the page. Raises RuntimeError for a page that is not complete."""
    status, page = request(url, "GET", "/metrics")
    if status != 200 or "recsvc_home_free_bytes" not in page:
        raise RuntimeError(f"{status}: {page[:200]}")
    return page


def request(url: str, method: str, path: str, body: object = None) -> tuple[int, str]:
    """Send a request over a new connection; return the status and the body of its response."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=TIMEOUT_SECONDS)
    try:
        headers = {"Content-Type": "application/json"} if body else {}
        connection.request(method, path, json.dumps(body) if body else None, headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def counters(page: str) -> dict[str, float]:
    lines = (line.rpartition(" ") for line in page.splitlines() if not line.startswith("#"))
    return {
        key: float(value)
        for key, _, value in lines
        if key.partition("{")[0].endswith(COUNTERS) and not key.startswith("recsvc_process")
    }


def totals(page: str) -> dict[str, float]:
    """Return the number of requests with a success and of accepted ratings on a page."""

    def total(name: str, labels: str) -> float:
        return sum(
            value
            for key, value in counters(page).items()
            if key.startswith(name) and labels in key and ('status="2' in key or not labels)
        )

    count = "recsvc_http_request_duration_seconds_count"
    return {
        "PUT": total(count, PUT_ROUTE),
        "POST": total(count, POST_ROUTE),
        "ratings": total("recsvc_ratings_accepted_total", ""),
    }


def send(
    url: str, number: int, found: Round, lock: threading.Lock, stopping: threading.Event
) -> None:
    """Send one rating and many ratings in turns until the scrapes end."""
    for n in range(10**9):
        if stopping.is_set():
            return
        user = f"u{number}-{n}"
        path = f"/v1/users/{user}/ratings/i1"
        send_one(found, lock, 1, partial(request, url, "PUT", path, {"value": 4}))
        lines = [{"user_id": user, "item_id": f"i{item}", "value": 3} for item in range(LINES)]
        body = {"ratings": lines}
        send_one(found, lock, LINES, partial(request, url, "POST", "/v1/ratings", body))


def send_one(
    found: Round, lock: threading.Lock, n_ratings: int, act: Callable[[], tuple[int, str]]
) -> None:
    """Send ratings, and count them with their response."""
    kind = "PUT" if n_ratings == 1 else "POST"
    with lock:
        found.counts[f"{kind} sent"] += 1
        found.counts["ratings sent"] += n_ratings
    try:
        status, _ = act()
    except CUT_OFF:
        time.sleep(REFUSED_SECONDS)
        return
    is_stored = status in (200, 201)
    with lock:
        found.counts[f"{kind} {'answered' if is_stored else 'refused'}"] += 1
        found.counts["ratings answered"] += n_ratings * is_stored


def kill(
    home: Path, found: Round, n_scrapes: int, rng: random.Random, stopping: threading.Event
) -> None:
    """End an API process by SIGKILL whenever another share of the scrapes is done."""
    for number in range(1, KILLS_PER_ROUND + 1):
        while found.counts["scrapes"] < number * n_scrapes / (KILLS_PER_ROUND + 1):
            if stopping.wait(0.01):
                return
        running = api_processes(home)
        if running:
            os.kill(rng.choice(running), signal.SIGKILL)
            found.counts["kills"] += 1


def api_processes(home: Path) -> list[int]:
    """Return the ids of the API processes that this service has started."""
    read = map(read_numbers, (home / "metrics").glob("[!.]*/api-*"))
    return [numbers.process_id for numbers in read if numbers and numbers.is_running]


def wait_for_processes(url: str, n_processes: int, seconds: float = 120) -> None:
    """Wait until all have started: a service ends if a process does not start the first time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        page = scrape_once(url)
        started = re.findall(r"^recsvc_database_connections_max\{.*\} [1-9]", page, re.MULTILINE)
        if len(started) == n_processes:
            break
        time.sleep(0.2)
    time.sleep(2)


def verdict_of(rounds: list[Round], kind: str) -> str:
    """Return how the counter compares with responses and requests, in every round."""
    compared = [
        (found.counts[f"{kind} answered"], found.counted[kind], found.counts[f"{kind} sent"])
        for found in rounds
    ]
    if all(answered == counted for answered, counted, _ in compared):
        return "equal to the responses in every round"
    if all(answered <= counted <= sent for answered, counted, sent in compared):
        return "between responses and requests in every round"
    return "WRONG"


def show(rounds: list[Round]) -> None:
    counts: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    for found in rounds:
        counts.update(found.counts)
        counted.update(found.counted)
    seconds = sorted(value for found in rounds for value in found.seconds)
    print(f"| {N_PROCESSES} API processes, {counts['kills']} killed | | |")
    print("|---|---:|---|")
    print(f"| scrapes with a complete page | {counts['scrapes']:,} | |")
    print(f"| failed scrapes | {counts['scrapes failed']} | at most 0 |")
    print(f"| scrapes cut off by a kill and repeated | {counts['scrapes cut off']} | |")
    print(f"| counters that decreased | {counts['decreases']} | at most 0 |")
    for kind, name in (
        ("PUT", "single ratings"),
        ("POST", "bulk requests"),
        ("ratings", "ratings"),
    ):
        sent, answered, n = counts[f"{kind} sent"], counts[f"{kind} answered"], counted[kind]
        verdict = verdict_of(rounds, kind)
        figures = f"{answered:,} / {n:,.0f} / {sent:,}"
        print(f"| {name}: answered / counted / sent | {figures} | {verdict} |")
    if seconds:
        p50, p99 = (1000 * seconds[int(share * len(seconds))] for share in (0.5, 0.99))
        print(f"| a scrape, p50 / p99 | {p50:.0f} / {p99:.0f} ms | |")


if __name__ == "__main__":
    main()
