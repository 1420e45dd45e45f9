"""The client against the real service, and against servers that fail in the ways real ones do."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from recsvc.client import ApiError, Client, Unreachable
from tests.conftest import PATIENCE_SECONDS

Answer = Callable[[BaseHTTPRequestHandler, int], None]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("client")
    process = subprocess.Popen(
        [sys.executable, "-m", "recsvc.cli", "serve", "--port", "0"],
        env=os.environ | {"RECSVC_HOME": str(home), "RECSVC_LOG_LEVEL": "error"},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield next(line.split()[1] for line in process.stdout if line.strip().startswith("API"))
        process.terminate()


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(url) as client:
        yield client


@contextmanager
def server(answer: Answer) -> Iterator[str]:
    """Serve HTTP; `answer` is given the request and how many came before it."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            seen.append(self.path)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer(self, len(seen) - 1)

        do_GET = do_PUT = do_PATCH = do_POST = do_DELETE = handle_any  # noqa: N815 - http.server's names

        def log_message(self, *arguments: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


def reply(request: BaseHTTPRequestHandler, status: int, body: bytes = b"{}", **headers: str):
    request.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(body)


# The real service


@pytest.mark.parametrize("item_id", ["book/7", "..", ".", "a b?c#d", "émilie%2F", "100%", "猫"])
def test_client_round_trips_any_id(client: Client, item_id: str):
    client.rate(f"user {item_id}", item_id, 4)

    (rating,) = client.ratings(f"user {item_id}")

    assert (rating["item_id"], rating["value"]) == (item_id, 4)


def test_client_ratings_return_newest_rating(client: Client):
    client.rate("ada", "solaris", 2, rated_at="2024-01-02T00:00:00Z")
    client.rate("ada", "solaris", 5, rated_at="2024-01-01T00:00:00Z")

    (rating,) = client.ratings("ada")

    assert rating["value"] == 2


def test_unrate_deletes_rating(client: Client):
    client.rate("bob", "solaris", 2)

    client.unrate("bob", "solaris")

    assert list(client.ratings("bob")) == []


def test_send_ratings_reports_refusals_by_line(client: Client):
    report = client.send_ratings(
        [
            {"user_id": "carl", "item_id": "a", "value": 1},
            {"user_id": "", "item_id": "b", "value": 1},
        ]
    )

    assert report["accepted"] == 1
    assert [refusal["line"] for refusal in report["refused"]] == [2]


def test_send_interactions_reports_refusals_by_line(client: Client):
    bought = {"user_id": "cleo", "item_id": "a", "type": "purchase", "quantity": 2}
    report = client.send_interactions([bought, bought | {"type": "like"}])

    assert report["accepted"] == 1
    assert [refusal["line"] for refusal in report["refused"]] == [2]
    assert client.erase("cleo")["interactions_erased"] == 1


def test_client_ratings_return_all_pages(client: Client):
    client.send_ratings(
        {"user_id": "dora", "item_id": f"item-{n:03}", "value": 3} for n in range(120)
    )

    rated = {rating["item_id"] for rating in client.ratings("dora")}

    assert rated == {f"item-{n:03}" for n in range(120)}


def test_client_items_have_titles(client: Client):
    client.put_item("solaris", title="Solaris", categories=["Science fiction"])

    assert client.item("solaris")["title"] == "Solaris"
    assert "solaris" in {item["item_id"] for item in client.items()}


def test_patch_item_and_send_items_keep_other_fields(client: Client):
    client.put_item("stalker", title="Stalker", price=9.5, categories=["Science fiction"])

    patched = client.patch_item("stalker", price=None)
    report = client.send_items([{"item_id": "stalker", "available": False}])

    assert (patched["title"], patched["price"]) == ("Stalker", None)
    assert (report["accepted"], report["changed"]) == (1, 1)
    stalker = client.item("stalker")
    assert (stalker["title"], stalker["available"]) == ("Stalker", False)
    assert stalker["categories"] == ["Science fiction"]


def test_api_error_has_fields_of_problem(client: Client):
    with pytest.raises(ApiError) as refused:
        client.model(4711)

    assert refused.value.status == 404
    assert refused.value.title == "Model version not found"
    assert refused.value.detail.startswith("There is no model version 4711.")
    assert refused.value.request_id
    assert str(refused.value).startswith("Model version not found: There is no model version 4711.")


def test_api_error_of_malformed_body_names_fields(client: Client):
    with pytest.raises(ApiError) as refused:
        client.train(sede=7)

    assert refused.value.status == 422
    assert "sede" in refused.value.errors[0]["field"]


def test_import_file_waits_for_job(client: Client, tmp_path: Path):
    file = tmp_path / "ratings.csv"
    file.write_text("user_id,item_id,rating\nerna,solaris,5\nerna,stalker,oops\n")
    with file.open("rb") as stream:
        job = client.import_file(stream, file.name)

    job = client.wait_for(job, timeout=PATIENCE_SECONDS)

    assert job["state"] == "succeeded"
    assert [refusal["line"] for refusal in client.refusals(job["id"])] == [3]
    assert [rating["item_id"] for rating in client.ratings("erna")] == ["solaris"]


def test_client_requests_reads_and_cancels_sweep(client: Client):
    base = {"model_kind": "user_rbm", "seed": 7}
    many = [2, 4, *range(5, 99)]  # more than a worker is through with before they are cancelled
    sweep = client.request_sweep(grid={"n_hidden": many}, base=base, early_stopping=False)
    job = client.job("training", sweep["trials"][1]["job_id"])

    assert (job["seed"], job["hyperparameters"]) == (7, {"n_hidden": 4})
    assert (sweep["kind"], sweep["early_stopping"]) == ("grid", False)
    assert client.sweep(sweep["id"])["id"] == sweep["id"]
    cancelled = client.cancel_sweep(sweep["id"])
    assert cancelled["trials"][-1]["state"] == "cancelled"
    assert "queued" not in {trial["state"] for trial in cancelled["trials"]}


@pytest.mark.parametrize(
    ("asked", "n_trials"),
    [
        ({"random": {"trials": 3, "over": {"momentum": {"low": 0.1, "high": 0.9}}}}, 3),
        ({"rate_range": {"low": 0.01, "high": 1, "trials": 4}}, 4),
    ],
    ids=["random", "rate_range"],
)
def test_client_sweeps_are_listed_newest_first(client: Client, asked: dict, n_trials: int):
    sweep = client.request_sweep(**asked)

    newest = next(client.sweeps())

    assert (newest["id"], newest["kind"]) == (sweep["id"], next(iter(asked)))
    assert len(newest["trials"]) == n_trials


def test_request_sweep_raises_api_error_without_search_space(client: Client):
    with pytest.raises(ApiError, match="send exactly one of grid, random and rate_range"):
        client.request_sweep()


def test_client_erase_deletes_ratings(client: Client):
    client.rate("fritz", "solaris", 5)

    client.erase("fritz")

    with pytest.raises(ApiError):
        list(client.ratings("fritz"))


# Servers that fail


def test_client_retries_after_retry_after():
    def busy_once(request: BaseHTTPRequestHandler, before: int) -> None:
        reply(request, *((200, b'{"ready": true}') if before else (503,)), Retry_After="0.05")

    with server(busy_once) as url, Client(url) as client:
        assert client.ready() == {"ready": True}


def test_client_retries_patch():
    def busy_once(request: BaseHTTPRequestHandler, before: int) -> None:
        reply(request, 200 if before else 503, Retry_After="0.05")

    with server(busy_once) as url, Client(url) as client:
        assert client.patch_item("solaris", price=3) == {}


def test_client_does_not_retry_rollback():
    asked = []

    def busy(request: BaseHTTPRequestHandler, before: int) -> None:
        asked.append(before)
        reply(request, 503, Retry_After="0.05")

    with server(busy) as url, Client(url) as client, pytest.raises(ApiError):
        client.rollback()

    assert asked == [0]


def test_client_retries_end_after_patience():
    asked = []

    def busy(request: BaseHTTPRequestHandler, before: int) -> None:
        asked.append(before)
        reply(request, 503 if before < 50 else 200, Retry_After="0.1")

    with server(busy) as url, Client(url, patience=0.5) as client, pytest.raises(ApiError):
        client.ready()

    assert len(asked) <= 1 + 0.5 / 0.1


def test_api_error_accepts_body_that_is_no_problem():
    def broken(request: BaseHTTPRequestHandler, before: int) -> None:
        reply(request, 502, b"<html>Bad gateway</html>")

    with server(broken) as url, Client(url) as client, pytest.raises(ApiError, match="gateway"):
        client.ready()


def test_client_raises_unreachable_without_service():
    with Client("http://127.0.0.1:9", patience=0.2) as client:
        assert not client.live()
        with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:9 does not answer"):
            client.ready()


def test_client_events_resume_after_broken_stream():
    told = []

    def breaking(request: BaseHTTPRequestHandler, before: int) -> None:
        told.append(request.headers.get("Last-Event-ID"))
        name = "done" if before else "epoch"
        event = f"id: {before + 7}\nevent: {name}\ndata: {{}}\n\n"
        reply(request, 200, event.encode(), Content_Type="text/event-stream")

    with server(breaking) as url, Client(url) as client:
        names = [event.name for event in client.events(1)]

    assert names == ["epoch", "done"]
    assert told == [None, "7"]


def test_client_events_raise_api_error():
    def missing(request: BaseHTTPRequestHandler, before: int) -> None:
        reply(request, 404, b'{"title": "No such job", "status": 404}')

    with (
        server(missing) as url,
        Client(url) as client,
        pytest.raises(ApiError, match="No such job"),
    ):
        list(client.events(1))
