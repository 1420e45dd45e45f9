"""What a job's page goes on asking for, while time passes on the browser's own clock."""

import re

from playwright.sync_api import Page, expect

from tests.dashboard.conftest import Open, Quiet

A_WHILE_MS = 20_000  # several looks at the jobs beside


def three_running(quiet: Quiet) -> list:
    """Give the leases of jobs 1 to 3, each with one epoch."""
    leases = []
    for seed in range(3):
        quiet.queue(model_kind="user_rbm", seed=seed)
        leases.append(quiet.worker.claim())
        quiet.worker.epoch(leases[-1], 1)
    return leases


def opened(page_of: Open, path: str) -> Page:
    """Give a page of the dashboard whose timers go off early when its clock is told to run."""
    page = page_of("#/jobs")
    page.clock.install()
    page.goto(page.url.split("#")[0] + path)
    page.reload()
    return page


def test_the_curves_of_jobs_beside_grow_until_each_is_over(quiet: Quiet, page_of: Open):
    leases = three_running(quiet)
    page = opened(page_of, "#/jobs/1?beside=2,3")
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


def test_the_address_stays_where_one_has_gone_from_a_job_with_others_beside(
    quiet: Quiet, page_of: Open
):
    three_running(quiet)
    page = opened(page_of, "#/jobs/1?beside=2,3")
    expect(page.locator(".plot").first).to_have_attribute("data-points", "6")

    page.get_by_role("link", name="Models").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Model versions")
    page.clock.run_for(A_WHILE_MS)

    expect(page).to_have_url(re.compile("#/models$"))
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Model versions")
