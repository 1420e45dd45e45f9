"""From a file of ratings to an error curve and a published version, through HTTP alone."""

import csv
import io
from xml.etree import ElementTree

import httpx2
import pytest

from tests.acceptance.conftest import PATIENCE_SECONDS, fill, sources, succeeded, trained

pytestmark = pytest.mark.acceptance

ENDLESS = {  # unless it is cancelled
    "hyperparameters": {"n_hidden": 64, "epochs": 10_000, "patience": 10_000},
    "publish": "never",
}


def get(shop, path: str, **options) -> httpx2.Response:
    return httpx2.get(f"{shop.client.base_url}{path}", timeout=PATIENCE_SECONDS, **options)


def test_import_counts_every_line(shop):
    counts = shop.importing["counts"]

    assert (counts["lines"], counts["accepted"], counts["added"]) == (100_000,) * 3
    assert counts["refused"] == {}


def test_imported_items_have_titles(shop):
    assert shop.client.item("50")["title"] == "Star Wars (1977)"


def test_first_model_is_published_and_beats_item_means(shop):
    result = shop.training["result"]

    assert result["published"]
    assert result["reason"] == "the first version"
    assert result["metrics"]["validation_rmse"] < result["baselines"]["item_mean"]["rmse"]


def test_long_poll_returns_job_epoch_by_epoch(shop):
    job = shop.client.train(**ENDLESS | {"seed": 6})
    assert job["state"] == "queued"
    epochs = []
    while len(set(epochs)) < 4:
        job = shop.client.job("training", job["id"], wait=20)
        assert job["state"] in ("queued", "running"), job["error"]
        epochs += [job["epoch"]] if job["epoch"] is not None else []
    job = shop.client.wait_for(shop.client.cancel(job), timeout=PATIENCE_SECONDS)

    assert job["state"] == "cancelled"
    assert epochs == sorted(epochs)
    assert set(job["baselines"]) >= {"global_mean", "item_mean", "user_item_bias", "most_rated"}


def test_error_curve_is_json_csv_and_svg(shop):
    path = f"/v1/training-jobs/{shop.training['id']}/error-curve"

    epochs = get(shop, path).json()["epochs"]
    rows = list(csv.DictReader(io.StringIO(get(shop, f"{path}?format=csv").text)))
    picture = ElementTree.fromstring(get(shop, f"{path}?format=svg").text)

    assert [point["epoch"] for point in epochs] == list(range(16))
    assert [float(row["validation_nll"]) for row in rows] == [
        point["validation_nll"] for point in epochs
    ]
    assert epochs[-1]["validation_rmse"] < epochs[0]["validation_rmse"]
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"


def test_event_stream_starts_at_first_event_and_resumes_after_last(shop):
    events = list(shop.client.events(shop.training["id"]))
    middle = len(events) // 2

    rest = list(shop.client.events(shop.training["id"], after=events[middle].id))

    assert [event.data["epoch"] for event in events if event.name == "epoch"] == list(range(16))
    assert events[-1].name == "done"
    assert events[-1].data["state"] == "succeeded"
    assert rest == events[middle + 1 :]


def test_event_stream_follows_running_job(shop):
    job = shop.client.train(**ENDLESS | {"seed": 7})
    told = []
    for event in shop.client.events(job["id"]):
        told.append(event.name)
        if event.name == "epoch" and told.count("epoch") == 3:
            shop.client.cancel(job)

    assert told.count("epoch") >= 3
    assert told[-1] == "done"
    assert shop.client.job("training", job["id"])["state"] == "cancelled"


def test_worse_model_is_not_published_by_default(shop):
    (before,) = [card for card in shop.client.models() if card["published"]]
    hopeless = {"n_hidden": 50, "epochs": 1, "learning_rate": 1e-9, "initial_weight": 3.0}

    job = succeeded(shop.client, shop.client.train(hyperparameters=hopeless))

    assert not job["result"]["published"], job["result"]["reason"]
    assert f"not better than version {before['version']}" in job["result"]["reason"]
    assert shop.client.model(before["version"])["published"]


def test_model_card_has_counts_hyperparameters_seed_and_snapshot(shop):
    card = shop.client.model(shop.training["result"]["version"])

    assert (card["n_users"], card["n_items"], card["n_ratings"]) == (943, 1682, 100_000)
    assert card["hyperparameters"]["n_hidden"] == 24
    assert card["seed"] == 5
    assert len(card["snapshot_sha256"]) == 64


def test_service_reports_liveness_readiness_and_metrics(shop):
    assert get(shop, "/livez").json() == {"status": "alive"}
    ready = shop.client.ready()
    assert {check["name"]: check["ok"] for check in ready["checks"]} == {
        "database": True,
        "writes": True,
        "workers": True,
        "model": True,
    }
    metrics = get(shop, "/metrics").text
    assert 'route="/livez",status="200"' in metrics


@pytest.mark.parametrize("model_kind", ["user_rbm", "item_rbm", "joint_rbm"])
def test_warm_start_reuses_weights_with_new_users_and_items(make_site, model_kind):
    client = make_site().serve()
    fill(client)
    hyperparameters = {"n_hidden": 30, "epochs": 30, "batch_size": 10}
    spec = {"model_kind": model_kind, "hyperparameters": hyperparameters}
    cold = trained(client, **spec)
    client.send_ratings(
        {"user_id": f"new-{user}", "item_id": f"{word}-{item:03}", "value": 1 + (user + item) % 5}
        for user in range(5)
        for word in ("book", "new")
        for item in range(1, 8)
    )

    warm = trained(client, **spec | {"warm_start": True})

    assert warm["result"]["warnings"] == []
    first = [client.error_curve(job["id"])[0]["train_nll"] for job in (cold, warm)]
    assert first[1] < first[0] - 0.02  # it begins where the other ended, but for what is new
    card = client.model(warm["result"]["version"])
    assert card["n_users"] == 155
    assert client.model(cold["result"]["version"])["n_items"] + 7 == card["n_items"]
    assert sources(client.recommendations("new-1")) == {"model"}


def test_item_rbm_answers_trained_users_only(make_site):
    client = make_site().serve()
    fill(client)
    trained(client, model_kind="item_rbm")

    stored = client.recommendations("reader-001")
    given = client.recommend_for([{"item_id": "book-001", "value": 5}])
    predicted = client.predictions("reader-001", ["book-001"])["items"][0]

    assert sources(stored) == {"model"}
    assert sources(given) == {"popular"}
    assert predicted["source"] == "model"
    assert abs(sum(level["probability"] for level in predicted["distribution"]) - 1) < 1e-6
