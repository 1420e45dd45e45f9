"""Recommendations a second for stored users: MovieLens 1M, one API process, 16 connections.

    .venv/bin/python -m benchmarks serving

Before each round every user gets a new rating, and within a round every user is asked for once, in
random order: each request folds in ratings that no earlier answer was made from. Beside it an
empty FastAPI route on the same uvicorn, and the same again while a training job runs, on one
thread, at the worker's usual low priority. Medians of the rounds.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.data import ML_1M, data_file
from benchmarks.service import free_port, imported, process, service, trained, wait_until_live
from recsvc.client import Client

HERE = Path(__file__).parent
N_USERS, N_ITEMS = 6040, 3000
ROUNDS = 5
ROUND_SECONDS = 2  # in which fewer requests than users must fit
CONNECTIONS = 16
LEAST_SHARE, MOST_P99_RATIO = 0.2, 3.0


class Load(NamedTuple):
    """What wrk saw."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        with service(home, RECSVC_TRAINING_THREADS="1") as client:
            imported(client, data_file(ML_1M))
            trained(client, hyperparameters={"epochs": 3})
            empty = empty_route()
            alone = rounds(client, connections=1)
            quiet = rounds(client)
            busy = while_training(client)
            many = Load(*map(median, zip(*busy, strict=True)))
    few = Load(*map(median, zip(*quiet, strict=True)))
    one = Load(*map(median, zip(*alone, strict=True)))
    print("| MovieLens 1M, wrk with 16 connections | requests a second | p50, ms | p99, ms | |")
    print("|---|---:|---:|---:|---|")
    share = few.requests_per_second / empty.requests_per_second
    ratio = many.p99_ms / few.p99_ms
    show("an empty FastAPI route", empty, "")
    show("recommendations, one connection", one, "one shopper at a time")
    show("recommendations", few, f"{share:.2f} of the empty route (at least {LEAST_SHARE})")
    show(
        "recommendations while a job trains",
        many,
        f"p99 {ratio:.1f}× (at most {MOST_P99_RATIO:g}×)",
    )


def show(name: str, load: Load, note: str) -> None:
    rate, p50, p99 = load
    print(f"| {name} | {rate:,.0f} | {p50:.1f} | {p99:.1f} | {note} |")


def empty_route() -> Load:
    """Measure a route that does nothing, on the same server."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "benchmarks.empty_app:app",
        "--port",
        str(port),
        "--no-access-log",
        "--log-level",
        "error",
    ]
    with process(command), Client(f"http://127.0.0.1:{port}") as client:
        wait_until_live(client)
        found = [wrk(client.base_url, seed, only_once=False) for seed in range(ROUNDS)]
    return Load(*map(median, zip(*found, strict=True)))


def rounds(client: Client, connections: int = CONNECTIONS) -> list[Load]:
    found = []
    for number in range(ROUNDS):
        rate_everybody(client, number)
        found.append(wrk(client.base_url, number, connections=connections))
    return found


def while_training(client: Client) -> list[Load]:
    endless = {"epochs": 10_000, "patience": 10_000}
    job = client.train(hyperparameters=endless, publish="never")
    while not client.error_curve(job["id"]):
        time.sleep(0.2)
    found = rounds(client)
    if client.job("training", job["id"])["state"] != "running":
        sys.exit("The training job ended too early.")
    client.cancel(job)
    return found


def rate_everybody(client: Client, number: int) -> None:
    """Give every user one rating more."""
    item_id = f"new-{number}-{time.monotonic_ns()}"
    ratings = [
        {"user_id": str(user), "item_id": str(1 + (user * 7 + number) % N_ITEMS), "value": 4}
        for user in range(1, N_USERS + 1)
    ]
    ratings[0]["item_id"] = item_id  # an item nobody has rated, as a shop would have
    report = client.send_ratings(ratings)
    if report["accepted"] != N_USERS:
        sys.exit(f"Not all ratings were taken: {report['refused'][:3]}")


def wrk(url: str, seed: int, *, only_once: bool = True, connections: int = CONNECTIONS) -> Load:
    """Run one round."""
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{ROUND_SECONDS}s",
        "-s",
        str(HERE / "random_users.lua"),
        url,
    ]
    environment = {**os.environ, "N_USERS": str(N_USERS), "SEED": str(seed)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
    requests, microseconds, p50, p99, errors = map(int, line.split()[1:])
    if errors:
        sys.exit(f"{errors} requests failed:\n{done.stdout}")
    if only_once and requests > N_USERS:
        sys.exit(f"{requests} requests came to more than one a user: shorten ROUND_SECONDS.")
    return Load(requests / microseconds * 1e6, p50 / 1000, p99 / 1000)


if __name__ == "__main__":
    main()
