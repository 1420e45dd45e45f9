"""Real processes on real databases: `recsvc serve`, `recsvc worker`, and clients of them."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

from recsvc.client import Client, Job
from recsvc.config import Settings
from recsvc.runtime.number_file import read_numbers
from recsvc.service.demo_data import generate_shop
from tests.cli.conftest import RECSVC, Served, environment, start_serving
from tests.conftest import PATIENCE_SECONDS, eventually
from tests.worker.conftest import is_alive

if TYPE_CHECKING:
    from tests.factories.http_shop import Shop

SHORT = {"n_hidden": 16, "epochs": 12}


@pytest.fixture(scope="session", autouse=True)
def compiled_kernels() -> None:
    """Compile what the services will need, so that no test's patience is spent on it."""
    subprocess.run([sys.executable, "-m", "recsvc.rbm.precompilation"], check=True)


class Site:
    """A home and a database, and the processes that were started on them."""

    def __init__(self, home: Path, database_url: str = "", **settings: object) -> None:
        self.home = home
        self.settings = {f"RECSVC_{name.upper()}": str(value) for name, value in settings.items()}
        self.settings["RECSVC_DATABASE_URL"] = database_url
        self.served: list[Served] = []
        self.workers: list[subprocess.Popen] = []
        self.clients: list[Client] = []

    def as_settings(self) -> Settings:
        """Give the settings that the processes run on."""
        return Settings(home=self.home, database_url=self.settings["RECSVC_DATABASE_URL"])

    def serve(self, *options: str) -> Client:
        """Start `recsvc serve`; give a client of it."""
        self.served.append(start_serving(self.home, *options, **self.settings))
        self.clients.append(Client(self.served[-1].url, timeout=PATIENCE_SECONDS, patience=0))
        return self.clients[-1]

    def work(self) -> subprocess.Popen:
        """Start `recsvc worker`; its log is added to worker.log beside the home."""
        with self.home.with_name("worker.log").open("a") as log:
            worker = subprocess.Popen(
                [*RECSVC, "worker"], env=environment(self.home, **self.settings), stderr=log
            )
        self.workers.append(worker)
        return worker

    def processes(self) -> list[int]:
        """Find every process that runs on this home, whoever its parent is by now."""
        numbers = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
        return [pid for pid in numbers if self._is_ours(pid) and is_alive(pid)]

    def job_processes(self) -> list[int]:
        """Find the processes in which `recsvc worker` carries out jobs."""
        return [pid for worker in self.workers for pid in _children(worker.pid)]

    def in_every_process(self, holds: Callable[[], object], *, n_processes: int) -> None:
        """Wait until something holds whichever API process is asked, one after the other.

        `holds` opens a connection of its own: only who is not frozen can accept it.
        """
        eventually(lambda: len(self.api_processes()) == n_processes)
        for pid in self.api_processes():
            with frozen(other for other in self.api_processes() if other != pid):
                eventually(holds)

    def api_processes(self) -> list[int]:
        """Find those of the service started last; each has a file in the folder of its parent."""
        parent = self.served[-1].process.pid
        folders = (self.home / "metrics").glob("[!.]*/")
        ours = (
            f for f in folders if (read := read_numbers(f / "serve")) and read.process_id == parent
        )
        numbers = (read_numbers(file) for folder in ours for file in folder.glob("api-*"))
        return [read.process_id for read in numbers if read and read.is_running]

    def close(self) -> None:
        """Leave no process behind, whatever a test did."""
        for client in self.clients:
            client.close()
        for process in [*self.workers, *(served.process for served in self.served)]:
            process.terminate()
        for process in [*self.workers, *(served.process for served in self.served)]:
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for served in self.served:
            served.process.stdout.close()

    def _is_ours(self, pid: int) -> bool:
        try:
            variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            return False
        return f"RECSVC_HOME={self.home}".encode() in variables


@contextmanager
def frozen(pids: Iterable[int]) -> Iterator[None]:
    """Let processes stand still."""
    stopped = list(pids)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        for pid in stopped:
            stat = Path(f"/proc/{pid}/stat")
            eventually(lambda stat=stat: stat.read_text().rpartition(")")[2].split()[0] == "T")
        yield
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


def _children(worker: int) -> list[int]:
    """Give the processes that a worker spawned, its resource tracker not among them."""
    try:
        pids = Path(f"/proc/{worker}/task/{worker}/children").read_text().split()
        return [int(p) for p in pids if b"spawn_main" in Path(f"/proc/{p}/cmdline").read_bytes()]
    except OSError:
        return []


Make = Callable[..., Site]


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[Make]:
    """Make sites of one home on SQLite, or where it is said; closed after the test."""
    made: list[Site] = []

    def make(database_url: str = "", **settings: object) -> Site:
        made.append(Site(tmp_path / "home", database_url, **settings))
        return made[-1]

    yield make
    for site in made:
        site.close()


@pytest.fixture
def site(make_site: Make, database_url: str) -> Site:
    """A site on each kind of database, where nothing waits long and every epoch is kept."""
    return make_site(database_url, lease_seconds=1.5, checkpoint_seconds=0)


@pytest.fixture(scope="session")
def shop(
    data_dir: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator["Shop"]:
    """A filled and trained service on SQLite; tests take users in turns.

    Bursts, shutdowns and publications are tested on PostgreSQL, too.
    """
    from tests.factories.http_shop import opened

    shop = opened(tmp_path_factory, data_dir / "ml-100k")
    yield shop
    shop.site.close()


def succeeded(client: Client, job: Job, *, seconds: float = PATIENCE_SECONDS) -> Job:
    """Wait for a job to succeed."""
    job = client.wait_for(job, timeout=seconds)
    assert job["state"] == "succeeded", job["error"] or job
    return job


def imported(client: Client, file: Path) -> Job:
    """Import a file by upload."""
    with file.open("rb") as stream:
        return succeeded(client, client.import_file(stream, file.name))


def trained(client: Client, *, seconds: float = PATIENCE_SECONDS, **spec: object) -> Job:
    """Train quickly and publish, if nothing else is asked for; wait until it answers."""
    defaults = {"hyperparameters": SHORT, "publish": "always"}
    job = succeeded(client, client.train(**defaults | spec), seconds=seconds)
    if job["result"]["published"]:
        eventually(lambda: answers_with(client, job["result"]["version"]))
    return job


def answers_with(client: Client, version: int) -> bool:
    """Tell whether a version answers, over a connection of its own."""
    url = f"{client.base_url}/v1/users/nobody/recommendations?n=1"
    answer = httpx2.get(url, timeout=PATIENCE_SECONDS)
    return bool(answer.json().get("model_version") == version)


def fill(client: Client, n_users: int = 150) -> None:
    """Send the ratings of a small generated shop."""
    ratings = [
        {"user_id": user, "item_id": item, "value": value}
        for user, item, value in generate_shop(n_users).ratings
    ]
    report = client.send_ratings(ratings)
    assert report["accepted"] == len(ratings)


def ids(answer: dict) -> list[str]:
    return [item["item_id"] for item in answer["items"]]


def sources(answer: dict) -> set[str]:
    return {item["source"] for item in answer["items"]}
