"""Login with an API key, and pages of other sites, in a real browser."""

import http.server
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.conftest import Open, Quiet
from tests.dashboard.test_all_views import serious

PAGE = """<!doctype html><title>Another site</title>
<script>
const send = async (options) => {
  try {
    const answer = await fetch("URL/v1/training-jobs", { method: "POST", ...options });
    return answer.type;
  } catch (error) {
    return error.name;
  }
};
</script>
<form method="post" action="URL/v1/training-jobs"><button>Send</button></form>
"""


@pytest.fixture
def key(quiet: Quiet) -> str:
    """A key with all scopes; the service needs one from now on."""
    body = {"name": "operator", "scopes": ["admin"]}
    return quiet.http.post("/v1/keys", json=body).json()["key"]


@pytest.fixture
def other_site(quiet: Quiet) -> Iterator[str]:
    """The URL of a page of another origin, whose script and form send changes to the service."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(PAGE.replace("URL", quiet.url).encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def log_in(page: Page, key: str) -> None:
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Log in").click()


def test_dashboard_asks_for_key_and_shows_jobs_after_login(quiet: Quiet, page_of: Open, key: str):
    page = page_of("#/jobs")
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    expect(page.get_by_label("API key")).to_be_focused()
    assert serious(page) == []

    log_in(page, key)

    expect(page.get_by_role("heading", level=1)).to_have_text("Training jobs")
    page.goto(f"{quiet.url}/#/jobs/new")
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url("**#/jobs/1")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")


def test_login_form_shows_that_key_is_unknown(page_of: Open, key: str):
    page = page_of("#/jobs")

    log_in(page, f"{key}x")

    expect(page.get_by_role("alert")).to_contain_text("API key unknown")


@pytest.mark.parametrize(
    ("options", "outcome"),
    [
        ("{}", "TypeError"),
        ("{ mode: 'no-cors' }", "opaque"),
        ("{ mode: 'no-cors', body: '', credentials: 'include' }", "opaque"),
    ],
)
def test_script_of_other_site_changes_nothing(
    quiet: Quiet, chromium: Browser, other_site: str, options: str, outcome: str
):
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(other_site)

        assert page.evaluate(f"send({options})") == outcome
    assert quiet.http.get("/v1/training-jobs").json()["items"] == []


def test_form_of_other_site_changes_nothing(quiet: Quiet, chromium: Browser, other_site: str):
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(other_site)
        with page.expect_navigation() as navigation:
            page.get_by_role("button", name="Send").click()

    assert navigation.value.status == 403
    assert quiet.http.get("/v1/training-jobs").json()["items"] == []
