"""The API's documentation, drawn by Swagger UI without anything from elsewhere."""

from playwright.sync_api import expect

from tests.dashboard.conftest import Open, Quiet


def test_documentation_shows_every_operation(quiet: Quiet, page_of: Open):
    paths = quiet.http.get("/openapi.json").json()["paths"]

    page = page_of("docs")

    expect(page.locator(".opblock")).to_have_count(sum(map(len, paths.values())))
    expect(page).to_have_title("API documentation · recsvc")


def test_documentation_can_execute_operation(page_of: Open):
    page = page_of("docs#/service/get_liveness")

    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()

    answer = page.locator(".live-responses-table")
    expect(answer).to_contain_text('"status": "alive"')


def test_dashboard_links_to_documentation(page_of: Open):
    page = page_of("#/jobs")

    page.get_by_role("link", name="API", exact=True).click()

    expect(page.locator(".opblock").first).to_be_visible()
