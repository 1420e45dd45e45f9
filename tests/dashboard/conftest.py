"""The dashboard in a real Chromium, over a real service.

A page fails its test on any error in the console, any violation of the page's policy, any request
to another origin and any failure of the service.
"""

import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

from recsvc.api.app import create_app
from recsvc.client import Client
from recsvc.service.context import Context
from tests import conftest
from tests.acceptance.conftest import Site, imported, trained
from tests.api.conftest import serving, settings_for
from tests.conftest import PATIENCE_SECONDS, go_without
from tests.factories.http_shop import read_titles
from tests.factories.template_homes import copy_of_home
from tests.factories.workers import Worker

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP = {"width": 1360, "height": 900}
PHONE = {"width": 390, "height": 844}
PATIENCE_MS = 1000 * PATIENCE_SECONDS
expect.set_options(timeout=PATIENCE_MS)
NOT_FOUND = "Failed to load resource"  # message of the browser for a response that the page expects


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """A real browser; closed with the package, for it keeps an event loop in this thread."""
    executable = shutil.which("chromium")
    if executable is None:
        go_without("no Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=FLAGS, timeout=PATIENCE_MS
        )
        yield browser
        browser.close()


@dataclass
class Watched:
    """What a page did that it should not."""

    origin: str
    faults: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> Page:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("request", self._request)
        page.on("response", self._response)
        return page

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(NOT_FOUND):
            self.faults.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.origin, "data:", "blob:")):
            self.faults.append(f"foreign: {request.url}")

    def _response(self, response: Response) -> None:
        is_ours = urlsplit(response.url).path.startswith(("/dashboard/", "/docs"))
        if response.status == 500 or (is_ours and response.status >= 400):
            self.faults.append(f"{response.status}: {response.url}")


Open = Callable[..., Page]


@contextmanager
def opening(chromium: Browser, url: str) -> Iterator[Open]:
    """Give a function that opens pages of the service at `url`, and fails on what they did."""
    watched = Watched(url)
    contexts = []

    def open_(path: str = "", *, dark: bool = False, size: dict[str, int] = DESKTOP) -> Page:
        scheme = "dark" if dark else "light"
        context = chromium.new_context(viewport=size, color_scheme=scheme, base_url=url)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = watched.watch(context.new_page())
        page.goto(f"{url}/{path}")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert watched.faults == []


def eventually(page: Page, holds: Callable[[], bool]) -> None:
    """Wait for something on the page that a locator cannot say; the policy forbids `eval`."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        page.wait_for_timeout(50)


@dataclass
class Quiet:
    """A service without a worker: what happens to its jobs is played through the queue."""

    url: str
    http: httpx2.Client
    worker: Worker
    context: Context

    def queue(self, **asked: object) -> int:
        """Queue a training job; give its number."""
        answer = self.http.post("/v1/training-jobs", json=asked)
        assert answer.status_code == 202, answer.text
        return int(answer.json()["id"])

    def wait_until_served(self, version: int) -> None:
        """Wait until the version is served: a page that was opened before would not show it."""
        served = re.compile(rf"version {version}\b")
        conftest.eventually(lambda: served.search(self.http.get("/readyz").text))


@pytest.fixture
def quiet(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Quiet]:
    place = tmp_path / "recsvc.sqlite3"
    shutil.copy(migrated_sqlite, place)
    app = create_app(settings_for(f"sqlite:///{place}", tmp_path / "home"))
    with serving(app) as url, httpx2.Client(base_url=url, timeout=PATIENCE_SECONDS) as http:
        context = app.state.context
        yield Quiet(url, http, Worker(context.database), context)


@pytest.fixture
def page_of(chromium: Browser, quiet: Quiet) -> Iterator[Open]:
    """Opens pages of the service without a worker."""
    with opening(chromium, quiet.url) as open_:
        yield open_


@dataclass
class Shop:
    """A service with a worker, MovieLens' ratings, and a first model that answers."""

    url: str
    client: Client


def fill_home(data: Path, home: Path) -> None:
    """Import ml-100k with its titles and train a small machine."""
    site = Site(home)
    client = site.serve()
    imported(client, data / "u.data")
    titles = read_titles(data / "u.item")
    client.send_items([{"item_id": item_id, "title": title} for item_id, title in titles.items()])
    quick = {"n_hidden": 8, "epochs": 2}
    trained(client, model_kind="user_rbm", hyperparameters=quick)
    site.close()


@pytest.fixture(scope="package")
def shop(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    fill = partial(fill_home, data_dir / "ml-100k")
    site = Site(copy_of_home(tmp_path_factory, "dashboard", fill)[0])
    client = site.serve()
    yield Shop(str(client.base_url).rstrip("/"), client)
    site.close()


@pytest.fixture
def page_of_shop(chromium: Browser, shop: Shop) -> Iterator[Open]:
    """Opens pages of the shop's service."""
    with opening(chromium, shop.url) as open_:
        yield open_
