"""What holds for every view: accessible, readable in the dark, no wider than a phone, by keys."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.conftest import PHONE, Open, Quiet, Shop

# what it shows, its address, and what is there once it is drawn
VIEWS = [
    pytest.param("#/jobs", "table", id="jobs"),
    pytest.param("#/jobs/new", "form", id="new-job"),
    pytest.param("#/jobs/{job}", ".plot[data-drawn]", id="job"),
    pytest.param("#/jobs/{job}?figures=nll,rmse,units,rate&log=1", ".plot[data-drawn]", id="log"),
    pytest.param("#/sweeps", "main", id="sweeps"),
    pytest.param("#/sweeps/new", "form", id="new-sweep"),
    pytest.param("#/models", "table", id="models"),
    pytest.param("#/models?beside=1", "text=Calibration error", id="card"),
    pytest.param("#/data", ".bars", id="data"),
    pytest.param("#/recommendations", "form", id="ask"),
    pytest.param("#/recommendations?user=196&n=5", "text=Ratings of this user", id="list"),
    pytest.param("#/nowhere", "text=Page not found", id="nowhere"),
]


@cache
def axe() -> str:
    """axe-core, as a package carries it."""
    spec = find_spec("axe_playwright_python")
    return (Path(spec.origin).parent / "axe.min.js").read_text(encoding="utf-8")


def serious(page: Page) -> list[str]:
    """What axe-core holds for serious or critical on the page as it is."""
    page.evaluate(axe())
    found: list[dict[str, Any]] = page.evaluate("axe.run().then((told) => told.violations)")
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]} {one['nodes'][0]['failureSummary'][:300]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


@pytest.fixture(scope="package")
def job(shop: Shop) -> int:
    return list(shop.client.jobs("training"))[-1][
        "id"
    ]  # the first one, whichever tests came before


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("path", "drawn"), VIEWS)
def test_view_has_no_serious_accessibility_issue(page_of_shop: Open, job, path, drawn, dark):
    page = page_of_shop(path.format(job=job), dark=dark)
    page.locator(drawn).first.wait_for()

    for more in page.locator("details").all():
        more.evaluate("(one) => { one.open = true; }")

    assert serious(page) == []


@pytest.mark.parametrize(("path", "drawn"), VIEWS)
def test_view_fits_phone_width(page_of_shop: Open, job, path, drawn):
    page = page_of_shop(path.format(job=job), size=PHONE)
    page.locator(drawn).first.wait_for()

    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


@pytest.mark.parametrize(
    "path", ["#/jobs", "#/sweeps", "#/models", "#/data", "#/recommendations?user=ada"]
)
def test_empty_view_shows_next_step_and_is_accessible(page_of: Open, path):
    page = page_of(path)

    expect(page.locator(".empty, .problem").first).to_be_visible()
    assert serious(page) == []


def test_confirmation_dialog_is_accessible(page_of: Open, quiet: Quiet):
    quiet.queue()
    page = page_of("#/jobs/1", dark=True)

    page.get_by_role("button", name="Cancel").click()

    expect(page.get_by_role("dialog")).to_be_visible()
    assert serious(page) == []


@pytest.mark.parametrize("path", ["#/nowhere", "#/%", "#/constructor", "#/job", "#/jobs/x"])
def test_unknown_address_shows_problem(page_of: Open, path):
    page = page_of(path)

    expect(page.locator(".empty, .problem")).to_be_visible()


def test_theme_follows_preferred_color_scheme(page_of: Open):
    def ground(*, dark: bool) -> str:
        return page_of("#/jobs", dark=dark).evaluate("getComputedStyle(document.body).background")

    assert "rgb(19, 20, 22)" in ground(dark=True)
    assert "rgb(246, 246, 244)" in ground(dark=False)


def test_training_job_can_be_started_by_keyboard(quiet: Quiet, page_of: Open):
    page = page_of("#/jobs")
    page.get_by_role("link", name="New training job").wait_for()

    press_until(page, "Tab", "New training job")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Start training").wait_for()
    press_until(page, "Tab", "learning_rate")
    page.keyboard.type("2.0")
    press_until(page, "Tab", "Start training")
    page.keyboard.press("Enter")

    page.wait_for_url("**#/jobs/1")
    asked = quiet.http.get("/v1/training-jobs/1").json()
    assert asked["hyperparameters"] == {"learning_rate": 2.0}
    expect(page.get_by_role("heading", level=1)).to_be_focused()


def test_skip_link_moves_focus_to_main_content(page_of: Open):
    page = page_of("#/jobs")
    page.get_by_role("heading", level=1).wait_for()

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_role("main")).to_be_focused()
    assert page.url.endswith("#/jobs")


def press_until(page: Page, key: str, name: str) -> None:
    """Press a key until what has the focus bears the name."""
    for _ in range(60):
        page.keyboard.press(key)
        if page.evaluate(
            "[document.activeElement.textContent, document.activeElement.labels?.[0]?.textContent]"
            f".some((text) => text?.trim().startsWith({name!r}))"
        ):
            return
    raise AssertionError(f"{name} cannot be reached by {key}")
