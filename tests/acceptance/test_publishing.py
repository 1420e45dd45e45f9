"""Whoever hears that a job has published a version gets lists of that version, from then on."""

import threading
from collections.abc import Callable
from contextlib import contextmanager

import httpx2
import pytest

from recsvc.client import Client
from tests.acceptance.conftest import fill, sources
from tests.conftest import PATIENCE_SECONDS, eventually

pytestmark = pytest.mark.acceptance

N_VERSIONS = {"sqlite": 20, "postgresql": 5}
TINY = {"n_hidden": 4, "epochs": 1}


@contextmanager
def load(url: str):
    """Rate and ask in four threads all the while; the list has every status that was answered."""
    stop, statuses = threading.Event(), []

    def ask(number: int) -> None:
        with httpx2.Client(base_url=url, timeout=PATIENCE_SECONDS) as http:
            while not stop.is_set():
                user = f"/v1/users/reader-{number:03}"
                statuses.append(http.get(f"{user}/recommendations").status_code)
                statuses.append(http.put(f"{user}/ratings/more", json={"value": 3}).status_code)
                stop.wait(0.01)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def first_version_after_success(client: Client, number: int) -> tuple[int, int]:
    """Train, and ask for a list as soon as the job has succeeded: the two versions told."""
    kind = "user_rbm" if number % 2 else "joint_rbm"
    job = client.train(model_kind=kind, hyperparameters=TINY, seed=number, publish="always")
    job = client.wait_for(job, timeout=PATIENCE_SECONDS)
    listed = client.recommendations("reader-001", 5)
    assert job["state"] == "succeeded", job["error"]
    assert client.model(job["result"]["version"])["published"] is True
    return job["result"]["version"], listed["model_version"]


@pytest.mark.slow
def test_succeeded_training_serves_its_version_from_first_request(
    make_site: Callable, database_url: str, tmp_path, monkeypatch
):
    """On SQLite in a home where no kernel was ever compiled."""
    kind = database_url.partition(":")[0]
    if kind == "sqlite":
        monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kernels"))
    client = make_site(database_url).serve()
    fill(client)

    before = client.recommendations("reader-001", 5)
    eventually(lambda: sources(client.recommendations("reader-001", 5)) == {"popular"})
    with load(client.base_url) as statuses:
        versions = [first_version_after_success(client, n) for n in range(N_VERSIONS[kind])]

    assert before["model_version"] is None
    assert sources(before) <= {"popular", "new"}
    assert versions == [(n, n) for n in range(1, N_VERSIONS[kind] + 1)]
    assert set(statuses) <= {200, 201}
