"""Settings, read from the environment by the entry points: cli, api.app and worker."""

import os
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

MAX_DAYS = 36_500


class Settings(BaseSettings):
    """The settings; field NAME is the variable RECSVC_NAME (docs/reference/settings.md)."""

    model_config = SettingsConfigDict(env_prefix="RECSVC_", extra="ignore")

    home: Path = Field(
        Path("recsvc-data"),
        description="Folder of the database, the shelf and files that processes share. Created if "
        "missing.",
    )
    database_url: str = Field(
        "",
        description="`sqlite:///path` or `postgresql://user:password@host/name`. Empty: SQLite at "
        "`HOME/recsvc.sqlite3`.",
    )
    shelf_url: str = Field(
        "",
        description="Storage of checkpoints and snapshots: an fsspec URL, such as "
        "`file:///srv/shelf`. Workers on other machines need access to it. Empty: the folder "
        "`HOME/shelf`.",
    )
    host: str = Field("127.0.0.1", description="Address that `recsvc serve` listens on.")
    port: int = Field(
        8000,
        ge=0,
        le=65535,
        description="Port that `recsvc serve` listens on; 0 selects any free port.",
    )
    rating_scale: str = Field(
        "auto",
        description="`first:last:step` (`1:5:1`), a list (`1,2,3,5`) or `auto`. With a scale, "
        "other values are refused. `auto` accepts any finite value and determines the scale at "
        "training.",
    )
    max_body_mb: float = Field(
        64, gt=0, description="Largest request body in megabytes, except for uploads."
    )
    max_upload_mb: float = Field(2048, gt=0, description="Largest uploaded file in megabytes.")
    max_inflated_mb: float = Field(
        8192,
        gt=0,
        description="Largest size of an uploaded .gz or .zst file once it is decompressed, in "
        "megabytes.",
    )
    request_wait_seconds: float = Field(
        2.0,
        gt=0,
        le=600,
        description="Maximum wait of a request for a thread; after it the response is 503 "
        "`service-busy` with `Retry-After`. The same maximum holds for a database lock or a "
        "connection, with 503 `database-unavailable`. At most 600.",
    )
    max_requests: int = Field(
        1500,
        ge=1,
        description="Requests in progress in each API process, event streams and long polls "
        "included; further ones get 503 `service-full` at once.",
    )
    max_event_streams: int = Field(
        1000, ge=0, description="Event streams of each API process; further ones get 503."
    )
    max_connections: int = Field(
        2000,
        ge=1,
        description="Connections of each API process. A further one replaces the connection that "
        "is idle for longest; if none is idle it gets 503 `too-many-connections`.",
    )
    idle_seconds: int = Field(
        75,
        ge=1,
        description="Seconds after which a connection without a request is closed. Set it above "
        "the idle time of a reverse proxy, which reuses connections.",
    )
    request_seconds: float = Field(
        20.0,
        gt=0,
        description="Seconds for a client to send the headers of a request; a body has a second "
        "more for each 1,000 bytes. A slower request gets 408; a client that stops reading for as "
        "long is disconnected.",
    )
    read_threads: int = Field(
        2,
        ge=1,
        le=64,
        description="Threads of each API process for reads, each with a database connection.",
    )
    write_threads: int = Field(
        4,
        ge=1,
        le=64,
        description="Threads of each API process for writes on PostgreSQL, each with a database "
        "connection. SQLite has one.",
    )
    api_key: str = Field(
        "",
        repr=False,
        description="An API key with all scopes, in place of those that `recsvc keys` creates; at "
        "least 32 random characters.",
    )
    rate_limit: int = Field(
        100,
        ge=0,
        description="Requests a second of each API key, for all API processes together; 0 is no "
        "limit. On a loopback address there is none.",
    )
    allowed_hosts: str = Field(
        "",
        description="Names that the service answers as, besides those of loopback, separated by "
        "commas: `recommender.internal`, `.example.com` with all subdomains, or `*`. Any other "
        "`Host` header is refused with 421.",
    )
    cors_origins: str = Field(
        "",
        description="Origins whose pages may call the API from a browser, separated by commas, as "
        "`https://shop.example.com`. Empty: none.",
    )
    training_threads: int = Field(
        0,
        ge=0,
        description="Threads of a training job; 0 is one per core. The weights do not depend on "
        "it.",
    )
    memory_limit_mb: int = Field(
        0,
        ge=0,
        description="Memory limit of a training job in megabytes; 0 is the memory of the machine. "
        "A job that needs more is refused, or fails before it starts.",
    )
    checkpoint_seconds: float = Field(
        10.0,
        ge=0,
        description="Seconds between the checkpoints of a training job; 0 writes one after each "
        "epoch.",
    )
    lease_seconds: float = Field(
        15.0,
        gt=0,
        description="Seconds without a heartbeat after which another worker takes the job.",
    )
    max_attempts: int = Field(
        3, ge=1, description="Attempts of a job without a new checkpoint before it fails."
    )
    max_queued_jobs: int = Field(
        100,
        ge=1,
        description="Jobs that may wait in the queue; further ones get 429 `queue-full`. A sweep "
        "counts as one.",
    )
    max_jobs_per_key: int = Field(
        20,
        ge=0,
        description="Queued and running jobs that one API key may have at a time; further ones get "
        "429 `job-quota-reached`. A sweep counts as one. 0 is no limit; without a key there is "
        "none.",
    )
    max_job_hours: float = Field(
        24.0,
        gt=0,
        description="Hours after which a running job is stopped and fails, counted from its last "
        "start or resumption. A training that is estimated to take three times as long is refused.",
    )
    shelf_keep: int = Field(
        5,
        ge=1,
        description="Number of newest model versions whose weights are kept, besides the "
        "published one.",
    )
    keep_refusals_days: int = Field(
        90,
        ge=0,
        le=MAX_DAYS,
        description="Days for which the refused lines of an import are kept after its end; its "
        "counts are kept with the job. 0 is for ever.",
    )
    keep_events_days: int = Field(
        30,
        ge=0,
        le=MAX_DAYS,
        description="Days for which the server-sent events of a job are kept after its end, except "
        "`done`. 0 is for ever.",
    )
    keep_epochs_days: int = Field(
        365,
        ge=0,
        le=MAX_DAYS,
        description="Days for which the error curve and the inspections of a training job are kept "
        "after its end; those of a model version with weights are kept longer. 0 is for ever.",
    )
    keep_jobs_days: int = Field(
        365,
        ge=0,
        le=MAX_DAYS,
        description="Days for which a finished job is kept; the job of a model version is always "
        "kept. 0 is for ever.",
    )
    keep_audit_days: int = Field(
        730,
        ge=0,
        le=MAX_DAYS,
        description="Days for which the entries of the audit log are kept. 0 is for ever.",
    )
    log_level: str = Field(
        "info",
        description="`debug`, `info`, `warning` or `error`. Logs go to stderr: JSON lines, or "
        "colours on a terminal.",
    )

    hash_user_ids: bool = Field(
        False,
        description="Replace user ids in logs by a keyed hash, and leave out the messages of "
        "unexpected errors, which may have ids. The key is the file `HOME/log-secret`.",
    )

    @field_validator("database_url")
    @classmethod
    def _psycopg_is_the_driver(cls, url: str) -> str:
        return url.replace("postgres://", "postgresql://", 1) if url else url

    @field_validator("cors_origins")
    @classmethod
    def _origins_have_a_scheme(cls, text: str) -> str:
        for origin in split_list(text):
            if "://" not in origin or origin.count("/") != 2:
                raise ValueError(
                    f"{origin!r} is not an origin; write scheme and host, as https://shop.example.com"
                )
        return text

    def effective_database_url(self) -> str:
        """Return the URL of the database; the default is a SQLite file in HOME."""
        return self.database_url or f"sqlite:///{(self.home / 'recsvc.sqlite3').resolve()}"

    def effective_shelf_url(self) -> str:
        """Return the URL of the shelf; the default is a folder in HOME."""
        return self.shelf_url or f"file://{(self.home / 'shelf').resolve()}"

    def effective_training_threads(self) -> int:
        """Return the number of threads of a training job."""
        return self.training_threads or len(os.sched_getaffinity(0))


def split_list(text: str) -> list[str]:
    """Return the entries of a setting that is a list separated by commas."""
    return [entry.strip() for entry in text.split(",") if entry.strip()]
