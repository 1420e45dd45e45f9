"""API processes are replaced under load, and no request fails."""

import os
import signal
import threading
import time

import httpx2
import pytest

from tests.acceptance.conftest import Make, _children, fill
from tests.conftest import PATIENCE_SECONDS, eventually
from tests.factories.load import run_threads

pytestmark = pytest.mark.acceptance

N_CLIENTS = 4
LONGEST_SECONDS = 10.0  # on a machine that runs other tests, too


class Load:
    """Writes and reads over connections that are kept."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.failures: list[str] = []
        self.seconds: list[float] = []

    def send(self, number: int, stopping: threading.Event) -> None:
        """Send requests until `stopping` is set."""
        with httpx2.Client(base_url=self._url, timeout=PATIENCE_SECONDS) as client:
            while not stopping.is_set():
                began = time.monotonic()
                try:
                    rated = client.put(f"/v1/users/u{number}/ratings/tea", json={"value": 4})
                    listed = client.get(f"/v1/users/u{number}/recommendations?n=3")
                except httpx2.TransportError as error:
                    self.failures.append(repr(error))
                else:
                    answers = (rated.status_code, listed.status_code)
                    if max(answers) > 201:
                        self.failures.append(str(answers))
                self.seconds.append(time.monotonic() - began)


def reload_service(parent: int) -> None:
    """Send SIGHUP and wait until other processes serve and the former ones have ended."""
    before = set(_children(parent))
    os.kill(parent, signal.SIGHUP)
    eventually(lambda: set(_children(parent)) - before)
    eventually(lambda: not set(_children(parent)) & before)


def test_reload_replaces_processes_and_no_request_fails(make_site: Make):
    site = make_site()
    client = site.serve("--no-worker")
    fill(client, 20)

    load = Load(client.base_url)
    with run_threads(N_CLIENTS, load.send):
        time.sleep(0.5)
        for _ in range(2):
            reload_service(site.served[-1].process.pid)
        time.sleep(0.5)

    assert load.failures == []
    assert len(load.seconds) > 20
    assert max(load.seconds) < LONGEST_SECONDS
