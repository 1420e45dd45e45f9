"""Following a job: waiting for what is new, and events as they happen."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from recsvc.api import long_polling
from recsvc.runtime.draining import is_draining
from tests.conftest import PATIENCE_SECONDS, eventually
from tests.factories.workers import Worker, start

LONGEST = {"wait": 60}


def test_unchanged_job_responds_304(client, worker):
    start(client)
    first = client.get("/v1/training-jobs/1")
    again = client.get("/v1/training-jobs/1", headers={"If-None-Match": first.headers["etag"]})
    worker.claim()
    changed = client.get("/v1/training-jobs/1", headers={"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert changed.status_code == 200
    assert changed.json()["state"] == "running"


@pytest.fixture
def once_looked_at(monkeypatch):
    """Have something happen after the job was looked at for the first time, and not before."""
    looked = threading.Event()
    read = long_polling.reported_jobs.get_job_and_event
    monkeypatch.setattr(
        long_polling.reported_jobs,
        "get_job_and_event",
        lambda *session, **which: (read(*session, **which), looked.set())[0],
    )
    acts = []

    def do(act) -> None:
        acts.append(threading.Thread(target=lambda: (looked.wait(), act())))
        acts[-1].start()

    yield do
    looked.set()
    for thread in acts:
        thread.join()


@contextmanager
def ends_early() -> Iterator[None]:
    """Whatever is waited for comes before the wait would be over by itself."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < LONGEST["wait"]


def test_long_poll_ends_at_state_change(client, worker, once_looked_at):
    start(client)
    once_looked_at(worker.claim)

    with ends_early():
        job = client.get("/v1/training-jobs/1", params=LONGEST).json()

    assert job["state"] == "running"


def test_long_poll_ends_at_next_epoch(client, worker, once_looked_at):
    start(client)
    lease = worker.claim()
    once_looked_at(lambda: worker.epoch(lease, 1))

    with ends_early():
        client.get("/v1/training-jobs/1", params=LONGEST)

    epochs = client.get("/v1/training-jobs/1/error-curve").json()["epochs"]
    assert [told["epoch"] for told in epochs] == [1]


def test_long_poll_ends_at_timeout(client):
    start(client)
    etag = client.get("/v1/training-jobs/1").headers["etag"]
    started = time.monotonic()

    answer = client.get(
        "/v1/training-jobs/1", params={"wait": 0.6}, headers={"If-None-Match": etag}
    )

    assert answer.status_code == 304
    assert time.monotonic() - started > 0.5


def test_long_poll_of_finished_job_responds_at_once(client, worker):
    start(client)
    worker.train(epochs=1)

    with ends_early():
        job = client.get("/v1/training-jobs/1", params=LONGEST).json()

    assert job["state"] == "succeeded"


def test_long_poll_with_old_etag_responds_at_once(client):
    start(client)

    with ends_early():
        client.get("/v1/training-jobs/1", params=LONGEST, headers={"If-None-Match": '"old"'})


@pytest.mark.parametrize("wait", [-1, 61, "nan", "long"])
def test_long_poll_refuses_wait_out_of_bounds(client, wait):
    assert client.get("/v1/training-jobs/1", params={"wait": wait}).status_code == 422


# Server-sent events


def events(text: Iterator[str]) -> list[tuple[str, str, dict]]:
    """Give (id, name, data) of each event in the lines of a stream."""
    found, fields = [], {}
    deadline = time.monotonic() + PATIENCE_SECONDS
    for line in text:
        assert time.monotonic() < deadline, found
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            found.append((fields["id"], fields["event"], json.loads(fields["data"])))
            fields = {}
    return found


def test_event_stream_of_finished_job_starts_at_first_event(client, worker):
    start(client)
    worker.train(epochs=2)

    answer = client.get("/v1/training-jobs/1/events")
    told = events(answer.text.splitlines())

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [name for _, name, _ in told] == ["state", "state", "epoch", "epoch", "state", "done"]
    assert [data["state"] for _, name, data in told if name == "state"] == [
        "queued",
        "running",
        "succeeded",
    ]
    assert told[2][2]["validation_nll"] == 1.3
    assert told[-1][2]["result"]["version"] == 1


def test_event_stream_resumes_after_last_event_id(client, worker):
    start(client)
    worker.train(epochs=2)
    everything = events(client.get("/v1/training-jobs/1/events").text.splitlines())

    for heard in range(len(everything) - 1):
        last = {"Last-Event-ID": everything[heard][0]}
        rest = client.get("/v1/training-jobs/1/events", headers=last).text.splitlines()
        assert events(rest) == everything[heard + 1 :]


@pytest.mark.parametrize("last", ["x", "-1", "²", "1.5"])
def test_event_stream_refuses_invalid_last_event_id(client, last):
    start(client)
    headers = {"Last-Event-ID": last.encode()}

    assert client.get("/v1/training-jobs/1/events", headers=headers).status_code == 422


def test_event_stream_follows_running_job_over_real_server(url, app):
    worker = Worker(app.state.context.database)
    with httpx2.Client(base_url=url, timeout=PATIENCE_SECONDS) as client:
        start(client)
        training = threading.Timer(0.4, worker.train, (2,))
        training.start()
        with client.stream("GET", "/v1/training-jobs/1/events") as answer:
            told = events(answer.iter_lines())
        training.join()

    assert [name for _, name, _ in told] == ["state", "state", "epoch", "epoch", "state", "done"]
    assert [int(number) for number, _, _ in told] == sorted(int(number) for number, _, _ in told)


def test_event_stream_releases_connections_after_disconnect(url, app):
    with httpx2.Client(base_url=url, timeout=PATIENCE_SECONDS) as client:
        start(client)
        for _ in range(3):
            with client.stream("GET", "/v1/training-jobs/1/events") as answer:
                assert next(answer.iter_lines())

    eventually(lambda: app.state.context.database.engine.pool.checkedout() == 0)


def test_event_stream_of_ending_process_says_when_to_reconnect(client):
    start(client)
    is_draining.set()
    try:
        stream = client.get("/v1/training-jobs/1/events").text
    finally:
        is_draining.clear()

    assert "retry: 500" in stream
    assert "event: done" not in stream
