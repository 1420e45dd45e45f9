"""A sweep in the browser: its trials beside each other, the best one, and publishing it."""

import re
import time

import pytest
from playwright.sync_api import Page, expect

from recsvc.db.tables import JobState
from tests.dashboard.conftest import PATIENCE_MS, PHONE, Open, Quiet, Shop
from tests.dashboard.test_all_views import serious

RATES = [0.002, 0.2, 20]
OVER = ("succeeded", "failed", "cancelled")
ASKED = {
    "grid": {"learning_rate": RATES, "initialisation": ["normal", "glorot"]},
    "base": {"model_kind": "user_rbm", "hyperparameters": {"n_hidden": 8, "epochs": 10}},
}


@pytest.fixture(scope="module")
def swept(shop: Shop) -> dict:
    """A real sweep over MovieLens' ratings, when it is over."""
    sweep = shop.client.request_sweep(**ASKED)
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while any(trial["state"] not in OVER for trial in sweep["trials"]):
        assert time.monotonic() < deadline, "the sweep does not end"
        time.sleep(0.5)
        sweep = shop.client.sweep(sweep["id"])
    return sweep


def open_sweep(open_: Open, sweep: dict, **how: object) -> Page:
    page = open_(f"#/sweeps/{sweep['id']}", **how)
    page.locator(".plot[data-drawn]").first.wait_for()
    return page


def rows(page: Page):
    return page.get_by_role("region", name="Trials").locator("tbody tr")


def test_sweep_view_has_row_per_trial_with_values_and_result(page_of_shop: Open, swept: dict):
    page = open_sweep(page_of_shop, swept)

    expect(page.get_by_role("heading", level=1)).to_contain_text(f"Sweep {swept['id']} succeeded")
    expect(rows(page)).to_have_count(len(swept["trials"]))
    for row, trial in zip(rows(page).all(), swept["trials"], strict=True):
        own = trial["hyperparameters"]
        state = "stopped early" if trial["stopped_early"] else trial["state"]
        said = [str(trial["job_id"]), f"{own['learning_rate']:g}", own["initialisation"]]
        cells = row.locator("td").all_inner_texts()
        assert cells[:5] == [*said, f"{trial['best']:.4f}", state]


def test_sweep_view_overlays_curves_and_cuts_off_diverged_values(
    page_of_shop: Open, shop: Shop, swept: dict
):
    page = open_sweep(page_of_shop, swept)
    curves = [shop.client.error_curve(trial["job_id"]) for trial in swept["trials"]]
    measured = [epoch["validation_nll"] for curve in curves for epoch in curve]

    n_points = sum(value is not None for value in measured)
    expect(page.locator(".plot")).to_have_attribute("data-points", str(n_points))
    hint = page.locator("p", has_text="Point at a row")
    expect(hint).to_contain_text("Values above the chart appear on the log scale.")
    page.locator(".plot").focus()
    page.keyboard.press("End")
    told = page.locator("p[aria-live=polite]").first
    expect(told).to_contain_text(f"job {swept['best_job_id']} (")


def test_sweep_view_marks_best_trial_and_shows_sensitivity(page_of_shop: Open, swept: dict):
    page = open_sweep(page_of_shop, swept)

    best = page.locator("tr.best")
    expect(best).to_have_count(1)
    expect(best.locator("td").first).to_have_text(str(swept["best_job_id"]))
    expect(page.locator("p.about")).to_contain_text(f"model version {swept['best_model_version']}")
    mattered = page.get_by_role("region", name="Sensitivity").locator("li")
    names = [one["hyperparameter"] for one in swept["sensitivity"]]
    assert [name.inner_text().split("\n")[0] for name in mattered.all()] == names
    expect(mattered.first).to_contain_text(re.compile(r"[\d.]+ % of the variance"))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_sweep_view_has_no_serious_accessibility_issue(page_of_shop: Open, swept: dict, dark):
    page = open_sweep(page_of_shop, swept, dark=dark)
    expect(rows(page)).to_have_count(len(swept["trials"]))

    assert serious(page) == []


def test_sweep_view_fits_phone_width(page_of_shop: Open, swept: dict):
    page = open_sweep(page_of_shop, swept, size=PHONE)

    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_sweep_view_publishes_best_model_after_confirmation(
    page_of_shop: Open, shop: Shop, swept: dict
):
    page = open_sweep(page_of_shop, swept)
    version = swept["best_model_version"]

    page.get_by_role("button", name="Publish best model").click()
    expect(page.get_by_role("dialog")).to_contain_text(f"Publish model version {version}")
    assert serious(page) == []
    page.get_by_role("dialog").get_by_role("button", name="Publish").click()

    expect(page.locator(".actions .badge")).to_have_text("published")
    assert shop.client.model(version)["published"]
    again = open_sweep(page_of_shop, swept)
    expect(again.locator(".actions .badge")).to_have_text("published")
    shop.client.rollback()


def test_sweep_view_updates_curves_and_cancels_queued_sweep(quiet: Quiet, page_of: Open):
    grid = {"grid": {"learning_rate": [0.02, 2], "n_hidden": [2, 4]}}
    sweep = quiet.http.post("/v1/sweeps", json=grid | {"base": {"model_kind": "user_rbm"}}).json()
    page = page_of(f"#/sweeps/{sweep['id']}")
    page.get_by_role("button", name="Cancel").hover()
    page.mouse.down()

    lease = quiet.worker.claim()
    for epoch in (1, 2):
        quiet.worker.epoch(lease, epoch)
    plot = page.locator(".plot")
    expect(plot).to_have_attribute("data-points", "2")
    page.mouse.up()  # on the very button that was pressed, though all was drawn anew meanwhile
    page.get_by_role("dialog").get_by_role("button", name="Go back").click()
    first = rows(page).first.get_by_role("link")
    first.focus()
    quiet.worker.finish(lease, JobState.FAILED, error={"code": "stopped-early", "title": "…"})
    expect(rows(page).first).to_contain_text("stopped early")
    expect(first).to_be_focused()

    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the sweep").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("cancelled")
    assert "best" not in page.locator("p.about").inner_text()


def test_sweep_view_shows_suggested_rate_of_range_test(quiet: Quiet, page_of: Open):
    asked = {"rate_range": {"low": 0.01, "high": 1, "trials": 3}}
    sweep = quiet.http.post("/v1/sweeps", json=asked | {"base": {"model_kind": "user_rbm"}}).json()
    for loss in (1.4, 1.2, 9):
        lease = quiet.worker.claim()
        quiet.worker.epoch(lease, 1, validation_nll=1.5)
        quiet.worker.epoch(lease, 2, validation_nll=loss)
        quiet.worker.finish(lease)

    page = open_sweep(page_of, sweep)

    expect(page.locator("p.about")).to_contain_text(
        "the loss decreases at learning rates from 0.01 to 0.1 and increases from 1. Suggested: 0.1"
    )
    expect(page.get_by_role("button", name="Publish best model")).to_have_count(0)
    expect(page.locator("tr.best")).to_have_count(0)
