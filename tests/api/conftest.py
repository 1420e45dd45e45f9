"""The real app over real databases, in this process."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
import uvicorn
from fastapi import FastAPI
from starlette.testclient import TestClient

from recsvc.api.app import create_app
from recsvc.config import Settings
from recsvc.db.jobs.queue import JobQueue, job_lease
from recsvc.db.session import Session, unit_of_work
from recsvc.db.tables import JobState, ModelVersion
from recsvc.service.context import Context
from recsvc.service.jobs.runner import carry_out
from recsvc.service.models import publishing
from tests.conftest import LONG_WAIT_SECONDS, NOON
from tests.factories.workers import Worker


@pytest.fixture(autouse=True, scope="session")
def _plain_logs():
    """Render tracebacks as plain text: the pretty ones take seconds."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=str),
        ]
    )
    yield
    structlog.reset_defaults()


def settings_for(database_url: str, home: Path, **others: object) -> Settings:
    patient = {
        "request_wait_seconds": LONG_WAIT_SECONDS,
        "allowed_hosts": "testserver",  # the name that a TestClient sends
    } | others
    return Settings(home=home, database_url=database_url, **patient)


@pytest.fixture
def settings(database_url, tmp_path) -> Settings:
    return settings_for(database_url, tmp_path / "home")


@pytest.fixture
def app(settings) -> FastAPI:
    return create_app(settings)


@pytest.fixture
def client(app) -> Iterator[TestClient]:
    """A client of the running app; what the app fails at is an answer, not an exception."""
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def stateless_client(tmp_path_factory) -> Iterator[TestClient]:
    """A client of one app on SQLite, for requests that neither read nor write the database."""
    home = tmp_path_factory.mktemp("stateless") / "home"
    app = create_app(settings_for("", home))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def context(app, client) -> Context:
    """The running app's context: the same database and shelf."""
    return app.state.context


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """A real uvicorn in a thread of its own; gives its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server ended before it answered"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@pytest.fixture
def url(app) -> Iterator[str]:
    with serving(app) as address:
        yield address


def a_version(session: Session, *, now: datetime = NOON, **others: object) -> ModelVersion:
    """Store a model version as a finished training job would."""
    job = JobQueue(session).enqueue("training", spec={}, now=now)
    card = {
        "job_id": job.id,
        "model_kind": "user_rbm",
        "seed": 7,
        "hyperparameters": {"n_hidden": 4},
        "rating_scale": {"values": [1, 2, 3, 4, 5], "edges": []},
        "metrics": {"validation_nll": 1.2, "validation_rmse": 0.93},
        "baselines": {"item_mean": {"rmse": 1.02}},
        "packages": {"numpy": "2.4.6"},
        "n_users": 3,
        "n_items": 4,
        "n_ratings": 9,
        "best_epoch": 5,
        "checkpoint_sha256": "c" * 64,
        "checkpoint_bytes": 1000,
        "weights_sha256": "d" * 64,
        "snapshot_sha256": "e" * 64,
        "created_at": now,
    }
    return publishing.add_version(session, ModelVersion(**(card | others)))


def publish_a_trained_model(client: TestClient, context: Context, **asked: object) -> None:
    """Two camps of users, one short training, carried out here as a worker's child would."""
    ratings = [
        {"user_id": f"u{user}", "item_id": f"i{item}", "value": 5 if (user + item) % 2 else 1}
        for user in range(20)
        for item in range(10)
        if (7 * user + item) % 3
    ]
    assert client.post("/v1/ratings", json={"ratings": ratings}).status_code == 200
    short = {"hyperparameters": {"n_hidden": 4, "epochs": 2}, "publish": "always", **asked}
    job = client.post("/v1/training-jobs", json=short).json()
    claim = {"worker": "w1", "now": datetime.now(UTC), "lease_seconds": 60, "max_attempts": 3}
    with unit_of_work(context.database) as session:
        lease = job_lease(JobQueue(session).claim(**claim))
    assert carry_out(context, job["id"], lease) == JobState.SUCCEEDED


@pytest.fixture
def worker(context) -> Worker:
    return Worker(context.database)
