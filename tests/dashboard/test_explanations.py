"""Why an item is recommended, in the browser: the very reasons that the API gives."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.api.conftest import publish_a_trained_model
from tests.dashboard.conftest import Open, Quiet


@pytest.fixture
def camps(quiet: Quiet) -> Quiet:
    """Two camps who rate and fill their carts; every item has a title."""
    carts = [
        {"user_id": f"u{user}", "item_id": f"i{item}", "type": "cart"}
        for user in range(20)
        for item in range(10)
        if (user + item) % 4 == 1
    ]
    quiet.http.post("/v1/interactions", json={"interactions": carts})
    publish_a_trained_model(quiet.http, quiet.context, model_kind="joint_rbm")
    quiet.wait_until_served(1)
    for number in range(10):
        quiet.http.put(f"/v1/items/i{number}", json={"title": f"Volume {number}"})
    return quiet


def places(page: Page) -> Locator:
    return page.get_by_role("region", name="Recommendations, best first").locator("tbody tr")


def test_recommendations_view_shows_reasons_of_each_item(camps: Quiet, page_of: Open):
    page = page_of("#/recommendations?user=u3&n=3")

    expect(page.get_by_role("columnheader", name="Reasons")).to_be_visible()
    listed = camps.http.get("/v1/users/u3/recommendations?n=3&explain=true").json()["items"]
    assert any(place["because"] for place in listed)
    for number, place in enumerate(listed):
        reasons = places(page).nth(number).locator(".reasons li")
        expect(reasons).to_have_count(len(place["because"]))
        for at, reason in enumerate(place["because"]):
            title = reason["item_id"].replace("i", "Volume ")
            done = "in the cart" if reason["type"] else f"rated {reason['rating']:g}"
            expect(reasons.nth(at)).to_contain_text(f"{title} {done}, +{reason['effect']:.2g}")


def test_recommendations_view_shows_cart_item_as_reason(camps: Quiet, page_of: Open):
    mine = [{"user_id": "new", "item_id": "i1", "type": "cart"}]
    camps.http.post("/v1/interactions", json={"interactions": mine})

    page = page_of("#/recommendations?user=new&n=9")

    expect(places(page).locator(".reasons li").first).to_contain_text("Volume 1 in the cart, +")


def test_recommendations_view_has_no_reasons_column_for_unknown_user(camps: Quiet, page_of: Open):
    page = page_of("#/recommendations?user=nobody&n=5")

    expect(places(page)).to_have_count(5)
    expect(page.get_by_role("columnheader", name="Reasons")).to_have_count(0)
