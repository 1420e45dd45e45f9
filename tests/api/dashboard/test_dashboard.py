"""The pages for browsers: where their files come from, what they may load, what a wheel carries."""

import re
import subprocess
import sys
import zipfile

import pytest
from starlette.testclient import TestClient

from recsvc.api.dashboard import assets
from tests.conftest import ROOT

STATIC = ROOT / "recsvc/api/dashboard/static"
OWN = sorted(file.relative_to(STATIC).as_posix() for file in STATIC.rglob("*") if file.is_file())
SWAGGER = ["swagger-ui-bundle.js", "swagger-ui.css"]


@pytest.fixture(scope="module")
def client(stateless_client: TestClient) -> TestClient:
    return stateless_client


def policy(answer) -> dict[str, str]:
    said = answer.headers["content-security-policy"].split("; ")
    return dict(directive.split(" ", 1) for directive in said)


def test_dashboard_policy_allows_own_origin_only(client):
    answer = client.get("/")

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert policy(answer) == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "font-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }


def test_documentation_policy_adds_inline_styles_only(client):
    strict, docs = policy(client.get("/")), policy(client.get("/docs"))

    assert docs.pop("style-src") == "'self' 'unsafe-inline'"
    assert docs == {name: allowed for name, allowed in strict.items() if name != "style-src"}


@pytest.mark.parametrize("page", ["/", "/docs"])
def test_page_links_existing_files_only(client, page):
    named = re.findall(r'(?:src|href)="([^"#]+)"', client.get(page).text)

    assert named
    assert [name for name in named if client.get(f"/{name}").status_code != 200] == []


@pytest.mark.parametrize("name", OWN)
def test_static_file_has_content_type_and_etag(client, name):
    answer = client.get(f"/dashboard/static/{name}")

    assert answer.content == (STATIC / name).read_bytes()
    kinds = {
        "js": "text/javascript",
        "css": "text/css",
        "svg": "image/svg+xml",
        "html": "text/html",
    }
    assert answer.headers["content-type"].split(";")[0] == kinds[name.rsplit(".", 1)[1]]
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = client.get(
        f"/dashboard/static/{name}", headers={"If-None-Match": answer.headers["etag"]}
    )
    assert again.status_code == 304
    assert again.content == b""


@pytest.mark.parametrize("name", SWAGGER)
def test_documentation_serves_assets_of_installed_package(client, name):
    package = assets.folder_of("fastapi_offline", "static")

    assert client.get(f"/docs/assets/{name}").content == (package / name).read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        "/dashboard/static/nothing.js",
        "/dashboard/static/../__init__.py",
        "/dashboard/static/%2e%2e/__init__.py",
        "/dashboard/static//etc/passwd",
        "/docs/assets/redoc.standalone.js",
        "/docs/assets/../../__init__.py",
    ],
)
def test_static_routes_serve_no_other_file(client, path):
    answer = client.get(path)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_pages_are_absent_from_openapi_document(client):
    paths = client.get("/openapi.json").json()["paths"]

    assert [path for path in paths if path.startswith(("/docs", "/dashboard")) or path == "/"] == []


@pytest.mark.parametrize("name", [name for name in OWN if name.endswith((".html", ".js", ".css"))])
def test_static_file_is_self_contained_and_has_at_most_400_lines(name):
    text = (STATIC / name).read_text(encoding="utf-8")

    assert re.findall(r"(?:https?:)?//(?!www\.w3\.org)[a-z0-9.-]+\.[a-z]{2,}", text) == []
    assert " style=" not in text
    assert len(text.splitlines()) <= 400


def test_wheel_contains_every_file(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)

    (wheel,) = tmp_path.glob("*.whl")
    carried = zipfile.ZipFile(wheel).namelist()
    assert [n for n in OWN if f"recsvc/api/dashboard/static/{n}" not in carried] == []
    reference = ROOT / "docs" / "reference"
    documents = [file.relative_to(reference) for file in (reference / "findings").rglob("*.*")]
    assert [name for name in documents if f"recsvc/_docs/{name}" not in carried] == []
    assert "recsvc/py.typed" in carried
