"""Clients that hold connections do not keep others from being served."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx2
import pytest

from benchmarks.held_connections import run
from recsvc.client import Client
from tests.acceptance.conftest import SHORT, Make, Site, fill, trained
from tests.conftest import PATIENCE_SECONDS, eventually

pytestmark = pytest.mark.acceptance

MAX_CONNECTIONS, MAX_STREAMS = 6, 2
ENDLESS = {"hyperparameters": SHORT | {"epochs": 10_000, "patience": 10_000}, "publish": "never"}


@contextmanager
def connect(client: Client) -> Iterator[socket.socket]:
    host, port = client.base_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as connection:
        yield connection


def read_all(connection: socket.socket) -> bytes:
    """Return what arrives until the service closes the connection."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service that waits a second for clients and accepts few connections."""
    site = Site(
        tmp_path_factory.mktemp("impatient") / "home",
        max_connections=MAX_CONNECTIONS,
        max_event_streams=MAX_STREAMS,
        request_seconds=1,
        idle_seconds=1,
    )
    client = site.serve("--no-worker")
    fill(client)
    yield client
    site.close()


def test_connection_without_request_is_closed(impatient):
    with connect(impatient) as connection:
        assert read_all(connection) == b""


def test_idle_connection_is_closed_after_its_response(impatient):
    with connect(impatient) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")

        assert read_all(connection).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "part",
    [
        b"GET /livez HTTP/1.1\r\nHost: local",
        b"PUT /v1/users/u/ratings/i HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\nContent-Length: 12\r\n\r\n{",
        b"POST /v1/ratings HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    ],
    ids=["headers", "body", "chunks"],
)
def test_request_that_stays_incomplete_gets_408(impatient, part):
    with connect(impatient) as connection:
        connection.sendall(part)

        response = read_all(connection)

    assert response.startswith(b"HTTP/1.1 408 Request Timeout")
    assert b'"/problems/request-too-slow"' in response
    assert b"RECSVC_REQUEST_SECONDS" in response


def test_new_connection_replaces_idle_one(impatient):
    with ExitStack() as stack:
        idle = [stack.enter_context(connect(impatient)) for _ in range(MAX_CONNECTIONS)]
        for _ in range(3):
            assert httpx2.get(f"{impatient.base_url}/livez", timeout=PATIENCE_SECONDS).is_success
        assert read_all(idle[0]) == b""


def test_connection_over_limit_gets_503_while_none_is_idle(impatient):
    begun = b"PUT /v1/users/u/ratings/i HTTP/1.1\r\n"
    with ExitStack() as stack:
        for _ in range(MAX_CONNECTIONS):
            connection = stack.enter_context(connect(impatient))
            connection.sendall(begun)
        last = stack.enter_context(connect(impatient))
        response = read_all(last)

    assert response.startswith(b"HTTP/1.1 503")
    assert b'"/problems/too-many-connections"' in response
    assert b"retry-after: 1" in response
    eventually(impatient.live)  # the others have been closed


def test_event_stream_over_limit_gets_503(impatient):
    job = impatient.train(**ENDLESS)
    url = f"{impatient.base_url}/v1/training-jobs/{job['id']}/events"
    with ExitStack() as stack, httpx2.Client(timeout=PATIENCE_SECONDS) as http:
        streams = [stack.enter_context(http.stream("GET", url)) for _ in range(MAX_STREAMS)]
        lines = [stream.iter_lines() for stream in streams]  # an iterator that is dropped closes it
        assert [next(of_stream) for of_stream in lines] == ["event: state"] * MAX_STREAMS
        refused = http.get(url)

    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/too-many-streams")
    assert "?wait=20" in refused.json()["detail"]
    eventually(lambda: is_accepted(url))


def test_response_in_progress_is_not_cut_by_a_second_request_that_stays_incomplete(impatient):
    job = impatient.train(**ENDLESS)
    path = f"/v1/training-jobs/{job['id']}/events"
    with connect(impatient) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        received = connection.recv(65536)
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: local")
        connection.settimeout(4)  # the service closes what is overdue after a second
        with pytest.raises(TimeoutError):
            read_all(connection)

    assert received.startswith(b"HTTP/1.1 200")


def is_accepted(url: str) -> bool:
    with httpx2.stream("GET", url, timeout=PATIENCE_SECONDS) as stream:
        return stream.status_code == 200


def test_lists_are_served_beside_idle_slow_and_following_clients(make_site: Make):
    client = make_site(request_seconds=3).serve()
    fill(client)
    trained(client)
    job = client.train(**ENDLESS)
    eventually(lambda: client.error_curve(job["id"]))

    alone, beside, held = asyncio.run(
        run(client, job["id"], n_idle=50, n_slow=10, n_streams=20, n_lists=75, request_seconds=3)
    )

    assert (alone.n_failed, beside.n_failed) == (0, 0)
    assert held == (50, 10, 20)
