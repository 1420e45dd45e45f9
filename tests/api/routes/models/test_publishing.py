"""A success that publishes is reported once this process answers with the version, not before."""

import threading

from starlette.testclient import TestClient

from recsvc.db.session import reading, unit_of_work
from recsvc.service.models import publishing
from tests.api.conftest import publish_a_trained_model
from tests.api.routes.jobs.test_job_events import events
from tests.conftest import NOON, eventually

JOB = "/v1/training-jobs/1"
LIST = "/v1/users/u3/recommendations"


def state(client: TestClient) -> tuple[str, str | None]:
    job = client.get(JOB).json()
    return job["state"], job["phase"]


def test_training_job_runs_until_its_version_is_served(client, app, context):
    with app.state.model_server._refresh_lock:
        publish_a_trained_model(client, context)

        assert state(client) == ("running", "publishing")
        assert client.get(JOB).json()["result"] is None
        assert client.get("/v1/training-jobs").json()["items"][0]["state"] == "running"
        for resource in ("error-curve", "diagnosis", "monitors"):
            assert client.get(f"{JOB}/{resource}").json()["state"] == "running"

    eventually(lambda: state(client)[0] == "succeeded")
    assert client.get(LIST).json()["model_version"] == 1


def test_long_poll_ends_when_version_is_served(client, app, context):
    with app.state.model_server._refresh_lock:
        publish_a_trained_model(client, context)
        assert client.get(JOB, params={"wait": 0.3}).json()["state"] == "running"
    etag = client.get(JOB).headers["etag"]

    job = client.get(JOB, params={"wait": 60}, headers={"If-None-Match": etag})

    assert job.status_code == 304 or job.json()["state"] == "succeeded"
    assert client.get(JOB).json()["result"]["published"] is True


def test_model_card_is_published_when_version_is_served(client, app, context):
    with app.state.model_server._refresh_lock:
        publish_a_trained_model(client, context)

        assert client.get("/v1/models/1").json()["published"] is False
        assert client.get("/v1/models").json()["items"][0]["published"] is False

    eventually(lambda: client.get("/v1/models/1").json()["published"])
    assert client.get(LIST).json()["model_version"] == 1


def test_event_stream_ends_when_version_is_served(client, app, context):
    def load_later() -> None:
        gate.wait(0.6)  # two looks of the stream
        app.state.model_server._refresh_lock.release()

    gate = threading.Event()
    app.state.model_server._refresh_lock.acquire()
    publish_a_trained_model(client, context)
    threading.Thread(target=load_later).start()
    told = events(client.get(f"{JOB}/events").text.splitlines())

    assert told[-1][1] == "done"
    assert told[-1][2]["state"] == "succeeded"
    assert client.get(LIST).json()["model_version"] == 1


def test_predictions_respond_503_while_model_loads(client, app, context):
    with app.state.model_server._refresh_lock:
        publish_a_trained_model(client, context)
        with reading(context.database) as session:
            app.state.model_server._pending = publishing.publication(session)
        answer = client.get("/v1/users/u3/predictions", params={"item_id": "i1"})

    assert answer.status_code == 503
    assert answer.json()["type"] == "/problems/model-loading"
    assert answer.headers["retry-after"] == "1"


def test_training_job_succeeds_when_version_cannot_be_loaded(client, app, context):
    with app.state.model_server._refresh_lock:
        publish_a_trained_model(client, context)
        sha256 = client.get("/v1/models/1").json()["checkpoint_sha256"]
        context.shelf.remove(sha256)

    eventually(lambda: state(client)[0] == "succeeded")
    assert sha256 in app.state.model_server.load_error
    assert client.get(LIST).json()["model_version"] is None


def test_training_job_stays_succeeded_while_version_is_reloaded(client, app, context):
    for _ in range(2):
        publish_a_trained_model(client, context)
    app.state.model_server.refresh()
    assert state(client)[0] == "succeeded"

    with app.state.model_server._refresh_lock, unit_of_work(context.database) as session:
        publishing.rollback(session, now=NOON)
    with app.state.model_server._refresh_lock:
        assert state(client)[0] == "succeeded"


def test_training_jobs_run_until_their_or_later_version_is_served(client, app, context):
    with app.state.model_server._refresh_lock:
        for _ in range(2):
            publish_a_trained_model(client, context)
        states = [job["state"] for job in client.get("/v1/training-jobs").json()["items"]]
        assert states == ["running", "running"]

    eventually(lambda: state(client)[0] == "succeeded")


def test_publish_and_rollback_respond_when_version_is_served(client, context):
    for _ in range(2):
        publish_a_trained_model(client, context)
    for address, version in (
        ("/v1/models/rollback", 1),
        ("/v1/models/2/publish", 2),
        ("/v1/models/1/publish", 1),
    ):
        assert client.post(address, json={}).json()["published"] is True
        assert client.get(LIST).json()["model_version"] == version
