"""Counters of several API processes equal what was sent, also after a process is killed."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.conftest import PATIENCE_SECONDS, eventually, on_sqlite
from tests.factories.metrics_page import Page

pytestmark = pytest.mark.acceptance

LIVE, RATING = "/livez", "/v1/users/{user_id}/ratings/{item_id}"


class Sender:
    """Sends requests, each over a connection of its own, and counts them.

    answered  those with a whole response; sent has the others, too
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.answered = {LIVE: 0, RATING: 0}
        self.sent = {LIVE: 0, RATING: 0}

    def send(self, number: int) -> None:
        """Send one request of each kind."""
        self._request(LIVE, "GET", "/livez")
        path = f"/v1/users/u{number}/ratings/i{number % 7}"
        self._request(RATING, "PUT", path, json={"value": 4})

    def _request(self, kind: str, method: str, path: str, **options: object) -> None:
        self.sent[kind] += 1
        try:
            httpx2.request(method, self.url + path, timeout=PATIENCE_SECONDS, **options)
        except httpx2.TransportError:  # its process was killed
            return
        self.answered[kind] += 1

    def scrape(self) -> Page:
        """Return the page; a scrape whose process is killed is sent again."""
        for _ in range(20):
            try:
                response = httpx2.get(f"{self.url}/metrics", timeout=PATIENCE_SECONDS)
            except httpx2.TransportError:
                continue
            assert response.status_code == 200, response.text
            return Page(response.text)
        raise AssertionError("no API process answers")


@on_sqlite
def test_counters_equal_what_was_sent_to_several_processes(make_site, database_url):
    site = make_site(database_url)
    sender = Sender(site.serve("--workers", "2").base_url)
    before = sender.scrape().n_requests("GET", LIVE)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda worker: [sender_of(sender, worker, n) for n in range(25)], range(4)))

    page = sender.scrape()

    assert page.n_requests("GET", LIVE, status="200") == before + 100
    assert page.n_requests("PUT", RATING, status="201") == 100
    assert page.total("recsvc_ratings_accepted_total") == 100
    assert names(page) == {"api-1", "api-2", "serve", "worker"}


def sender_of(sender: Sender, worker: int, n: int) -> None:
    sender.send(100 * worker + n)


def names(page: Page) -> set[str]:
    name = "recsvc_process_start_time_seconds"
    return {sample.labels["process"] for sample in page.samples if sample.name == name}


@on_sqlite
def test_counters_survive_sigkill_of_api_process(make_site, database_url):
    site = make_site(database_url)
    sender = Sender(site.serve("--workers", "2", "--no-worker").base_url)
    first = sender.scrape()
    before = first.n_requests("GET", LIVE)
    counters = first.counters()
    for round_number in range(3):
        for n in range(20):
            sender.send(100 * round_number + n)
            if n == 10:
                eventually(lambda: len(site.api_processes()) == 2)
                os.kill(site.api_processes()[round_number % 2], signal.SIGKILL)
            page = sender.scrape()
            later = page.counters()
            assert all(later[key] >= value for key, value in counters.items())
            counters = later
        eventually(lambda: len(site.api_processes()) == 2)

    page = sender.scrape()

    found = page.n_requests("GET", LIVE, status="200") - before
    assert sender.answered[LIVE] <= found <= sender.sent[LIVE]
    found = page.total("recsvc_ratings_accepted_total")
    assert sender.answered[RATING] <= found <= sender.sent[RATING]
    (folder,) = (site.home / "metrics").iterdir()
    names = {file.name for file in folder.iterdir()}
    assert names <= {"serve", "api-1", "api-1b", "api-2", "api-2b"}, "two files a process at most"


@on_sqlite
def test_metrics_folder_of_ended_service_is_cleared_at_next_start(make_site, database_url):
    site = make_site(database_url)
    sender = Sender(site.serve("--no-worker").base_url)
    sender.send(1)
    site.served[-1].stop(signal.SIGKILL)
    eventually(lambda: not site.processes())
    assert len(list((site.home / "metrics").iterdir())) == 1

    again = Sender(site.serve("--no-worker").base_url)

    assert again.scrape().total("recsvc_ratings_accepted_total") == 0
    assert len(list((site.home / "metrics").iterdir())) == 1
