"""What `docs` of a finding opens: Markdown for programs, a page with its picture for browsers."""

import re

import pytest
from starlette.testclient import TestClient

from recsvc.rbm.diagnosis import finding_codes
from tests.conftest import ROOT

PAGES = sorted((ROOT / "docs/reference/findings").glob("*.md"))
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def client(stateless_client: TestClient) -> TestClient:
    return stateless_client


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_finding_page_is_markdown_for_programs(client, page):
    answer = client.get(f"/diagnosis/{page.stem}")

    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert answer.text == page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_finding_page_is_html_with_valid_links_for_browsers(client, page):
    address = f"/diagnosis/{page.stem}"
    answer = client.get(address, headers=BROWSER)

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert f"<h1>{page.stem}</h1>" in answer.text
    named = re.findall(r'(?:src|href)="([^"#]+)"', answer.text)
    joined = [str(answer.url.join(name)) for name in named]
    assert [one for one in joined if client.get(one).status_code != 200] == []


def test_finding_pages_cover_every_finding(client):
    assert [
        code for code in finding_codes() if client.get(f"/diagnosis/{code}").status_code != 200
    ] == []


@pytest.mark.parametrize("name", ["bad_luck", "pictures/bad_luck.svg", "..%2Fproblems"])
def test_finding_page_responds_404_for_unknown_finding(client, name):
    answer = client.get(f"/diagnosis/{name}")

    assert answer.status_code == 404
    assert answer.json()["type"] == "/problems/route-not-found"


def test_problem_page_is_html_for_browsers(client):
    answer = client.get("/problems/value-off-scale", headers=BROWSER)

    assert "<h2>value-off-scale</h2>" in answer.text
    assert "RECSVC_RATING_SCALE" in answer.text
