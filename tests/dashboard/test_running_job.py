"""What a job's page goes on asking for, while time passes on the browser's own clock."""

import re
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Page, expect
from sqlalchemy import update

from recsvc.db.session import unit_of_work
from recsvc.db.tables import JobEvent
from tests.dashboard.conftest import Open, Quiet, eventually

A_MINUTE_MS = 60_000
A_WHILE_MS = 20_000  # several looks at the jobs beside


def three_running(quiet: Quiet) -> list:
    """Give the leases of jobs 1 to 3, each with one epoch."""
    leases = []
    for seed in range(3):
        quiet.queue(model_kind="user_rbm", seed=seed)
        leases.append(quiet.worker.claim())
        quiet.worker.epoch(leases[-1], 1)
    return leases


def open_page(page: Page, path: str) -> Page:
    """Open a page of the dashboard whose timers go off early when its clock is told to run."""
    page.clock.install()
    page.goto(page.url.split("#")[0] + path)
    page.reload()
    return page


def test_curves_of_compared_jobs_grow_until_jobs_end(quiet: Quiet, page_of: Open):
    leases = three_running(quiet)
    page = open_page(page_of("#/jobs"), "#/jobs/1?beside=2,3")
    plot = page.locator(".plot").first
    expect(plot).to_have_attribute("data-points", "6")  # of validation and of training

    quiet.worker.epoch(leases[1], 2)
    quiet.worker.epoch(leases[2], 2)
    quiet.worker.finish(leases[1])
    page.clock.run_for(A_WHILE_MS)
    expect(plot).to_have_attribute("data-points", "10")

    quiet.worker.epoch(leases[2], 3)
    page.clock.run_for(A_WHILE_MS)
    expect(plot).to_have_attribute("data-points", "12")


def test_url_stays_after_leaving_job_with_compared_jobs(quiet: Quiet, page_of: Open):
    three_running(quiet)
    page = open_page(page_of("#/jobs"), "#/jobs/1?beside=2,3")
    expect(page.locator(".plot").first).to_have_attribute("data-points", "6")

    page.get_by_role("link", name="Models").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Model versions")
    page.clock.run_for(A_WHILE_MS)

    expect(page).to_have_url(re.compile("#/models$"))
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Model versions")


def set_event_age(quiet: Quiet, before: timedelta) -> None:
    """Let all that was told of jobs have been told that long ago."""
    with unit_of_work(quiet.context.database) as session:
        session.execute(update(JobEvent).values(created_at=datetime.now(UTC) - before))


def diagnoses(page: Page) -> list[str]:
    """Take down which diagnoses the page asks for, from now on."""
    asked: list[str] = []
    page.on("request", lambda one: one.url.endswith("/diagnosis") and asked.append(one.url))
    return asked


def let_minutes_pass(page: Page) -> None:
    """Let some pass; what the page asks for in them has been asked for."""
    for _ in range(5):
        page.clock.run_for(A_MINUTE_MS)
    page.evaluate("fetch('healthz').then((answer) => answer.status)")


def test_stalled_job_shows_finding(quiet: Quiet, page_of: Open):
    three_running(quiet)
    page = page_of("#/jobs")
    page.route("**/events", lambda route: route.fulfill(status=502, body="Bad gateway"))
    open_page(page, "#/jobs/1")
    expect(page.locator(".verdict")).to_contain_text("Too early for a diagnosis")

    set_event_age(quiet, timedelta(minutes=31))
    page.clock.run_for(A_MINUTE_MS)

    card = page.locator("article.finding", has_text="stalled")
    expect(card).to_contain_text("seconds since the last epoch")


def test_diagnosis_is_not_requested_after_job_ends(quiet: Quiet, page_of: Open):
    quiet.queue(model_kind="user_rbm")
    lease = quiet.worker.claim()  # without an epoch, which would be a reason to ask
    page = open_page(page_of("#/jobs"), "#/jobs/1")
    expect(page.locator(".badge")).to_have_text("running")
    expect(page.locator(".verdict")).to_be_visible()
    asked = diagnoses(page)
    page.clock.run_for(A_MINUTE_MS)
    eventually(page, lambda: len(asked) == 1)

    quiet.worker.finish(lease)
    eventually(page, lambda: len(asked) == 2)
    let_minutes_pass(page)

    assert len(asked) == 2


def test_diagnosis_is_not_requested_after_page_is_left(quiet: Quiet, page_of: Open):
    three_running(quiet)
    page = open_page(page_of("#/jobs"), "#/jobs/1")
    expect(page.locator(".verdict")).to_be_visible()

    page.get_by_role("link", name="Models").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Model versions")
    asked = diagnoses(page)
    let_minutes_pass(page)

    assert asked == []
