"""Grafana's dashboard and Prometheus's alerts use metrics and labels that a service has."""

import json
import re
from datetime import UTC, datetime

import pytest
import yaml
from starlette.testclient import TestClient

from recsvc.api.app import create_app
from recsvc.api.telemetry.register import METRICS
from recsvc.db.jobs.queue import JobQueue, job_lease
from recsvc.db.session import unit_of_work
from recsvc.service.models import publishing
from tests.api.conftest import a_version, settings_for
from tests.conftest import ROOT
from tests.factories.metrics_page import Page

DASHBOARD = json.loads((ROOT / "docker" / "grafana-dashboard.json").read_text())
ALERTS = [
    rule
    for group in yaml.safe_load((ROOT / "docker" / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
TARGETS = [
    (panel["title"], target["expr"], target["legendFormat"])
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
]
PANEL_VARIABLES = {"$instance", "$route", "$__rate_interval"}
FROM_PROMETHEUS = {"instance", "job", "le"}
FUNCTIONS = {
    *("sum", "max", "min", "rate", "changes", "histogram_quantile", "predict_linear"),
    *("by", "on", "and", "or", "up"),
}
SELECTOR = re.compile(r"(\w+)(?:\{([^}]*)\})?")


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Page:
    """A page of a service that has done everything that a metric counts."""
    app = create_app(settings_for("", tmp_path_factory.mktemp("metrics") / "home"))
    with TestClient(app) as client:
        rows = [{"user_id": "u", "item_id": "i", "value": value} for value in (4, "much")]
        assert client.post("/v1/ratings", json={"ratings": rows}).status_code == 200
        client.get("/v1/users/u/recommendations")
        with unit_of_work(app.state.context.database) as session:
            queue, now = JobQueue(session), datetime.now(UTC)
            version = a_version(session, now=now)
            publishing.publish(session, version.version, now=now)
            counts = {"dry_run": False, "ratings": 1, "interactions": 0, "refused": {"x": 1}}
            queue.enqueue("import", spec={}, now=now, priority=0)
            claimed = queue.claim(worker="w", now=now, lease_seconds=60, max_attempts=3)
            queue.update_progress(job_lease(claimed), 0.5, counts)
        return Page(client.get("/metrics").text)


def labels_of(page: Page, metric: str) -> set[str]:
    """Return the labels of a metric's samples; fails if it has none."""
    found = [set(sample.labels) for sample in page.samples if sample.name == metric]
    assert found, f"{metric} has no sample"
    return found[0] | FROM_PROMETHEUS


def check_expression(page: Page, expression: str) -> set[str]:
    """Check metrics and labels of an expression; return the metrics."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    metrics = {name for name, _ in SELECTOR.findall(bare) if name.startswith("recsvc_")}
    for metric, selector in SELECTOR.findall(bare):
        if metric in metrics and selector:
            assert set(re.findall(r"(\w+)[=!~]+", selector)) <= labels_of(page, metric)
    grouped = re.findall(r"by \(([\w, ]+)\)", bare)
    for label in {name for group in grouped for name in group.split(", ")}:
        assert any(label in labels_of(page, metric) for metric in metrics)
    for metric in metrics:
        labels_of(page, metric)
    return metrics


@pytest.mark.parametrize(("title", "expression", "legend"), TARGETS)
def test_panel_uses_metrics_and_labels_of_service(page, title, expression, legend):
    metrics = check_expression(page, expression)

    assert metrics, title
    assert set(re.findall(r"\$\w+", expression)) <= PANEL_VARIABLES
    kept = re.findall(r"by \(([\w, ]+)\)", expression)
    for label in re.findall(r"\{\{(\w+)\}\}", legend):
        assert all(label in labels_of(page, metric) for metric in metrics)
        assert not kept or label in kept[0].split(", ")


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_alert_uses_metrics_and_labels_of_service(page, alert):
    metrics = check_expression(page, alert["expr"])

    assert metrics or alert["expr"] == 'up{job="recsvc"} == 0'
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert alert["annotations"]["summary"]
    assert alert["annotations"]["description"]
    names = set(re.findall(r"[a-z_]+(?=\()|\b(?:and|or|by|on)\b", alert["expr"]))
    assert names <= FUNCTIONS, "a function that this test does not know"
    assert alert["expr"].count("(") == alert["expr"].count(")")


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_alert_links_to_its_paragraph(alert):
    file, _, anchor = alert["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^### (.+)$", (ROOT / file).read_text(), re.MULTILINE)

    assert anchor in {heading.lower().replace(" ", "-") for heading in headings}


def test_dashboard_shows_every_metric_of_register(page):
    shown = " ".join(expression for _, expression, _ in TARGETS) + json.dumps(
        DASHBOARD["templating"]
    )

    for metric in METRICS:
        assert metric.name in shown
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_scrape_has_samples_of_every_metric_of_register(page):
    for metric in METRICS:
        name = f"{metric.name}_count" if metric.kind == "histogram" else metric.name
        assert labels_of(page, name) >= set(metric.labels)
