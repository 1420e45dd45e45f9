"""Hidden units by case, and magnitudes of weights and updates, as the service tells them."""

import re
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.conftest import PATIENCE_SECONDS
from tests.dashboard.conftest import Open, Shop


@pytest.fixture
def job(shop: Shop) -> int:
    return list(shop.client.jobs("training"))[-1]["id"]


def get_json(shop: Shop, path: str) -> dict[str, Any]:
    return httpx2.get(shop.url + path, timeout=PATIENCE_SECONDS).json()


@pytest.fixture
def page(job: int, page_of_shop: Open) -> Page:
    return page_of_shop(f"#/jobs/{job}")


def test_hidden_activity_is_shown_for_selected_epoch(shop: Shop, page: Page, job: int):
    told = get_json(shop, f"/v1/training-jobs/{job}/monitors?epoch=1")
    cells = page.locator(".plot.heat").first
    activity = told["hidden_activity"]
    count = len(activity["cases"]) * len(activity["units"])
    expect(cells).to_have_attribute("data-cells", str(count))

    page.get_by_label("Displayed epoch").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("Epoch 1:")).to_be_visible()
    cells.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)

    said = page.locator(".monitors .readout").first.inner_text()
    case, unit, percent = re.fullmatch(r"case (\S+), unit (\d+): (\S+) %", said).groups()
    assert case == str(activity["cases"][1])
    assert unit == str(activity["units"][2])
    assert float(percent) == pytest.approx(100 * activity["probabilities"][1][2], abs=0.1)


@pytest.mark.parametrize(("place", "name"), [(1, "weights"), (2, "updates")])
def test_magnitude_histograms_are_shown_over_all_epochs(
    shop: Shop, page: Page, job: int, place, name
):
    told = get_json(shop, f"/v1/training-jobs/{job}/monitors")

    cells = page.locator(".plot.heat").nth(place)

    count = len(told["epochs"]) * (len(told[name]["edges"]) - 1)
    expect(cells).to_have_attribute("data-cells", str(count))
    expect(cells).to_have_attribute("aria-label", re.compile(rf"median magnitude of the {name}"))
