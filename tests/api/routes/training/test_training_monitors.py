"""Looks inside the machine, over HTTP, and findings among the events."""

from recsvc.db.session import unit_of_work
from recsvc.db.training.inspections import Inspections
from recsvc.rbm.diagnosis import Change, Evidence, Finding
from tests.api.routes.jobs.test_job_events import events
from tests.factories.workers import start

COUNTED = {"zeros": 1, "counts": [0, 5, *[0] * 38]}
FINDING = Finding(
    "rate_too_high",
    "problem",
    (4, 9),
    (Evidence("a", 2.0, 1.0, "H10"),) * 2,
    "Too long steps.",
    Change("learning_rate", 2.0, 0.02),
    0.9,
)


def look(database, epoch, *activity):
    seen = {"n_cases": 2, "n_units": 2, "activity": bytes(activity)}
    with unit_of_work(database) as session:
        Inspections(session).add(1, epoch, seen | {"weights": COUNTED, "updates": COUNTED})


def test_monitors_return_activity_of_epoch_and_histograms_of_all(client, database):
    job = start(client, hyperparameters={"n_hidden": 2})
    address = job["links"]["monitors"]
    before = client.get(address).json()
    look(database, 0, 0, 255, 51, 102)
    look(database, 1, 255, 255, 0, 0)

    last, first = client.get(address).json(), client.get(address, params={"epoch": 0}).json()

    assert (before["epochs"], before["hidden_activity"]) == ([], None)
    assert (last["epochs"], last["job_id"], last["state"]) == ([0, 1], 1, "queued")
    assert first["hidden_activity"] == {
        "epoch": 0,
        "cases": [0, 1],
        "units": [0, 1],
        "probabilities": [[0.0, 1.0], [0.2, 0.4]],
    }
    assert last["hidden_activity"]["epoch"] == 1
    for name in ("weights", "updates"):
        assert last[name]["zeros"] == [1, 1]
        assert last[name]["counts"] == [COUNTED["counts"]] * 2
        assert len(last[name]["edges"]) == 41
        assert (last[name]["edges"][0], last[name]["edges"][-1]) == (-8, 2)


def test_monitors_respond_404_without_inspection_or_job(client, database):
    start(client)
    look(database, 64, 0, 0, 0, 0)

    skipped = client.get("/v1/training-jobs/1/monitors", params={"epoch": 65})

    assert (skipped.status_code, skipped.json()["nearest"]) == (404, 64)
    assert "nearest inspected epoch is 64" in skipped.json()["detail"]
    assert client.get("/v1/training-jobs/2/monitors").status_code == 404
    assert client.get("/v1/training-jobs/1/monitors", params={"epoch": -1}).status_code == 422


def test_event_stream_has_finding_event_once(client, worker):
    start(client)
    lease = worker.claim()
    worker.epoch(lease, 1)
    worker.find(lease, FINDING)
    worker.find(lease, FINDING)
    worker.finish(lease)

    told = events(client.get("/v1/training-jobs/1/events").text.splitlines())
    (found,) = [data for _, name, data in told if name == "finding"]

    assert [name for _, name, _ in told] == ["state", "state", "epoch", "finding", "state", "done"]
    assert (found["code"], found["severity"], found["epochs"]) == (
        "rate_too_high",
        "problem",
        [4, 9],
    )
    assert found["change"] == {"hyperparameter": "learning_rate", "from": 2.0, "to": 0.02}
    assert len(found["further_evidence"]) == 1
