"""Single ratings a second (PUT), 64 connections, one API process, beside an earlier build.

    .venv/bin/python -m benchmarks single_ratings

Both builds run in this environment, this one from the working tree, the other one from `git
archive`; --before names another revision. Their rounds alternate, so that the load of the machine
is the same for both. A response is sent after the commit: on SQLite the row is on disk then.
"""

import argparse
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from benchmarks.burst import databases
from benchmarks.service import free_port, process, wait_until_live
from recsvc.client import Client

ROOT = Path(__file__).parents[1]
BEFORE = "1c9fd3b"  # the last one that stored each rating with statements of its own
CONNECTIONS = 64
ROUNDS = 5
ROUND_SECONDS = 4
LEAST_RATIO = {"SQLite": 3.0, "PostgreSQL": 1.5}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--before", default=BEFORE, metavar="REVISION", help="the earlier build")
    before = options.parse_args().before
    print(
        f"| single ratings, {CONNECTIONS} connections | requests a second | p50, ms | p99, ms | |"
    )
    print("|---|---:|---:|---:|---|")
    with tempfile.TemporaryDirectory() as folder:
        extract(before, Path(folder))
        for name, database in databases():
            with database as url:
                measure(name, {before: Path(folder), "this build": ROOT}, url)


def extract(revision: str, folder: Path) -> None:
    archive = subprocess.run(
        ["git", "archive", revision], cwd=ROOT, capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")


def measure(database: str, builds: dict[str, Path], url: str) -> None:
    """Run the rounds of all builds in turn and print their medians."""
    with ExitStack() as stack:
        addresses = {
            build: stack.enter_context(serve(folder, own_database(url, n)))
            for n, (build, folder) in enumerate(builds.items())
        }
        rounds = {build: [] for build in builds}
        for number in range(ROUNDS + 1):
            for build, address in addresses.items():
                found = run_wrk(address)
                if number:  # the first round inserts the pairs
                    rounds[build].append(found)
    medians = {
        build: [median(column) for column in zip(*found, strict=True)]
        for build, found in rounds.items()
    }
    first = next(iter(medians.values()))[0]
    for build, (rate, p50, p99) in medians.items():
        note = f"{rate / first:.1f}× (at least {LEAST_RATIO[database]:g}×)"
        note = note if build == "this build" else ""
        print(f"| {database}, {build} | {rate:,.0f} | {p50:.1f} | {p99:.1f} | {note} |", flush=True)


def own_database(url: str, number: int) -> str:
    """Return the URL of a new database of a build."""
    if not url:
        return ""
    import psycopg

    name = f"build_{number}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return url.replace("/postgres?", f"/{name}?")


@contextmanager
def serve(folder: Path, url: str) -> Iterator[str]:
    """Run `recsvc serve` from the source in a folder; yield its address."""
    port = free_port()
    # -P: the source of the build, not that of the current folder
    command = [sys.executable, "-P", "-m", "recsvc.cli", "serve", "--no-worker"]
    command += ["--port", str(port)]
    with tempfile.TemporaryDirectory() as home:
        own = {
            "RECSVC_HOME": home,
            "RECSVC_LOG_LEVEL": "error",
            "RECSVC_DATABASE_URL": url,
            "PYTHONPATH": str(folder),
        }
        with process(command, **own), Client(f"http://127.0.0.1:{port}") as client:
            wait_until_live(client)
            yield client.base_url


def run_wrk(address: str) -> tuple[float, float, float]:
    """Return (requests a second, p50, p99 in milliseconds) of one round."""
    script = Path(__file__).with_suffix(".lua")
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{ROUND_SECONDS}s", "-s", script, address]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
    requests, microseconds, p50, p99, errors = map(int, line.split()[1:])
    if errors:
        sys.exit(f"{errors} requests failed:\n{done.stdout}")
    return requests / microseconds * 1e6, p50 / 1000, p99 / 1000


if __name__ == "__main__":
    main()
