"""A restore drill: a backup of a service under load, restored elsewhere, serves all of it."""

import json
import subprocess
import threading
from pathlib import Path

import pytest

from recsvc.client import Client
from tests.acceptance.conftest import Site, answers_with, fill, ids, trained
from tests.cli.conftest import RECSVC, environment
from tests.conftest import PATIENCE_SECONDS, eventually
from tests.factories.load import run_threads

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

N_WRITERS = 3
SMALL = {"n_hidden": 8, "epochs": 3}
ENDLESS = {"n_hidden": 64, "epochs": 10_000, "patience": 10_000}


class Load:
    """Rates items one at a time; `acknowledged` has what the service has answered."""

    def __init__(self, url: str) -> None:
        self.acknowledged: list[tuple[str, str, float]] = []
        self._url = url

    def write(self, writer: int, stopping: threading.Event) -> None:
        """Rate items until `stopping` is set."""
        with Client(self._url) as client:
            for number in range(1_000_000):
                if stopping.is_set():
                    return
                rating = (f"w{writer}-{number // 5}", f"book-{1 + number % 5:03}", 1.0 + number % 5)
                client.rate(*rating)
                self.acknowledged.append(rating)


@pytest.fixture
def restored_site(request, database_url, tmp_path) -> Site:
    """A site elsewhere: a home and a database of the same kind, both empty."""
    url = ""
    if database_url.startswith("postgresql"):
        url = request.getfixturevalue("new_postgresql_database")(migrated=False)
    site = Site(tmp_path / "elsewhere", url)
    yield site
    site.close()


def run(site: Site, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command on the data of a site."""
    return subprocess.run(
        [*RECSVC, *map(str, arguments)],
        env=environment(site.home, **site.settings),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def stored_ratings(client: Client, users: set[str]) -> set[tuple[str, str, float]]:
    return {
        (user, rating["item_id"], rating["value"])
        for user in users
        for rating in client.ratings(user)
    }


def test_backup_under_load_restored_elsewhere_serves_everything_acknowledged(
    site: Site, restored_site: Site, tmp_path: Path
):
    client = site.serve()
    fill(client)
    version = trained(client, hyperparameters=SMALL)["result"]["version"]
    eventually(lambda: answers_with(client, version))
    running = client.train(hyperparameters=ENDLESS, publish="never")
    load = Load(client.base_url)
    with run_threads(N_WRITERS, load.write):
        eventually(lambda: len(load.acknowledged) > 50)
        eventually(lambda: (client.job("training", running["id"])["epoch"] or 0) > 2)
        before = set(load.acknowledged)
        made = run(site, "backup", tmp_path / "backup", "--verify")
        assert made.returncode == 0, made.stderr
        during = len(load.acknowledged) - len(before)
    assert during > 0  # it goes on
    expected = {user: client.recommendations(user, 5) for user in ("reader-001", "reader-002")}
    site.close()

    told = run(restored_site, "restore", tmp_path / "backup")
    assert told.returncode == 0, told.stderr
    restored = restored_site.serve("--no-worker")
    eventually(lambda: answers_with(restored, version))

    stored = stored_ratings(restored, {user for user, _, _ in before})
    assert before <= stored
    for user, listed in expected.items():
        found = restored.recommendations(user, 5)
        assert ids(found) == ids(listed)
        assert [item["score"] for item in found["items"]] == [
            item["score"] for item in listed["items"]
        ]
    checked = run(restored_site, "doctor", "--json")
    levels = {check["name"]: check["level"] for check in json.loads(checked.stdout)}
    levels.pop("worker")  # none runs yet
    assert set(levels.values()) == {"ok"}, checked.stdout

    restored_site.work()
    eventually(lambda: restored.job("training", running["id"])["state"] == "running")
    epoch = restored.job("training", running["id"])["epoch"]
    eventually(lambda: restored.job("training", running["id"])["epoch"] > epoch)
    restored.cancel(running)
