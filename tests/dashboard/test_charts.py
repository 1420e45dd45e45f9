"""Charts under a hand: zoom by pointer and by keys, scale, legend, what is drawn beside."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.dashboard.conftest import Open, Quiet, eventually
from tests.factories.workers import RESULT

# Takes down what is written on canvases.
WRITTEN = """
globalThis.written = [];
const { fillText } = CanvasRenderingContext2D.prototype;
CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
  globalThis.written.push(text);
  return fillText.call(this, text, ...place);
};
"""


@pytest.fixture
def chart_page(quiet: Quiet, page_of: Open) -> Page:
    """The page of a job of forty epochs that is over, another one of ten beside it."""
    for epochs in (10, 40):
        quiet.queue(model_kind="user_rbm", seed=epochs)
        quiet.worker.train(epochs)
    page = page_of("#/jobs/2?beside=1")
    expect(plot(page)).to_have_attribute("data-points", "100")
    expect(page.locator(".pin").first).to_be_visible()  # it moves the pictures down
    return page


def plot(page: Page) -> Locator:
    return page.locator(".plot").first


def drag(page: Page, place: Locator, start: float, end: float) -> None:
    box = place.bounding_box()
    across = [box["x"] + share * box["width"] for share in (start, end)]
    page.mouse.move(across[0], box["y"] + 60)
    page.mouse.down()
    page.mouse.move(across[1], box["y"] + 80, steps=4)
    page.mouse.up()


def test_chart_zooms_by_dragging_and_resets_by_double_click(chart_page: Page):
    reset = chart_page.get_by_role("button", name="Show all epochs")
    expect(reset).to_be_disabled()

    drag(chart_page, plot(chart_page), 0.5, 0.7)
    expect(reset).to_be_enabled()
    eventually(chart_page, lambda: int(plot(chart_page).get_attribute("data-points")) < 60)

    plot(chart_page).dblclick()
    expect(plot(chart_page)).to_have_attribute("data-points", "100")
    expect(reset).to_be_disabled()


def test_chart_can_be_read_and_zoomed_by_keyboard(chart_page: Page):
    plot(chart_page).focus()
    for key in ("End", "Home", "ArrowRight", "ArrowRight"):
        chart_page.keyboard.press(key)
    readout = chart_page.locator(".readout").first
    expect(readout).to_contain_text("epoch 2: job 2 validation 1.2")
    expect(readout).to_contain_text("job 1 validation 1.2")

    chart_page.keyboard.press("+")
    chart_page.keyboard.press("+")
    expect(plot(chart_page)).not_to_have_attribute("data-points", "100")
    chart_page.keyboard.press("0")
    expect(plot(chart_page)).to_have_attribute("data-points", "100")

    chart_page.keyboard.press("l")
    expect(chart_page.get_by_role("button", name="Log scale")).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(chart_page).to_have_url(re.compile("log=1"))


def test_chart_has_text_description(chart_page: Page):
    said = plot(chart_page).get_attribute("aria-label")

    assert said.startswith("Negative log-likelihood. job 2 validation from 1.3 in epoch 1 to 5")
    assert "job 1 training from 1.5 in epoch 1 to 0.15 in epoch 10" in said


def test_chart_shows_item_mean_nll_as_baseline(quiet: Quiet, page_of: Open):
    quiet.queue(model_kind="user_rbm")
    lease = quiet.worker.claim()
    quiet.worker.epoch(lease, 1)
    baselines = {"global_mean": {"rmse": 1.12}, "item_mean": {"rmse": 1.02, "nll": 1.41}}
    quiet.worker.finish(lease, result=RESULT | {"baselines": baselines})
    page = page_of("#/jobs")
    page.add_init_script(WRITTEN)
    page.reload()

    page.goto(f"{quiet.url}/#/jobs/1?figures=nll")

    expect(page.locator(".charts h3")).to_have_text(["Negative log-likelihood"])
    eventually(page, lambda: "item mean 1.41" in page.evaluate("written"))


def test_chart_legend_hides_line(chart_page: Page):
    chart_page.get_by_role("button", name="job 1 validation").click()

    expect(plot(chart_page)).to_have_attribute("data-points", "90")


def test_chart_metrics_and_compared_jobs_are_kept_in_url(chart_page: Page):
    chart_page.get_by_role("button", name="RMSE").click()
    chart_page.get_by_role("button", name="Remove job 1").click()
    expect(chart_page.locator(".charts .chart")).to_have_count(2)
    expect(chart_page).not_to_have_url(re.compile("beside"))

    chart_page.reload()

    expect(chart_page.locator(".charts h3")).to_have_text(["Negative log-likelihood", "RMSE"])
    chart_page.get_by_label("Number of the job to compare with").fill("1")
    chart_page.get_by_role("button", name="Compare with job").click()
    expect(chart_page.locator(".legend").first).to_contain_text("job 1 validation")
    expect(chart_page).to_have_url(re.compile("beside=1"))


def test_job_list_compares_selected_jobs(chart_page: Page):
    chart_page.goto(chart_page.url.split("#")[0] + "#/jobs")
    for job in (1, 2):
        chart_page.get_by_label(f"Compare job {job}").check()
    chart_page.get_by_role("button", name="Compare").click()

    expect(chart_page.get_by_role("heading", level=1)).to_contain_text("Training job 2")
    expect(chart_page.locator(".legend").first).to_contain_text("job 1 validation")


def test_finding_pin_moves_focus_to_its_card(chart_page: Page):
    card = chart_page.locator("article.finding").first
    name = chart_page.locator(".pin").first.inner_text()

    chart_page.locator(".pin").first.click()

    expect(card).to_be_focused()
    assert card.inner_text().lower().startswith(name.lower())


def test_error_curve_is_also_shown_as_table(chart_page: Page):
    chart_page.get_by_text("Error curve as a table").click()

    rows = chart_page.get_by_role("region", name="Epochs of job 2").locator("tbody tr")
    expect(rows).to_have_count(40)
    expect(rows.first).to_contain_text("40")
    expect(rows.last).to_contain_text("1.3000")
    expect(chart_page.get_by_role("link", name="CSV", exact=True)).to_be_visible()
