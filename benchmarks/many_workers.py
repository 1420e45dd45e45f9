"""Sixteen workers and 2,000 short jobs on each database: every job is claimed and finished once.

    .venv/bin/python -m benchmarks.many_workers [--jobs 2000] [--workers 16] [--minutes 15]

A job imports a file of one rating; all are shelved and queued first, through the functions that the
API calls. Each worker is a process that runs the loop of `recsvc worker` for imports: claim,
heartbeat, import, finish, removal of unreferenced objects. At equal distances a worker with a job
is ended by SIGKILL and another one is started, as a supervisor does; the job's lease must expire
before another worker takes it. Databases, shelf, leases, imports and kills are real. Two things
differ from `recsvc worker`: a job runs in the worker's own process, because the start of a job
process takes a second of a processor, and workers are forked from a process with all imports done.
A finished database is kept in benchmarks/.cache/many_workers.jsonl until both are done; --fresh
begins again.
"""

import argparse
import io
import json
import multiprocessing
import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.burst import databases
from benchmarks.rounds import CACHE, Row, add_options, run_rounds
from recsvc.config import Settings
from recsvc.db.jobs.queue import JobQueue, job_lease
from recsvc.db.session import Database, reading, unit_of_work
from recsvc.db.tables import FINAL_STATES, Job, JobEvent, JobKind, JobState
from recsvc.errors import LeaseLost, NotReady
from recsvc.runtime import logs
from recsvc.service.context import Context, open_context
from recsvc.service.imports import import_job
from recsvc.service.jobs.runner import carry_out, use_case
from recsvc.worker.job_process import ExitReport
from recsvc.worker.loop import StopReason, Worker

KEPT = CACHE / "many_workers.jsonl"
IMPORTED = ["recsvc.worker.loop", "recsvc.service.imports.import_job", "recsvc.db.migrate"]
LEASE_SECONDS = 5.0
KILLS = 5
POLL_SECONDS = 0.02
LONGEST_SECONDS = 600
WIDTH = 20  # characters of a bar


@dataclass
class Found:
    """The outcome of the jobs on one database.

    counts   jobs, claims, kills and faults
    seconds  the duration of each claim that returned a job
    """

    database: str
    counts: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    claiming_seconds: float = 0.0  # from the first claim to the last
    took: float = 0.0


class InProcessWorker(Worker):
    """The worker's loop, which runs a job in its own process and notes each claim in a file."""

    def __init__(
        self, settings: Settings, context: Context, stopping: threading.Event, notes: Path
    ) -> None:
        super().__init__(settings, context, stopping, use_case, (JobKind.IMPORT,))
        self._notes = notes

    def _claim(self) -> Job | None:
        asked = time.perf_counter()
        job = super()._claim()
        if job is not None:
            self._note(["claim", time.perf_counter() - asked, time.time()])
        return job

    def _run_job(self, job: Job) -> None:
        lease = job_lease(job)
        try:
            with unit_of_work(self._context.database) as session:
                JobQueue(session).heartbeat(lease, self._settings.lease_seconds)
            carry_out(self._context, job.id, lease)
        except LeaseLost:
            self._note(["lease lost"])
        except NotReady as error:
            self._note(["postponed"])
            report = ExitReport(str(error), is_machine_fault=True)
            with suppress(LeaseLost):
                self._settle(lease, StopReason.EXITED, report)

    def _note(self, line: list[object]) -> None:
        with self._notes.open("a") as file:
            file.write(json.dumps(line) + "\n")


def run_worker(settings: Settings, folder: Path) -> None:
    """Run a worker until SIGTERM."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    logs.configure("error")
    context = open_context(settings, migrate=False)
    notes = folder / str(os.getpid())
    InProcessWorker(settings, context, stopping, notes).work(once=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=16)
    add_options(parser)
    options = parser.parse_args()
    opened = list(databases())

    def measure_one(number: int) -> Row:
        name, database = opened[number]
        with database as url, tempfile.TemporaryDirectory() as folder:
            return vars(measure(name, url, Path(folder), options.jobs, options.workers))

    rows = run_rounds(KEPT, len(opened), measure_one, minutes=options.minutes, fresh=options.fresh)
    show([Found(**row | {"counts": Counter(row["counts"])}) for row in rows], options.workers)


def measure(
    name: str, url: str, folder: Path, n_jobs: int, n_workers: int, *, kills: int = KILLS
) -> Found:
    """Queue the jobs, run the workers until all are finished, and count.

    url  of an empty or migrated database; "" for SQLite in the folder
    """
    started = time.monotonic()
    settings = Settings(
        home=folder / "home",
        database_url=url,
        lease_seconds=LEASE_SECONDS,
        max_queued_jobs=n_jobs,
        log_level="error",
    )
    context = open_context(settings)
    queue_imports(context, n_jobs)
    notes = folder / "notes"
    notes.mkdir()
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload(IMPORTED)
    workers = [start_worker(forking, settings, notes) for _ in range(n_workers)]
    found = Found(name)
    try:
        killed = kill_and_wait(context.database, workers, n_jobs, kills, settings, notes)
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()
    count(context.database, found, killed, notes)
    context.database.close()
    found.took = time.monotonic() - started
    return found


def queue_imports(context: Context, n_jobs: int) -> None:
    """Shelve and queue one file for each job, as POST /v1/import-jobs does."""
    for number in range(n_jobs):
        line = f"user_id,item_id,value\nu{number},i{number % 50},{1 + number % 5}\n"
        upload = import_job.shelve_upload(
            context, io.BytesIO(line.encode()), filename=f"{number}.csv", file_format="auto"
        )
        with unit_of_work(context.database) as session:
            import_job.request_import(session, upload, dry_run=False, now=datetime.now(UTC))


def start_worker(forking: BaseContext, settings: Settings, notes: Path) -> BaseProcess:
    worker = forking.Process(target=run_worker, args=(settings, notes))
    worker.start()
    return worker


def kill_and_wait(
    database: Database,
    workers: list[BaseProcess],
    n_jobs: int,
    kills: int,
    settings: Settings,
    notes: Path,
) -> Counter[int]:
    """Kill and replace workers until all jobs are finished; return the kills by job.

    Raises TimeoutError.
    """
    forking = multiprocessing.get_context("forkserver")
    killed: Counter[int] = Counter()
    deadline = time.monotonic() + LONGEST_SECONDS
    rng = random.Random(7)
    while (n_finished := finished(database)) < n_jobs:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{n_finished} of {n_jobs} jobs are finished")
        if killed.total() < kills and n_finished >= n_jobs * (killed.total() + 1) / (kills + 1):
            number = rng.randrange(len(workers))
            job_id = kill_with_job(database, workers[number])
            if job_id is not None:
                killed[job_id] += 1
                workers[number] = start_worker(forking, settings, notes)
        else:
            time.sleep(POLL_SECONDS)
    return killed


def finished(database: Database) -> int:
    with reading(database) as session:
        n_finished = select(func.count()).select_from(Job).where(Job.state.in_(FINAL_STATES))
        return session.scalar(n_finished) or 0


def kill_with_job(database: Database, worker: BaseProcess) -> int | None:
    """End a worker by SIGKILL if it has a job, and return the job's id."""
    os.kill(worker.pid, signal.SIGSTOP)
    with reading(database) as session:
        job_id = session.scalar(select(Job.id).where(Job.claimed_by.contains(f":{worker.pid}:")))
    if job_id is None:
        os.kill(worker.pid, signal.SIGCONT)
        return None
    worker.kill()
    worker.join()
    return job_id


def count(database: Database, found: Found, killed: Counter[int], notes: Path) -> None:
    """Count what the rows, the events and the notes of the workers report."""
    counts = found.counts
    counts["kills"] = killed.total()
    with reading(database) as session:
        jobs = session.scalars(select(Job)).all()
        grouped = select(JobEvent.job_id, JobEvent.name, JobEvent.state, func.count())
        grouped = grouped.group_by(JobEvent.job_id, JobEvent.name, JobEvent.state)
        events: Counter[tuple[int, str]] = Counter()
        for job_id, name, state, n in session.execute(grouped):
            events[job_id, name if name == "done" else state] += n
    for job in jobs:
        counts["jobs"] += 1
        counts["succeeded"] += job.state == JobState.SUCCEEDED
        counts["claims"] += events[job.id, JobState.RUNNING]
        counts["fence differs"] += job.fence != events[job.id, JobState.RUNNING]
        counts["duplicates"] += max(0, job.fence - 1 - killed[job.id])
        counts["taken over"] += job.fence > 1
        counts["not ended once"] += events[job.id, "done"] != 1
        counts["ratings added"] += (job.result or {}).get("added", 0)
    lines = [json.loads(line) for file in notes.iterdir() for line in file.read_text().splitlines()]
    for kind, *_ in lines:
        counts[f"{kind} notes"] += 1
    times = [line[2] for line in lines if line[0] == "claim"]
    found.seconds = [line[1] for line in lines if line[0] == "claim"]
    found.claiming_seconds = max(times) - min(times)


def show(rounds: list[Found], n_workers: int) -> None:
    for found in rounds:
        counts, seconds = found.counts, sorted(found.seconds)
        n_jobs = counts["jobs"]
        rate = counts["claims"] / found.claiming_seconds
        print(f"| {found.database}: {n_workers} workers, {n_jobs:,} jobs | | |")
        print("|---|---:|---|")
        bar = "█" * (WIDTH * counts["succeeded"] // n_jobs)
        print(f"| jobs finished | {counts['succeeded']:,} | {bar} |")
        print(f"| jobs that ended other than once | {counts['not ended once']} | at most 0 |")
        print(f"| ratings stored by them | {counts['ratings added']:,} | exactly {n_jobs:,} |")
        print(f"| workers killed with a job | {counts['kills']} | |")
        print(f"| jobs taken over after their lease | {counts['taken over']} | |")
        print(f"| claims | {counts['claims']:,} | |")
        print(f"| claims of a job that another worker had | {counts['duplicates']} | at most 0 |")
        print(f"| fences that differ from the claims | {counts['fence differs']} | at most 0 |")
        print(f"| leases lost by a running worker | {counts['lease lost notes']} | at most 0 |")
        print(f"| jobs postponed: database busy | {counts['postponed notes']} | |")
        print(f"| claims a second | {rate:.0f} | |")
        p50, p99 = (1000 * seconds[int(share * len(seconds))] for share in (0.5, 0.99))
        print(f"| a claim, p50 / p99 | {p50:.0f} / {p99:.0f} ms | |\n")


if __name__ == "__main__":
    main()
