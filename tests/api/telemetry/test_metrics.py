"""The metrics of one API process equal the requests that it was sent."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from starlette.testclient import TestClient

from recsvc.api.app import create_app
from recsvc.api.telemetry.exposition import Installation, MetricsPage, build_family
from recsvc.api.telemetry.register import METRICS, REQUESTS
from recsvc.api.telemetry.request_metrics import RequestMetrics
from recsvc.db.jobs.queue import JobQueue, job_lease
from recsvc.db.session import unit_of_work
from recsvc.db.tables import JobState
from recsvc.errors import DatabaseUnavailable
from recsvc.runtime.number_file import NumberFile
from recsvc.service.jobs.runner import carry_out
from recsvc.service.readiness import PartState
from tests.api.conftest import publish_a_trained_model, settings_for
from tests.conftest import eventually, on_sqlite
from tests.factories.metrics_page import Page


def scrape(client: TestClient) -> Page:
    response = client.get("/metrics")
    assert response.status_code == 200
    return Page(response.text)


@on_sqlite
def test_metrics_count_requests_by_route_template(client):
    for version in (1, 2, 3):
        client.get(f"/v1/models/{version}")
    client.get("/v1/models")
    client.get("/nothing/here")
    client.delete("/v1/models/1")

    page = scrape(client)

    assert page.n_requests("GET", "/v1/models/{version}", status="404") == 3
    assert page.n_requests("GET", "/v1/models", status="200") == 1
    assert page.n_requests("GET", "unmatched", status="404") == 1
    assert page.n_requests("DELETE", "/v1/models/{version}", status="405") == 1
    assert page.values("recsvc_http_requests_in_progress") == [1]


@on_sqlite
def test_metrics_have_one_label_for_all_unknown_methods(client):
    for method in ("FOO", "BAR"):
        client.request(method, "/livez")

    page = scrape(client)

    methods = {s.labels["method"] for s in page.samples if s.labels.get("route") == "/livez"}
    assert methods == {"OTHER"}


def test_histogram_buckets_are_cumulative():
    metrics = RequestMetrics()
    for seconds in (0.0005, 0.001, 0.3, 100.0):
        metrics.add_request("GET", "/", 200, seconds)
    values = metrics.file.numbers().rows[REQUESTS, "GET", "/", "200"]

    spec = next(metric for metric in METRICS if metric.name == REQUESTS)
    family = build_family(spec, {("GET", "/", "200"): list(values)})

    buckets = {s.labels["le"]: s.value for s in family.samples if s.name.endswith("_bucket")}
    assert (buckets["0.001"], buckets["0.25"], buckets["0.5"], buckets["+Inf"]) == (2, 2, 3, 4)


def test_metrics_equal_feedback_that_was_sent(client):
    bad, twice = {"user_id": "a", "item_id": "b", "value": "x"}, ("u1", "u2", "u1")
    ratings = [{"user_id": user, "item_id": "i", "value": 4} for user in twice]
    assert client.post("/v1/ratings", json={"ratings": [*ratings, bad]}).status_code == 200
    assert client.put("/v1/users/u1/ratings/i", json={"value": 3}).status_code == 200
    assert client.put("/v1/users/u1/ratings/i", json={"value": "x"}).status_code == 422
    event = {"user_id": "u1", "item_id": "i", "type": "view"}
    body = {"interactions": [event, event | {"type": "stare"}, {"user_id": "u1"}]}
    report = client.post("/v1/interactions", json=body).json()

    page = scrape(client)

    assert page.total("recsvc_ratings_accepted_total") == 4
    assert page.total("recsvc_interactions_accepted_total") == 1
    codes = [refused["code"] for refused in report["refused"]]
    assert page.total("recsvc_refused_lines_total") == 1 + len(codes) == 3
    assert page.total("recsvc_refused_lines_total", code="not-a-number") == 1


@on_sqlite
def test_metrics_do_not_count_feedback_that_is_not_committed(app, client, monkeypatch):
    def fail(*_):
        raise DatabaseUnavailable("The database did not answer.")

    monkeypatch.setattr("recsvc.api.routes.feedback.ratings.RatingOut.from_stored", fail)
    assert client.put("/v1/users/u1/ratings/i", json={"value": 3}).status_code == 503

    page = scrape(client)

    assert page.total("recsvc_ratings_accepted_total") == 0
    assert page.n_requests("PUT", "/v1/users/{user_id}/ratings/{item_id}", status="503") == 1


@on_sqlite
def test_metrics_count_lists_by_source_and_report_model(app, client, context):
    client.get("/v1/users/u1/recommendations")
    publish_a_trained_model(client, context)
    eventually(lambda: app.state.model_server.version == 1)
    for _ in range(3):
        client.get("/v1/users/u1/recommendations")

    eventually(lambda: scrape(client).values("recsvc_served_model_version") == [1])
    eventually(lambda: scrape(client).values("recsvc_published_model_version") == [1])
    page = scrape(client)

    assert page.total("recsvc_recommendation_responses_total", source="none") == 1
    assert page.total("recsvc_recommendation_responses_total", source="model") == 3
    (age,) = page.values("recsvc_published_model_age_seconds")
    assert 0 <= age < 300
    assert page.values("recsvc_model_load_failed") == [0]
    assert page.total("recsvc_shelf_size_bytes") >= 0
    assert page.total("recsvc_database_size_bytes") > 10_000


def test_metrics_report_jobs_and_imports(client, context):
    with unit_of_work(context.database) as session:
        due = datetime.now(UTC) - timedelta(minutes=5)
        JobQueue(session).enqueue("training", spec={}, now=due)
    lines = b"user_id,item_id,rating\nu1,i1,4\nu1,i2,5\nu2,i1,much\n"
    sent = {"file": ("r.csv", io.BytesIO(lines))}
    job = client.post("/v1/import-jobs", files=sent).json()
    with unit_of_work(context.database) as session:
        JobQueue(session).claim(
            worker="w0",
            now=datetime.now(UTC),
            lease_seconds=60,
            max_attempts=3,
            kinds=("training",),
        )
        claim = {"worker": "w1", "now": datetime.now(UTC), "lease_seconds": 60, "max_attempts": 3}
        lease = job_lease(JobQueue(session).claim(**claim))
    assert carry_out(context, job["id"], lease) == JobState.SUCCEEDED

    page = scrape(client)

    assert page.values("recsvc_jobs", kind="training", state="running") == [1]
    assert page.values("recsvc_jobs", kind="import", state="succeeded") == [1]
    assert page.total("recsvc_jobs") == 2
    assert page.total("recsvc_workers_seen") == 1
    assert page.values("recsvc_oldest_job_age_seconds", state="queued") == [0]
    assert page.total("recsvc_imported_ratings_total") == 2
    assert page.values("recsvc_import_refused_lines_total", code="not-a-number") == [1]


@on_sqlite
def test_metrics_respond_without_figures_while_database_is_away(app, client, monkeypatch):
    monkeypatch.setattr(app.state.monitors.reads, "state", lambda: PartState(False, "no answer"))
    client.get("/livez")

    page = scrape(client)

    assert page.values("recsvc_database_up") == [0]
    assert page.values("recsvc_jobs") == []
    assert page.n_requests("GET", "/livez", status="200") == 1


@on_sqlite
def test_metrics_of_this_process_are_read_from_proc(client):
    page = scrape(client)

    assert 1e7 < page.total("recsvc_process_resident_memory_bytes", process="api-1") < 1e10
    assert page.total("recsvc_process_cpu_seconds_total") > 0.1
    assert page.total("recsvc_process_open_files") > 3
    started = datetime.fromtimestamp(page.total("recsvc_process_start_time_seconds"), UTC)
    assert timedelta(0) < datetime.now(UTC) - started < timedelta(hours=2)


@on_sqlite
def test_metrics_page_has_help_for_every_metric_of_register(client):
    found = {family.name: family for family in scrape(client).families}

    for metric in METRICS:
        family = found[
            metric.name.removesuffix("_total") if metric.kind == "counter" else metric.name
        ]
        assert family.documentation == metric.text
        for sample in family.samples:
            assert set(metric.labels) == sample.labels.keys() - {"le"}


@pytest.fixture
def app_with_file(database_url, tmp_path):
    folder = tmp_path / "home" / "metrics" / "service"
    folder.mkdir(parents=True)
    return create_app(settings_for(database_url, tmp_path / "home"), numbers=folder / "api-1")


@on_sqlite
def test_metrics_sum_all_processes_and_show_gauges_of_running_ones(app_with_file):
    folder = app_with_file.state.metrics.path.parent
    ended, running = RequestMetrics(folder / "api-2"), RequestMetrics(folder / "api-3")
    for other in (ended, running):
        other.add_request("GET", "/livez", 200, 0.01)
        other.begin_request()
    ended.file.close()
    with TestClient(app_with_file) as client:
        client.get("/livez")

        page = scrape(client)

    assert page.n_requests("GET", "/livez", status="200") == 3
    in_progress = [s for s in page.samples if s.name == "recsvc_http_requests_in_progress"]
    assert {s.labels["process"] for s in in_progress} == {"api-1", "api-3"}


@on_sqlite
def test_scrapes_succeed_while_files_appear_grow_and_disappear(app_with_file):
    folder = app_with_file.state.metrics.path.parent
    stopping = threading.Event()

    def disturb():
        while not stopping.is_set():
            file = NumberFile(folder / "api-2")
            for n in range(1500):
                file.row((REQUESTS, "GET", f"/route/{n}", "200"), 16)[1] = 1
            file.close()
            (folder / "api-2").unlink()
            (folder / "half").write_bytes(b"")

    with TestClient(app_with_file) as client:
        disturbing = threading.Thread(target=disturb)
        disturbing.start()
        with ThreadPoolExecutor(4) as pool:
            statuses = list(pool.map(lambda _: client.get("/metrics").status_code, range(40)))
        stopping.set()
        disturbing.join()

    assert set(statuses) == {200}


@on_sqlite
def test_scrape_succeeds_after_folder_is_removed(app_with_file):
    path = app_with_file.state.metrics.path
    with TestClient(app_with_file) as client:
        client.get("/livez")
        path.unlink()
        path.parent.rmdir()

        assert scrape(client).n_requests("GET", "/livez") == 1


def test_page_renders_without_a_sample_of_any_part(tmp_path):
    class Broken:
        def latest(self):
            return None

    installation = Installation(
        ("1", "sqlite"), tmp_path / "no", lambda: False, lambda: False, Broken(), Broken()
    )

    assert b"recsvc_build_info{" in MetricsPage(RequestMetrics(), installation).render()
