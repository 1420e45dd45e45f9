"""A training job looked at over HTTP before it is queued."""

import threading
import time

from fastapi.testclient import TestClient

from recsvc.api.app import create_app
from tests.api.conftest import settings_for
from tests.conftest import on_sqlite
from tests.factories.workers import start


def test_training_preview_has_data_choices_and_estimates(client):
    ratings = [
        {"user_id": f"u{user}", "item_id": f"i{item}", "value": 1 + (user * item) % 5}
        for user in range(12)
        for item in range(10)
    ]
    client.post("/v1/ratings", json={"ratings": ratings})

    answer = client.post("/v1/training-jobs:validate", json={"hyperparameters": {"n_hidden": 2}})

    told = answer.json()
    assert (answer.status_code, told["verdict"], told["problem"]) == (200, "ready", None)
    assert (told["data"]["n_users"], told["data"]["n_ratings"]) == (12, 120)
    assert sum(level["count"] for level in told["data"]["levels"]) == 120
    assert told["data"]["missing_share"] == 0.0
    assert told["hyperparameters"]["n_hidden"] == 2
    assert "n_hidden" not in told["choices"]
    assert told["choices"]["epochs"]["because"]
    assert told["estimated_seconds"] > 0
    assert 0 < told["needed_bytes"] < told["available_bytes"]
    assert client.get("/v1/training-jobs").json()["items"] == [], "nothing was queued"


def test_training_preview_reports_problem_without_data(client):
    told = client.post("/v1/training-jobs:validate", json={}).json()

    assert (told["verdict"], told["problem"]["code"]) == ("refused", "too-few-ratings")
    assert (told["estimated_seconds"], told["choices"]) == (None, None)
    assert told["data"]["remarks"] == []


def test_training_preview_refuses_same_body_as_training(client):
    wrong = {"hyperparameters": {"n_hiden": 3}}

    looked = client.post("/v1/training-jobs:validate", json=wrong)
    asked = client.post("/v1/training-jobs", json=wrong)

    assert looked.status_code == asked.status_code == 422
    assert looked.json()["type"] == asked.json()["type"]
    assert start(client)["id"] == 1


@on_sqlite
def test_training_that_cannot_end_in_time_is_refused_everywhere(database_url, tmp_path):
    settings = settings_for(database_url, tmp_path / "home", max_job_hours=1e-5)
    with TestClient(create_app(settings)) as client:
        looked = client.post("/v1/training-jobs:validate", json={}).json()
        refused = [
            client.post("/v1/training-jobs", json={}),
            client.post("/v1/training-jobs", json={"autopilot": True}),
            client.post("/v1/sweeps", json={"grid": {"n_hidden": [4, 8]}}),
        ]
        listed = client.get("/v1/training-jobs").json()["items"]

    assert [answer.status_code for answer in refused] == [422] * 3
    problem = refused[0].json()
    assert problem["type"] == "/problems/training-too-long"
    assert problem["detail"].endswith("RECSVC_MAX_JOB_HOURS sets the limit.")
    assert (looked["verdict"], looked["problem"]["code"]) == ("refused", "training-too-long")
    assert looked["problem"]["detail"] == problem["detail"]
    assert listed == []


@on_sqlite
def test_second_preview_waits_and_is_then_refused(database_url, tmp_path):
    settings = settings_for(database_url, tmp_path / "home", request_wait_seconds=0.3)
    first = threading.Event()
    with TestClient(app := create_app(settings)) as client:
        client.portal.start_task_soon(app.state.request_pools.previews.run, first.wait)
        started = time.monotonic()
        refused = client.post("/v1/training-jobs:validate", json={})
        waited = time.monotonic() - started
        others = client.get("/v1/training-jobs")
        first.set()
        accepted = client.post("/v1/training-jobs:validate", json={})

    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/service-busy")
    assert refused.headers["Retry-After"]
    assert waited >= 0.3
    assert (others.status_code, accepted.status_code) == (200, 200)


@on_sqlite
def test_preview_that_exceeds_the_memory_limit_is_refused_before_it_reads(database_url, tmp_path):
    settings = settings_for(database_url, tmp_path / "home", memory_limit_mb=1)
    ratings = [{"user_id": f"u{n}", "item_id": "i", "value": 1.0} for n in range(9600)]
    with TestClient(create_app(settings)) as client:
        client.post("/v1/ratings", json={"ratings": ratings})
        refused = client.post("/v1/training-jobs:validate", json={})

    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/training-too-large")
    assert refused.json()["detail"].startswith("Reading the ratings needs about 1 MB")
