"""Model versions in the browser: compare, publish, roll back; and what they recommend."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.api.conftest import publish_a_trained_model
from tests.conftest import eventually
from tests.dashboard.conftest import Open, Quiet


@pytest.fixture
def two(quiet: Quiet) -> Quiet:
    """A service of two model versions, of which the second answers."""
    for seed in (1, 2):
        publish_a_trained_model(quiet.http, quiet.context, model_kind="user_rbm", seed=seed)
    quiet.wait_until_served(2)
    return quiet


def row(page: Page, version: int):
    return page.get_by_role("region", name="Model versions").locator("tbody tr").nth(2 - version)


def published_versions(quiet: Quiet) -> list[int]:
    return [m["version"] for m in quiet.http.get("/v1/models").json()["items"] if m["published"]]


def test_version_is_published_and_rolled_back_after_confirmation(two: Quiet, page_of: Open):
    page = page_of("#/models")
    expect(row(page, 2)).to_contain_text("published")

    row(page, 1).get_by_role("button", name="Publish").click()
    page.get_by_role("button", name="Go back").click()
    assert published_versions(two) == [2]

    row(page, 1).get_by_role("button", name="Publish").click()
    page.get_by_role("dialog").get_by_role("button", name="Publish").click()
    expect(row(page, 1)).to_contain_text("published")
    assert published_versions(two) == [1]

    page.get_by_role("button", name="Roll back").click()
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(row(page, 2)).to_contain_text("published")
    assert published_versions(two) == [2]


def test_publish_shows_problem_when_version_is_published_already(two: Quiet, page_of: Open):
    page = page_of("#/models")
    expect(row(page, 1)).to_contain_text("Publish")
    two.http.post("/v1/models/1/publish", json={})

    row(page, 1).get_by_role("button", name="Publish").click()
    page.get_by_role("dialog").get_by_role("button", name="Publish").click()

    expect(page.get_by_role("alert")).to_contain_text("Model version 1 is already published")


def test_model_cards_are_compared_side_by_side(two: Quiet, page_of: Open):
    page = page_of("#/models")
    for version in (1, 2):
        page.get_by_label(f"Compare version {version}").check()

    figures = page.get_by_role("region", name="Metrics")
    expect(figures.locator("thead")).to_contain_text("Version 1")
    expect(figures.locator("thead")).to_contain_text("Version 2")
    cards = {card["version"]: card for card in two.http.get("/v1/models").json()["items"]}
    for card in cards.values():
        nll = f"{card['metrics']['validation_nll']:.4f}"
        expect(figures.locator("tr", has_text="NLL")).to_contain_text(nll)
    expect(page).to_have_url(re.compile("beside=1%2C2"))


def test_rollback_shows_problem_without_previous_version(page_of: Open):
    page = page_of("#/models")

    page.get_by_role("button", name="Roll back").click()
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()

    expect(page.get_by_role("alert")).to_contain_text("No version was published before")


def test_recommendations_view_shows_list_and_ratings_of_service(two: Quiet, page_of: Open):
    two.http.put("/v1/items/i3", json={"title": "The <b>Quiet</b> Harbour"})
    all_of_them = "/v1/users/u1/recommendations?n=10&include_rated=true"
    eventually(lambda: "Harbour" in two.http.get(all_of_them).text)
    page = page_of("#/recommendations")

    page.get_by_label("User id").fill("u1")
    page.get_by_label("List length").fill("3")
    page.get_by_role("button", name="Recommend").click()

    asked = two.http.get("/v1/users/u1/recommendations?n=3").json()["items"]
    rows = page.get_by_role("region", name="Recommendations").locator("tbody tr")
    expect(rows).to_have_count(3)
    for place, item in enumerate(asked):
        expect(rows.nth(place)).to_contain_text(item["title"] or item["item_id"])
        expect(rows.nth(place)).to_contain_text(f"{item['expected_rating']:.2f}")
    expect(page).to_have_url(re.compile(r"#/recommendations\?user=u1&n=3$"))
    rated = page.get_by_role("region", name="Ratings of this user")
    stored = two.http.get("/v1/users/u1/ratings").json()["items"]
    expect(rated.locator("tbody tr")).to_have_count(len(stored))


def test_markup_in_title_is_shown_as_text(two: Quiet, page_of: Open):
    two.http.put("/v1/items/i3", json={"title": "<b>Quiet</b> <script>alert(1)</script>"})

    page = page_of("#/recommendations?user=u1&n=10&rated=1")

    expect(page.get_by_text("<b>Quiet</b> <script>alert(1)</script>").first).to_be_visible()


def test_data_view_shows_counts_of_training(two: Quiet, page_of: Open):
    page = page_of("#/data")

    counts = two.http.post("/v1/training-jobs:validate", json={}).json()["data"]
    told = page.locator(".facts").first
    expect(told).to_contain_text(f"Ratings{counts['n_ratings']}")
    expect(page.locator(".bars li")).to_have_count(len(counts["levels"]))
    expect(page.get_by_text("few users").first).to_be_visible()


def test_preview_shows_chosen_hyperparameters(two: Quiet, page_of: Open):
    page = page_of("#/jobs/new")
    page.get_by_label("model_kind").select_option("user_rbm")

    page.get_by_role("button", name="Preview").click()

    expect(page.get_by_text("Expected training")).to_be_visible()
    expect(page.get_by_label("learning_rate")).to_have_attribute("placeholder", "0.02")
    assert len(two.http.get("/v1/training-jobs").json()["items"]) == 2  # nothing was queued
