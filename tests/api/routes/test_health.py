"""Alive is one thing, ready another."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import make_url

from recsvc.db.jobs.queue import JobQueue
from recsvc.db.migrate import downgrade
from recsvc.db.session import unit_of_work
from recsvc.service import readiness
from recsvc.service.models import publishing
from tests.api.conftest import a_version, publish_a_trained_model
from tests.conftest import eventually
from tests.service.test_readiness import locked_writes


def reasons(answer) -> dict[str, tuple[bool, str]]:
    return {check["name"]: (check["ok"], check["reason"]) for check in answer.json()["checks"]}


@pytest.fixture
def lose_the_database(context, settings, request):
    """Take the database away under the running app."""

    def lose():
        if context.database.dialect == "sqlite":  # in one blow: a thread looks into it meanwhile
            folder = Path(make_url(settings.database_url).database).parent
            folder.rename(folder.with_name(f"{folder.name}-lost"))
        else:
            run = request.getfixturevalue("_postgresql_template")
            name = make_url(settings.database_url).database
            run(f"DROP DATABASE {name} WITH (FORCE)")
            request.addfinalizer(lambda: run(f"CREATE DATABASE {name}"))
        context.database.engine.dispose()

    return lose


def test_readyz_responds_200_without_model(client):
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    assert reasons(answer)["database"][0]
    assert "none is published" in reasons(answer)["model"][1]


def test_readyz_responds_200_when_published_model_is_loaded(client, context):
    publish_a_trained_model(client, context)
    eventually(lambda: "answers" in reasons(client.get("/readyz"))["model"][1])

    assert client.get("/readyz").status_code == 200
    assert reasons(client.get("/readyz"))["model"] == (True, "version 1 answers")


def test_readyz_responds_503_when_published_model_cannot_be_loaded(client, context, now):
    with unit_of_work(context.database) as session:
        publishing.publish(session, a_version(session).version, now=now)
    eventually(lambda: client.get("/readyz").status_code == 503)

    answer = client.get("/readyz")

    assert answer.json()["status"] == "not_ready"
    assert reasons(answer)["model"] == (False, f"The shelf has no object {'c' * 64}.")


def test_readyz_responds_200_while_earlier_model_is_served(client, context, now):
    publish_a_trained_model(client, context)
    eventually(lambda: "answers" in reasons(client.get("/readyz"))["model"][1])
    with unit_of_work(context.database) as session:
        publishing.publish(session, a_version(session).version, now=now)
    eventually(lambda: "cannot be loaded" in reasons(client.get("/readyz"))["model"][1])

    assert client.get("/readyz").status_code == 200
    assert "version 1 answers" in reasons(client.get("/readyz"))["model"][1]


def test_readyz_responds_503_for_other_schema(client, context):
    downgrade(context.database, "base")
    eventually(lambda: client.get("/readyz").status_code == 503)

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert "schema is at None" in reasons(answer)["database"][1]


def test_service_without_database_is_alive_and_not_ready(client, lose_the_database):
    lose_the_database()

    assert client.get("/livez").json() == {"status": "alive"}
    eventually(lambda: not reasons(client.get("/readyz"))["database"][0])
    assert client.get("/readyz").status_code == 503
    assert client.get("/v1/models").status_code == 503
    assert client.get("/v1/models").json()["type"] == "/problems/database-unavailable"


def test_readyz_reports_locked_database_at_once_and_stays_ready(client, database_url, monkeypatch):
    monkeypatch.setattr(readiness, "PROBE_SECONDS", 0.1)
    eventually(lambda: reasons(client.get("/readyz"))["writes"][0])
    with locked_writes(database_url):
        eventually(lambda: not reasons(client.get("/readyz"))["writes"][0])
        seconds = []
        for _ in range(5):
            began = time.monotonic()
            answer = client.get("/readyz")
            seconds.append(time.monotonic() - began)
        lists = client.get("/v1/users/u/recommendations")
        writable = client.get("/metrics").text.partition("\nrecsvc_database_writable ")[2][:3]

    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    assert [check["name"] for check in answer.json()["checks"]] == [
        "database",
        "writes",
        "workers",
        "model",
    ]
    assert min(seconds) < 0.2
    assert lists.status_code == 200
    assert writable == "0.0"
    eventually(lambda: reasons(client.get("/readyz"))["writes"][0])


def test_readyz_counts_workers_with_a_lease(client, context):
    client.post("/v1/ratings", json={"ratings": [{"user_id": "u", "item_id": "i", "value": 4}]})
    client.post("/v1/training-jobs", json={})
    claim = {"worker": "w1", "now": datetime.now(UTC), "lease_seconds": 60, "max_attempts": 3}
    with unit_of_work(context.database) as session:
        JobQueue(session).claim(**claim)

    def workers() -> dict:
        return next(
            check for check in client.get("/readyz").json()["checks"] if check["name"] == "workers"
        )

    eventually(lambda: workers()["number"] == 1)
    assert workers()["ok"]
    assert not workers()["required"]
