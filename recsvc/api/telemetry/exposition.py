"""The metrics page: the sums of all API processes, and figures read when it is requested.

Every part may fail alone: a page without the figures of the database is still a page.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from recsvc.api.telemetry.register import BUCKET_BOUNDS, METRICS, Coverage, MetricSpec
from recsvc.api.telemetry.request_metrics import RequestMetrics
from recsvc.runtime.number_file import Numbers, read_numbers
from recsvc.runtime.process_figures import ProcessFigures, list_spawned_children, read_figures
from recsvc.service.monitoring import DatabaseFigures, Sampler, ShelfFigures

BY_NAME = {metric.name: metric for metric in METRICS}
BOUNDS = (*map(str, BUCKET_BOUNDS), "+Inf")
ALONE = "api-1"  # the name of an API process that shares its numbers with no other
WORKER = "worker"
JOB = "job"

Labels = tuple[str, ...]
Values = list[float]
Samples = dict[str, dict[Labels, Values]]


class Installation(NamedTuple):
    """What the page reports about the service as a whole.

    info         the values of the labels of `recsvc_build_info`
    database_ok  returns whether the database can be used, without waiting
    writes_ok    returns whether writes commit, without waiting
    """

    info: Labels
    home: Path
    database_ok: Callable[[], bool]
    writes_ok: Callable[[], bool]
    database: Sampler[DatabaseFigures]
    shelf: Sampler[ShelfFigures]


class MetricsPage(Collector):
    """Collects all metrics of the register, for `generate_latest`."""

    def __init__(self, own: RequestMetrics, installation: Installation) -> None:
        self._own = own
        self._installation = installation
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def render(self) -> bytes:
        """Return the page in the text format of Prometheus."""
        return generate_latest(self._registry)

    def describe(self) -> Iterable[Metric]:
        """Return no metrics: registration must not read the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every metric of the register, also those without a sample."""
        samples: Samples = {metric.name: {} for metric in METRICS}
        processes = self._read_processes()
        add_process_numbers(samples, processes)
        add_process_figures(samples, processes)
        add_installation(samples, self._installation)
        for metric in METRICS:
            yield build_family(metric, samples[metric.name])

    def _read_processes(self) -> dict[str, Numbers]:
        """Return the numbers of each process of this service, by its name."""
        path, own = self._own.path, self._own.file.numbers()
        if path is None:
            return {ALONE: own}
        names = {file.name: file for file in path.parent.glob("[!.]*")}
        found = {name: read_numbers(file) for name, file in names.items()}
        found[path.name] = own  # also if the folder has been removed
        return {name: numbers for name, numbers in sorted(found.items()) if numbers}


def add_process_numbers(samples: Samples, processes: dict[str, Numbers]) -> None:
    """Add the sums over all processes, and the numbers of each running one."""
    for name, numbers in processes.items():
        for (metric, *labels), values in numbers.rows.items():
            if BY_NAME[metric].covers is not Coverage.PROCESS:
                total = samples[metric].setdefault(tuple(labels), [0.0] * len(values))
                for position, value in enumerate(values):
                    total[position] += value
            elif numbers.is_running:
                samples[metric][name, *labels] = list(values)


def add_process_figures(samples: Samples, processes: dict[str, Numbers]) -> None:
    """Add what each running process uses, and the job process of a worker."""
    for name, numbers in processes.items():
        if numbers.is_running:
            _add_figures(samples, name, read_figures(numbers.process_id))
            if name == WORKER:
                for child in list_spawned_children(numbers.process_id):
                    _add_figures(samples, JOB, read_figures(child))


def _add_figures(samples: Samples, name: str, figures: ProcessFigures | None) -> None:
    if figures is None:
        return
    samples["recsvc_process_cpu_seconds_total"][name,] = [figures.cpu_seconds]
    samples["recsvc_process_resident_memory_bytes"][name,] = [float(figures.resident_bytes)]
    samples["recsvc_process_open_files"][name,] = [float(figures.open_files)]
    samples["recsvc_process_start_time_seconds"][name,] = [figures.started_at]


def add_installation(samples: Samples, installation: Installation) -> None:
    """Add what the processes share: database, shelf and disk, as far as they respond."""
    is_up = installation.database_ok()
    samples["recsvc_build_info"][installation.info] = [1.0]
    samples["recsvc_database_up"][()] = [float(is_up)]
    samples["recsvc_database_writable"][()] = [float(installation.writes_ok())]
    figures = installation.database.latest() if is_up else None
    if figures is not None:
        _add_database(samples, figures)
    shelf = installation.shelf.latest()
    if shelf is not None:
        samples["recsvc_shelf_size_bytes"][()] = [float(shelf.n_bytes)]
        samples["recsvc_shelf_objects"][()] = [float(shelf.n_objects)]
    try:
        samples["recsvc_home_free_bytes"][()] = [float(shutil.disk_usage(installation.home).free)]
    except OSError:
        return  # the page has no sample of it


def _add_database(samples: Samples, figures: DatabaseFigures) -> None:
    for (kind, state), n in figures.jobs.items():
        samples["recsvc_jobs"][kind, state] = [float(n)]
    oldest = samples["recsvc_oldest_job_age_seconds"]
    oldest["queued",] = [figures.oldest_queued_seconds]
    oldest["running",] = [figures.oldest_running_seconds]
    for code, n in figures.imports.refused.items():
        samples["recsvc_import_refused_lines_total"][code,] = [float(n)]
    single = {
        "recsvc_workers_seen": figures.workers_seen,
        "recsvc_published_model_version": figures.model_version,
        "recsvc_published_model_age_seconds": figures.model_age_seconds,
        "recsvc_imported_ratings_total": figures.imports.ratings,
        "recsvc_imported_interactions_total": figures.imports.interactions,
        "recsvc_database_size_bytes": figures.n_bytes,
    }
    for name, value in single.items():
        if value is not None:
            samples[name][()] = [float(value)]


def build_family(metric: MetricSpec, samples: dict[Labels, Values]) -> Metric:
    """Return a metric with its samples in the order of their labels."""
    if metric.kind == "histogram":
        histogram = HistogramMetricFamily(metric.name, metric.text, labels=metric.labels)
        for labels, (seconds, *buckets) in sorted(samples.items()):
            histogram.add_metric(labels, cumulative(buckets), seconds)
        return histogram
    build = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = build(metric.name, metric.text, labels=metric.labels)
    for labels, (value,) in sorted(samples.items()):
        family.add_metric(labels, value)
    return family


def cumulative(buckets: Iterable[float]) -> list[tuple[str, float]]:
    """Return the bounds of a histogram, each with the number of values up to it."""
    at_most = 0.0
    rows = []
    for bound, count in zip(BOUNDS, buckets, strict=True):
        at_most += count
        rows.append((bound, at_most))
    return rows
