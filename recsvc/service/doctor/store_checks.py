"""Checks of the database, the shelf, the published model and the worker."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

from recsvc.db import migrate, sqlite_copy
from recsvc.db.backup import database_copy
from recsvc.db.database_clock import read_clock
from recsvc.db.jobs.activity import read_activity
from recsvc.db.session import Database, reading, sqlite_file
from recsvc.errors import RecsvcError
from recsvc.rbm import checkpoint
from recsvc.service import readiness
from recsvc.service.context import ContextSettings
from recsvc.service.doctor.system_check import SystemCheck, ok, problem, warning
from recsvc.service.models import publishing
from recsvc.shelf import Shelf

SMALL_SKEW_SECONDS = 2.0
LARGE_SKEW_SECONDS = 60.0
Clock = Callable[[], datetime]


def check_stores(settings: ContextSettings, clock: Clock) -> Iterator[SystemCheck]:
    """Check everything that is stored. Nothing is created, migrated or changed.

    clock  returns the time of this machine
    """
    url = settings.effective_database_url()
    try:
        if database_copy.is_empty(url):
            yield ok("database", "it is empty; the first start creates its tables")
            yield from _check_shelf(settings)
            return
    except RecsvcError as error:
        yield problem(
            "database", error.detail_with_cause(), "Start the database, or correct the URL."
        )
        return
    with closing(Database(url)) as database:
        yield from _check_opened(database, settings, clock)


def _check_opened(
    database: Database, settings: ContextSettings, clock: Clock
) -> Iterator[SystemCheck]:
    try:
        schema = _check_schema(database)
        yield schema
        yield _check_writes(url=database.url)
        yield _check_integrity(database)
        yield _check_clock(database, clock)
    except RecsvcError as error:
        yield problem(
            "database", error.detail_with_cause(), "Start the database, or restore a backup."
        )
        return
    yield from _check_shelf(settings)
    if migrate.current_revision(database) == migrate.head_revision():
        yield _check_model(database, settings)
        yield _check_worker(database)


def _check_schema(database: Database) -> SystemCheck:
    revision, newest = migrate.require_known_revision(database), migrate.head_revision()
    if revision != newest:
        return warning(
            "database",
            f"it has the schema {revision}, and this version needs {newest}",
            "Back up, then start the service, or run: recsvc upgrade",
        )
    return ok("database", f"{database.dialect} answers and has the schema {revision}")


def _check_writes(url: str) -> SystemCheck:
    state = readiness.check_writes(url)
    if state.ok:
        return ok("writes", state.reason)
    remedy = "Free space on its disk, make it writable, or end the program that locks it."
    return problem("writes", state.reason, remedy)


def _check_integrity(database: Database) -> SystemCheck:
    file = sqlite_file(database.url)
    if file is None:
        return ok("integrity", "PostgreSQL checks its pages itself, if initdb enabled checksums")
    fault = sqlite_copy.check_integrity(file, quick=True)
    if fault is not None:
        return problem("integrity", fault, "Stop the service and restore a backup.")
    return ok("integrity", "the pages of SQLite are intact")


def _check_clock(database: Database, clock: Clock) -> SystemCheck:
    with reading(database) as session:
        before = clock()
        of_database = read_clock(session)
        after = clock()
    skew = (of_database - (before + (after - before) / 2)).total_seconds()
    fact = f"the database's clock differs by {abs(skew):.1f} s"
    remedy = "Synchronise both machines by NTP: the newest rating of an item is the one kept."
    if abs(skew) > LARGE_SKEW_SECONDS:
        return problem("clock", fact, remedy)
    return warning("clock", fact, remedy) if abs(skew) > SMALL_SKEW_SECONDS else ok("clock", fact)


def _check_shelf(settings: ContextSettings) -> Iterator[SystemCheck]:
    """Write an object, read it and remove it. A shelf that does not exist yet is not created."""
    if not settings.home.exists():
        return
    try:
        shelf = _open_shelf(settings)
        written = shelf.put(os.urandom(32))
        shelf.get(written)
        shelf.remove(written)
    except (RecsvcError, OSError) as error:
        remedy = "Correct RECSVC_SHELF_URL, or the permissions of the folder or the bucket."
        fact = error.detail_with_cause() if isinstance(error, RecsvcError) else str(error)
        yield problem("shelf", fact, remedy)
    else:
        yield ok("shelf", f"{shelf.url} can be written and read")


def _check_model(database: Database, settings: ContextSettings) -> SystemCheck:
    with reading(database) as session:
        version = publishing.published_version(session)
    if version is None:
        return ok("model", "none is published yet; recsvc train makes one")
    try:
        model = checkpoint.read_model(_open_shelf(settings).map(version.checkpoint_sha256))
    except (RecsvcError, OSError) as error:
        return problem(
            "model",
            f"version {version.version} cannot be read: {error}",
            "Publish another version, restore the object from a backup, or train.",
        )
    return ok("model", f"version {version.version} can be read, with {len(model.items):,} items")


def _check_worker(database: Database) -> SystemCheck:
    with reading(database) as session:
        activity = read_activity(session)
    state = readiness.judge_workers(activity)
    if state.ok:
        return ok("worker", state.reason)
    remedy = "Start one: recsvc worker, or recsvc serve. Its log has the reason if it ends."
    return problem("worker", state.reason, remedy)


def _open_shelf(settings: ContextSettings) -> Shelf:
    return Shelf(settings.effective_shelf_url(), Path(settings.home) / "cache")
