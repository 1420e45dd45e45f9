"""Real commands, and a real service for them to speak to."""

import csv
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from recsvc.client import Client
from recsvc.service.demo_data import generate_shop
from tests.conftest import LONG_WAIT_SECONDS, PATIENCE_SECONDS
from tests.factories.template_homes import copy_of_home

OF_THE_TESTER = ("RECSVC_", "FORCE_COLOR", "TTY_", "LINES", "PYTHONIOENCODING", "PYTHONUTF8")
RECSVC = (sys.executable, "-m", "recsvc.cli")
Run = Callable[..., subprocess.CompletedProcess[str]]


@dataclass
class Served:
    """`recsvc serve`, as a process that answers."""

    process: subprocess.Popen[str]
    url: str
    home: Path

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=PATIENCE_SECONDS)


def environment(home: Path, **settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OF_THE_TESTER)}
    ours = {"RECSVC_HOME": str(home), "COLUMNS": "160", "NO_COLOR": "1"}
    return kept | ours | {"RECSVC_REQUEST_WAIT_SECONDS": str(LONG_WAIT_SECONDS)} | settings


def start_serving(home: Path, *options: str, **settings: str) -> Served:
    with home.with_name(f"{home.name}.log").open("w") as log:
        process = subprocess.Popen(
            [*RECSVC, "serve", "--port", "0", *options],
            env=environment(home, **settings),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    url = next((line.split()[1] for line in process.stdout if line.strip().startswith("API")), None)
    assert url, home.with_name(f"{home.name}.log").read_text()
    return Served(process, url, home)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    started: list[Served] = []

    def start(*options: str, **settings: str) -> Served:
        started.append(start_serving(tmp_path / "served", *options, **settings))
        return started[-1]

    yield start
    for served in started:
        if served.process.poll() is None:
            served.stop()
        served.process.stdout.close()


@pytest.fixture(scope="session")
def shared(
    tmp_path_factory: pytest.TempPathFactory, recsvc: Run, ratings_file: Path
) -> Iterator[Served]:
    """One service for all tests that only speak to it, with ratings and a published model."""
    fill = partial(fill_home, recsvc, ratings_file)
    served = start_serving(copy_of_home(tmp_path_factory, "commands", fill)[0])
    yield served
    assert served.stop() == 0
    served.process.stdout.close()


@pytest.fixture(scope="session")
def recsvc(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a command; `home` is where it finds its data if it is given no --url."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    def run(*arguments: object, home: Path = elsewhere, **settings: str):
        return subprocess.run(
            [*RECSVC, *map(str, arguments)],
            env=environment(home, **settings),
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE_SECONDS,  # the kernels may have to be compiled first
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def ratings_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ratings of a small shop, with two lines in it that nobody can use."""
    file = tmp_path_factory.mktemp("data") / "ratings.csv"
    with file.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(("user_id", "item_id", "rating"))
        rows.writerows(generate_shop(150).ratings)
        rows.writerow(("reader-001", "book-001", "lots"))
        rows.writerow(("", "book-001", "4"))
    return file


def fill_home(recsvc: Run, ratings_file: Path, home: Path) -> None:
    """Import the ratings and train a small model, by commands."""
    home.mkdir()
    assert recsvc("import", ratings_file, home=home).returncode == 0
    quick = ("--set", "epochs=2", "--set", "n_hidden=8", "--publish", "always")
    learned = recsvc("train", *quick, home=home)
    assert learned.returncode == 0, learned.stderr


@pytest.fixture(scope="session")
def trained(shared: Served) -> Served:
    """The shared service, for tests of its ratings or its model."""
    return shared


@pytest.fixture
def client(shared: Served) -> Iterator[Client]:
    with Client(shared.url) as client:
        yield client
