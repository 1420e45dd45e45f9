"""Counts and durations of requests for Prometheus, for one or several API processes.

Each process counts in plain dictionaries, on its event loop only. Of several processes, each
writes its counts to its own file, and the process that is scraped adds up all files.
"""

import json
import os
import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path

from fastapi import Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from recsvc.api.access.requirements import Requirement
from recsvc.api.concurrency.router import Router, runs_on
from recsvc.service.access.scopes import Scope

BUCKET_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
SHARE_SECONDS = 1.0

Label = tuple[str, str, int]  # method, route template, status

router = Router(tags=["service"], requirement=Requirement(Scope.ADMIN, is_open_locally=True))


class Durations:
    """Histogram of the durations of the requests with one label."""

    __slots__ = ("buckets", "seconds")

    def __init__(self) -> None:
        self.seconds = 0.0
        self.buckets = [0] * (len(BUCKET_BOUNDS) + 1)

    def add(self, seconds: float) -> None:
        """Count one request."""
        self.seconds += seconds
        self.buckets[bisect_left(BUCKET_BOUNDS, seconds)] += 1


class Metrics(Collector):
    """The request counts of this process, or of all processes that share a folder.

    folder  for the files of the processes; None for a single process
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._own: dict[Label, Durations] = {}
        self._file = folder / f"{os.getppid()}-{os.getpid()}.json" if folder else None
        self._stop = threading.Event()
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def add_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        label = (method, route, status)
        durations = self._own.get(label)
        if durations is None:
            durations = self._own[label] = Durations()
        durations.add(seconds)

    def start(self) -> None:
        """Start to share the counts with the other processes of this service."""
        if self._file is None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        ours = f"{os.getppid()}-"
        for file in self._file.parent.glob("*.json"):
            if not file.name.startswith(ours):
                file.unlink(missing_ok=True)  # from a service that has ended
        threading.Thread(target=self._share, name="metrics", daemon=True).start()

    def stop(self) -> None:
        """Share the last counts and stop."""
        self._stop.set()
        self._write()

    def collect(self) -> Iterator[Metric]:
        """Yield the summed counts of all processes, for the registry."""
        family = HistogramMetricFamily(
            "recsvc_http_request_duration_seconds",
            "Time from the arrival of a request to the end of its response.",
            labels=("method", "route", "status"),
        )
        for (method, route, status), durations in sorted(self._sum_processes().items()):
            buckets = _cumulative(durations.buckets)
            family.add_metric([method, route, str(status)], buckets, durations.seconds)
        yield family

    def describe(self) -> Iterable[Metric]:
        """Return no metrics: the labels are unknown before the first request."""
        return []

    def _share(self) -> None:
        while not self._stop.wait(SHARE_SECONDS):
            self._write()

    def _write(self) -> None:
        if self._file is None:
            return
        rows = [[*label, d.seconds, *d.buckets] for label, d in list(self._own.items())]
        temporary = self._file.with_suffix(".new")
        temporary.write_text(json.dumps(rows))
        temporary.replace(self._file)

    def _sum_processes(self) -> dict[Label, Durations]:
        if self._file is None:
            return dict(self._own)
        self._write()
        total: dict[Label, Durations] = {}
        for file in self._file.parent.glob(f"{os.getppid()}-*.json"):
            for method, route, status, seconds, *buckets in json.loads(file.read_text()):
                durations = total.setdefault((method, route, status), Durations())
                durations.seconds += seconds
                durations.buckets = [a + b for a, b in zip(durations.buckets, buckets, strict=True)]
        return total


def _cumulative(buckets: list[int]) -> list[tuple[str, float]]:
    at_most = 0
    rows = []
    for bound, count in zip([*map(str, BUCKET_BOUNDS), "+Inf"], buckets, strict=True):
        at_most += count
        rows.append((bound, float(at_most)))
    return rows


@router.get(
    "/metrics",
    operation_id="get_metrics",
    summary="Read the metrics",
    response_class=Response,
    responses={
        200: {
            "description": "Prometheus text format.",
            "content": {
                "text/plain": {
                    "schema": {"type": "string"},
                    "example": "recsvc_http_request_duration_seconds_count"
                    '{method="GET",route="/livez",status="200"} 1.0\n',
                }
            },
        }
    },
)
@runs_on("service")
def get_metrics(request: Request) -> Response:
    """Return the number and durations of requests by method, route template and status."""
    metrics: Metrics = request.app.state.metrics
    return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)
