"""The configuration of nginx in docker/ works as docs/operations.md says."""

import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest

from benchmarks.service import free_port
from recsvc.client import Client
from tests.acceptance.conftest import SHORT, Site, fill
from tests.conftest import PATIENCE_SECONDS, ROOT, eventually, go_without

pytestmark = pytest.mark.acceptance

NAME = "recommender.example.com"
KEY = "0123456789abcdef" * 4
ENDLESS = {"hyperparameters": SHORT | {"epochs": 10_000, "patience": 10_000}, "publish": "never"}


class Proxied(NamedTuple):
    """A client through the proxy, one past it, and the addresses of the proxy."""

    http: httpx2.Client
    direct: Client
    plain_url: str


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    """A service with a key behind nginx with a certificate of its own."""
    for tool in ("nginx", "openssl"):
        if shutil.which(tool, path="/usr/sbin:/usr/bin") is None:
            go_without(f"no {tool}: install the package nginx-light or openssl")
    folder = tmp_path_factory.mktemp("proxied")
    site = Site(folder / "home", allowed_hosts=NAME, api_key=KEY)
    site.serve()
    direct = Client(site.served[-1].url, key=KEY, timeout=PATIENCE_SECONDS)
    fill(direct)
    plain, secure = free_port(), free_port()
    certificate = make_certificate(folder)
    configuration = configure(folder, plain, secure, direct.base_url.rpartition(":")[2])
    command = ["nginx", "-p", folder, "-c", configuration]
    subprocess.run([*command, "-t"], check=True, capture_output=True)
    with (folder / "nginx.log").open("wb") as log:
        proxy = subprocess.Popen([*command, "-g", "daemon off;"], stderr=log)
    trusting = ssl.create_default_context(cafile=str(certificate))
    trusting.check_hostname = False  # the connection goes to 127.0.0.1
    headers = {"Host": NAME, "Authorization": f"Bearer {KEY}"}
    with httpx2.Client(
        base_url=f"https://127.0.0.1:{secure}",
        verify=trusting,
        headers=headers,
        timeout=PATIENCE_SECONDS,
    ) as http:
        eventually(lambda: is_up(http))
        yield Proxied(http, direct, f"http://127.0.0.1:{plain}")
    proxy.terminate()
    proxy.wait(PATIENCE_SECONDS)
    direct.close()
    site.close()


def make_certificate(folder: Path) -> Path:
    """Create a key and a certificate that signs itself; return the certificate."""
    certificate = folder / "fullchain.pem"
    subject = ("-days", "1", "-subj", f"/CN={NAME}")
    files = ("-keyout", folder / "privkey.pem", "-out", certificate)
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    command = ["openssl", "req", "-x509", *curve, *files, *subject]
    subprocess.run(command, check=True, capture_output=True)
    return certificate


def configure(folder: Path, plain: int, secure: int, service: str) -> Path:
    """Write docker/nginx.conf with the ports and the certificate of this test."""
    text = (ROOT / "docker" / "nginx.conf").read_text()
    for before, after in (
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen 443 ssl", f"listen 127.0.0.1:{secure} ssl"),
        ("127.0.0.1:8000", f"127.0.0.1:{service}"),
        ("/etc/nginx/tls/", f"{folder}/"),
    ):
        assert before in text
        text = text.replace(before, after)
    temporary = (f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy"))
    logs = "access_log off;\n"
    text = text.replace("http {\n", "http {\n" + "".join(temporary) + logs, 1)
    configuration = folder / "nginx.conf"
    configuration.write_text(f"pid {folder}/nginx.pid;\nerror_log stderr;\n{text}")
    return configuration


def is_up(http: httpx2.Client) -> bool:
    try:
        return http.get("/livez").is_success
    except httpx2.TransportError:
        return False


def test_proxy_redirects_to_tls(proxied):
    response = httpx2.get(f"{proxied.plain_url}/docs?a=1", headers={"Host": NAME})

    assert response.status_code == 308
    assert response.headers["location"] == f"https://{NAME}/docs?a=1"


def test_proxy_passes_ids_as_they_were_sent(proxied):
    path = "/v1/users/a%2Fb%20%C3%BC/ratings/50%25%3F"
    stored = proxied.http.put(path, json={"value": 4})

    assert stored.status_code == 201
    assert (stored.json()["user_id"], stored.json()["item_id"]) == ("a/b ü", "50%?")
    assert stored.headers["strict-transport-security"].startswith("max-age")
    assert [one["item_id"] for one in proxied.direct.ratings("a/b ü")] == ["50%?"]


def test_service_behind_proxy_needs_key_and_knows_its_name(proxied):
    without = proxied.http.get("/v1/models", headers={"Authorization": ""})
    foreign = proxied.http.get("/v1/models", headers={"Host": "other.example.com"})
    metrics = proxied.http.get("/metrics")

    assert [one.status_code for one in (without, foreign, metrics)] == [401, 421, 404]


def test_login_through_proxy_sets_secure_cookie(proxied):
    response = proxied.http.post("/v1/login", json={"key": KEY}, headers={"Authorization": ""})

    assert response.is_success
    assert "secure" in response.headers["set-cookie"].lower()
    proxied.http.cookies.clear()


def test_events_arrive_through_proxy_as_they_happen(proxied):
    job = proxied.direct.train(**ENDLESS)
    n_epochs = 0
    with proxied.http.stream("GET", f"/v1/training-jobs/{job['id']}/events") as stream:
        for line in stream.iter_lines():
            n_epochs += line == "event: epoch"
            if n_epochs == 3:
                break
    # The job goes on: nothing has held the events back until its end.
    assert proxied.direct.job("training", job["id"])["state"] == "running"
    proxied.direct.cancel(job)


def test_upload_goes_through_proxy(proxied, tmp_path):
    file = tmp_path / "ratings.csv"
    lines = (f"uploader-{n},item-{n % 50},{1 + n % 5}\n" for n in range(60_000))
    file.write_text("user_id,item_id,rating\n" + "".join(lines))
    with file.open("rb") as stream:
        created = proxied.http.post("/v1/import-jobs", files={"file": ("ratings.csv", stream)})

    assert created.status_code == 202, created.text
    job = proxied.direct.wait_for(created.json())
    assert (job["state"], job["result"]["accepted"]) == ("succeeded", 60_000)


def test_long_poll_waits_through_proxy(proxied):
    job = proxied.direct.wait_for(proxied.direct.train(hyperparameters={"epochs": 1}))
    response = proxied.http.get(f"/v1/training-jobs/{job['id']}")
    started = time.monotonic()

    unchanged = proxied.http.get(
        f"/v1/training-jobs/{job['id']}?wait=1",
        headers={"If-None-Match": response.headers["etag"]},
    )

    assert unchanged.status_code == 304
    assert time.monotonic() - started < PATIENCE_SECONDS
