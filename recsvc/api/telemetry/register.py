"""The register of all metrics: name, type, labels and meaning.

The collector, docs/reference/metrics.md and the tests of dashboard and alerts read it.
"""

from enum import StrEnum
from typing import Literal, NamedTuple

BUCKET_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
NO_ITEM = "none"
SOURCES = ("model", "popular", "new", NO_ITEM)  # of the first item of a list
PROCESS = "process"  # the label of a metric of one process: api-1, api-2, serve, worker, job

Kind = Literal["counter", "gauge", "histogram"]


class Coverage(StrEnum):
    """The part of an installation that a metric describes.

    service   all API processes of one `recsvc serve`, since its start
    process   one process of it
    database  everything that shares the database, the same from each service
    """

    SERVICE = "service"
    PROCESS = "process"
    DATABASE = "database"


class MetricSpec(NamedTuple):
    """A metric: its name without the suffixes of samples, type, coverage, meaning and labels."""

    name: str
    kind: Kind
    covers: Coverage
    text: str
    labels: tuple[str, ...] = ()


REQUESTS = "recsvc_http_request_duration_seconds"
IN_PROGRESS = "recsvc_http_requests_in_progress"
RESPONSES = "recsvc_recommendation_responses_total"
RATINGS = "recsvc_ratings_accepted_total"
INTERACTIONS = "recsvc_interactions_accepted_total"
REFUSED = "recsvc_refused_lines_total"
SERVED_VERSION = "recsvc_served_model_version"
LOAD_FAILED = "recsvc_model_load_failed"
CONNECTIONS = "recsvc_database_connections"
MAX_CONNECTIONS = "recsvc_database_connections_max"

_SERVICE, _PROCESS, _DATABASE = Coverage.SERVICE, Coverage.PROCESS, Coverage.DATABASE

METRICS = (
    MetricSpec(
        REQUESTS,
        "histogram",
        _SERVICE,
        "Time from the arrival of a request to the end of its response. Status 0: the client left "
        "first.",
        ("method", "route", "status"),
    ),
    MetricSpec(IN_PROGRESS, "gauge", _PROCESS, "Requests without a complete response.", (PROCESS,)),
    MetricSpec(
        RESPONSES,
        "counter",
        _SERVICE,
        "Recommendation lists by the source of their first item; none: an empty list.",
        ("source",),
    ),
    MetricSpec(
        RATINGS, "counter", _SERVICE, "Ratings that requests sent and the service accepted."
    ),
    MetricSpec(
        INTERACTIONS,
        "counter",
        _SERVICE,
        "Interactions that requests sent and the service accepted.",
    ),
    MetricSpec(
        REFUSED,
        "counter",
        _SERVICE,
        "Refused lines of requests with many ratings or interactions, by reason.",
        ("code",),
    ),
    MetricSpec(
        SERVED_VERSION,
        "gauge",
        _PROCESS,
        "Model version that an API process serves; 0 before the first is loaded.",
        (PROCESS,),
    ),
    MetricSpec(
        LOAD_FAILED,
        "gauge",
        _PROCESS,
        "1 if an API process cannot load the published version, 0 otherwise.",
        (PROCESS,),
    ),
    MetricSpec(
        CONNECTIONS,
        "gauge",
        _PROCESS,
        "Open connections in the pool of an API process, in_use or idle.",
        (PROCESS, "state"),
    ),
    MetricSpec(
        MAX_CONNECTIONS,
        "gauge",
        _PROCESS,
        "Maximum number of connections in the pool of an API process.",
        (PROCESS,),
    ),
    MetricSpec(
        "recsvc_process_cpu_seconds_total",
        "counter",
        _PROCESS,
        "Processor time, user and system.",
        (PROCESS,),
    ),
    MetricSpec(
        "recsvc_process_resident_memory_bytes",
        "gauge",
        _PROCESS,
        "Resident memory; mapped models are shared between processes.",
        (PROCESS,),
    ),
    MetricSpec("recsvc_process_open_files", "gauge", _PROCESS, "Open files.", (PROCESS,)),
    MetricSpec(
        "recsvc_process_start_time_seconds",
        "gauge",
        _PROCESS,
        "Start of the process in seconds since 1970.",
        (PROCESS,),
    ),
    MetricSpec(
        "recsvc_build_info",
        "gauge",
        _SERVICE,
        "1, with the version of recsvc and the kind of its database.",
        ("version", "database"),
    ),
    MetricSpec(
        "recsvc_database_up",
        "gauge",
        _SERVICE,
        "1 if the database answers and has the current schema, 0 otherwise.",
    ),
    MetricSpec(
        "recsvc_database_writable",
        "gauge",
        _SERVICE,
        "1 if a small write transaction commits, measured every 5 s; 0 if the disk is full, the "
        "database is read-only or locked for long.",
    ),
    MetricSpec("recsvc_jobs", "gauge", _DATABASE, "Jobs by kind and state.", ("kind", "state")),
    MetricSpec(
        "recsvc_oldest_job_age_seconds",
        "gauge",
        _DATABASE,
        "Age of the oldest job that is queued and due, or running; 0 if there is none.",
        ("state",),
    ),
    MetricSpec(
        "recsvc_workers_seen",
        "gauge",
        _DATABASE,
        "Workers with an unexpired lease on a job; an idle worker has none.",
    ),
    MetricSpec(
        "recsvc_published_model_version",
        "gauge",
        _DATABASE,
        "Published model version; 0 before the first publication.",
    ),
    MetricSpec(
        "recsvc_published_model_age_seconds",
        "gauge",
        _DATABASE,
        "Time since the published version was trained; missing before the first publication.",
    ),
    MetricSpec(
        "recsvc_imported_ratings_total", "counter", _DATABASE, "Ratings accepted by import jobs."
    ),
    MetricSpec(
        "recsvc_imported_interactions_total",
        "counter",
        _DATABASE,
        "Interactions accepted by import jobs.",
    ),
    MetricSpec(
        "recsvc_import_refused_lines_total",
        "counter",
        _DATABASE,
        "Refused lines of import jobs, by reason.",
        ("code",),
    ),
    MetricSpec("recsvc_database_size_bytes", "gauge", _DATABASE, "Size of the database."),
    MetricSpec(
        "recsvc_shelf_size_bytes",
        "gauge",
        _DATABASE,
        "Size of the objects on the shelf, measured once a minute.",
    ),
    MetricSpec("recsvc_shelf_objects", "gauge", _DATABASE, "Objects on the shelf."),
    MetricSpec(
        "recsvc_home_free_bytes",
        "gauge",
        _SERVICE,
        "Free space of the file system of RECSVC_HOME.",
    ),
)
