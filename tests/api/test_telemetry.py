"""What Prometheus is told."""

import os
import re
import subprocess
import sys

from starlette.testclient import TestClient

from recsvc.api.app import create_app
from recsvc.api.telemetry import Metrics
from recsvc.config import Settings


def count(text: str, method: str, route: str, status: int) -> float:
    label = re.escape(f'method="{method}",route="{route}",status="{status}"')
    found = re.search(rf"_seconds_count{{{label}}} (\S+)", text)
    return float(found[1]) if found else 0.0


def test_requests_are_counted_by_route_template(tmp_path):
    with TestClient(create_app(Settings(allowed_hosts="testserver", home=tmp_path))) as client:
        for version in (1, 2, 3):
            client.get(f"/v1/models/{version}")
        client.get("/v1/models")
        client.get("/nothing/here")
        client.delete("/v1/models/1")
        told = client.get("/metrics").text

    assert count(told, "GET", "/v1/models/{version}", 404) == 3
    assert count(told, "GET", "/v1/models", 200) == 1
    assert count(told, "GET", "unmatched", 404) == 1
    assert count(told, "DELETE", "/v1/models/{version}", 405) == 1


def test_histogram_buckets_are_cumulative(tmp_path):
    metrics = Metrics()
    for seconds in (0.0005, 0.001, 0.3, 100.0):
        metrics.add_request("GET", "/", 200, seconds)

    (family,) = metrics.collect()
    buckets = {s.labels["le"]: s.value for s in family.samples if s.name.endswith("_bucket")}
    assert (buckets["0.001"], buckets["0.25"], buckets["0.5"], buckets["+Inf"]) == (2, 2, 3, 4)


COUNT_FIVE = """
import sys
from pathlib import Path
from recsvc.api.telemetry import Metrics
metrics = Metrics(Path(sys.argv[1]))
metrics.start()
for _ in range(5):
    metrics.add_request("GET", "/livez", 200, 0.01)
metrics.stop()
"""
START_TWO_AND_ASK = """
import subprocess, sys
from pathlib import Path
from recsvc.api.telemetry import Metrics
for _ in range(2):
    subprocess.run([sys.executable, "-c", sys.argv[2], sys.argv[1]], check=True)
print(*(file.name for file in Path(sys.argv[1]).glob("*.json")))
"""


def run(program: str, *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], check=True, capture_output=True, text=True
    ).stdout


def test_metrics_sum_counts_of_processes(tmp_path):
    (tmp_path / "1-1.json").write_text("[]")  # left by a service that has ended
    siblings = run(START_TWO_AND_ASK, str(tmp_path), COUNT_FIVE).split()
    assert len(siblings) == 2
    for name in siblings:  # adopt them: children of our parent, too
        pid = name.partition("-")[2]
        (tmp_path / name).rename(tmp_path / f"{os.getppid()}-{pid}")

    ours = Metrics(tmp_path)
    ours.add_request("GET", "/livez", 200, 0.01)

    (family,) = ours.collect()
    assert next(s.value for s in family.samples if s.name.endswith("_count")) == 11
