"""A disk that is really full, and a server that is read-only: writes are 507, reads go on."""

import io
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from starlette.testclient import TestClient

from recsvc.api.app import create_app
from recsvc.service import readiness
from tests.api.conftest import publish_a_trained_model, settings_for
from tests.api.routes.test_health import reasons
from tests.conftest import eventually

SHORT = {"hyperparameters": {"n_hidden": 4, "epochs": 2}}
LARGE = b"user_id,item_id,rating\n" + b"u1,i1,4\n" * 400_000  # more than is held in memory
JSON = {"Content-Type": "application/json"}


def upload(client: TestClient, lines: bytes):
    return client.post("/v1/import-jobs", files={"file": ("r.csv", io.BytesIO(lines))})


def writes(client: TestClient) -> dict[str, Callable]:
    """Every kind of request that writes."""
    rating = {"user_id": "u1", "item_id": "i5", "value": 4}
    event = {"user_id": "u1", "item_id": "i5", "type": "view"}
    return {
        "rating": lambda: client.put("/v1/users/u1/ratings/i5", json={"value": 4}),
        "deleted rating": lambda: client.delete("/v1/users/u0/ratings/i1"),
        "ratings": lambda: client.post("/v1/ratings", json={"ratings": [rating]}),
        "interactions": lambda: client.post("/v1/interactions", json={"interactions": [event]}),
        "item": lambda: client.put("/v1/items/i5", json={"title": "Tea"}),
        "items": lambda: client.post(
            "/v1/items", json={"items": [{"item_id": "i6", "title": "Mug"}]}
        ),
        "user": lambda: client.delete("/v1/users/u0"),
        "training": lambda: client.post("/v1/training-jobs", json=SHORT),
        "evaluation": lambda: client.post("/v1/models/1/evaluation", json={}),
        "sweep": lambda: client.post(
            "/v1/sweeps", json={"grid": {"n_hidden": [2, 4]}, "base": SHORT}
        ),
        "rollback": lambda: client.post("/v1/models/rollback", headers=JSON),
        "publication": lambda: client.post("/v1/models/1/publish", headers=JSON),
        "key": lambda: client.post("/v1/keys", json={"name": "shop", "scopes": ["write"]}),
        "upload": lambda: upload(client, b"user_id,item_id,rating\nu1,i1,4\n"),
    }


def refused(client: TestClient) -> dict[str, tuple[int, str]]:
    """The writes that are not refused as they should be."""
    answers = {name: send() for name, send in writes(client).items()}
    return {
        name: (answer.status_code, answer.text)
        for name, answer in answers.items()
        if answer.status_code != 507
        or answer.json()["type"] != "/problems/storage-full"
        or answer.headers["Retry-After"] != "30"
    }


def check_reads(client: TestClient) -> None:
    """Lists come from the model, and the service is ready and says that it cannot write."""
    listed = client.get("/v1/users/u1/recommendations?n=3")
    assert (listed.status_code, listed.json()["model_version"]) == (200, 2)
    assert client.get("/v1/users/u1/ratings").status_code == 200
    assert client.get("/metrics").status_code == 200
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert not reasons(answer)["writes"][0]


@pytest.fixture(autouse=True)
def _quick_probes(monkeypatch):
    monkeypatch.setattr(readiness, "PROBE_SECONDS", 0.1)
    monkeypatch.setattr(readiness, "RETRY_SECONDS", 0.1)
    monkeypatch.setattr(readiness, "REPORTED_SECONDS", 1.0)


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of 24 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    if os.getuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk; tests/db has the same without one")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Leave no byte of a disk free."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    assert shutil.disk_usage(folder).free == 0
    yield
    filler.unlink()


def two_versions(client: TestClient, app) -> None:
    for _ in range(2):
        publish_a_trained_model(client, app.state.context)
    eventually(lambda: app.state.model_server.version == 2)


def test_full_disk_refuses_every_write_and_answers_reads(small_disk, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    app = create_app(settings_for("", small_disk / "home"))
    with TestClient(app, raise_server_exceptions=False) as client:
        two_versions(client, app)
        log = app.state.context.database.open_connection()
        log.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # no room is left in its file
        log.close()
        with filled(small_disk):
            assert refused(client) == {}
            large = upload(client, LARGE)
            assert (large.status_code, large.json()["place"]) == (507, "temporary files")
            check_reads(client)

        eventually(lambda: reasons(client.get("/readyz"))["writes"][0])
        assert client.put("/v1/users/u1/ratings/i5", json={"value": 4}).status_code == 201
        assert upload(client, LARGE).status_code == 202


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_read_only_server_refuses_every_write_and_answers_reads(client, app, database_url):
    two_versions(client, app)
    name = make_url(database_url).database
    admin = create_engine(database_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    admin.dispose()
    app.state.context.database.engine.dispose()
    app.state.monitors.writes._database.engine.dispose()

    answers = refused(client)

    assert answers == {}
    check_reads(client)
