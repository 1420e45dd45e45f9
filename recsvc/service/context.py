"""The context of use cases: database, shelf and limits, opened once for each process."""

from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from recsvc.db.expired_rows import RetentionDays
from recsvc.db.session import CONNECTIONS, WAIT_SECONDS, Database
from recsvc.errors import ConfigurationError, InvalidScale
from recsvc.rbm.rating_scale import RatingScale
from recsvc.runtime import private_files
from recsvc.runtime.sizes import MEGABYTE
from recsvc.shelf import Shelf


class ContextSettings(Protocol):
    """The settings that open a context; `recsvc.config.Settings` implements them."""

    home: Path
    rating_scale: str
    memory_limit_mb: int
    checkpoint_seconds: float
    shelf_keep: int
    max_queued_jobs: int
    max_jobs_per_key: int
    max_job_hours: float
    max_inflated_mb: float
    keep_refusals_days: int
    keep_events_days: int
    keep_epochs_days: int
    keep_jobs_days: int
    keep_audit_days: int

    def effective_database_url(self) -> str:
        """Return the URL of the database."""

    def effective_shelf_url(self) -> str:
        """Return the URL of the shelf."""

    def effective_training_threads(self) -> int:
        """Return the number of threads of a training job."""


@dataclass(frozen=True)
class Context:
    """Database, shelf and the configured limits.

    rating_scale        None: inferred from the ratings at training
    memory_limit_bytes  None: the memory that the machine has left
    """

    database: Database
    shelf: Shelf
    rating_scale: RatingScale | None
    training_threads: int
    memory_limit_bytes: int | None
    checkpoint_seconds: float
    shelf_keep: int
    max_queued_jobs: int = 100
    max_jobs_per_key: int | None = None
    max_job_hours: float = 24.0
    max_inflated_bytes: int = 8192 * MEGABYTE
    retention: RetentionDays = field(default_factory=RetentionDays)


def open_context(
    settings: ContextSettings,
    *,
    migrate: bool = True,
    connections: int = CONNECTIONS,
    wait_seconds: float = WAIT_SECONDS,
) -> Context:
    """Create the home folder, migrate the database, and open database and shelf.

    migrate                    False in a process whose parent has migrated the database
    connections, wait_seconds  of the database: see `Database`
    Raises ConfigurationError, InvalidScale, DatabaseUnavailable, each with a remedy.
    """
    rating_scale = parse_scale(settings.rating_scale)
    create_home(settings.home)
    database = Database(
        settings.effective_database_url(), connections=connections, wait_seconds=wait_seconds
    )
    if migrate:
        from recsvc.db.migrate import upgrade  # takes as long to import as all the rest

        with closing(Database(settings.effective_database_url())) as migrated:
            upgrade(migrated)
    return Context(
        database=database,
        shelf=Shelf(settings.effective_shelf_url(), settings.home / "cache"),
        rating_scale=rating_scale,
        training_threads=settings.effective_training_threads(),
        memory_limit_bytes=settings.memory_limit_mb * MEGABYTE or None,
        checkpoint_seconds=settings.checkpoint_seconds,
        shelf_keep=settings.shelf_keep,
        max_queued_jobs=settings.max_queued_jobs,
        max_jobs_per_key=settings.max_jobs_per_key or None,
        max_job_hours=settings.max_job_hours,
        max_inflated_bytes=int(settings.max_inflated_mb * MEGABYTE),
        retention=RetentionDays(
            refusals=settings.keep_refusals_days,
            events=settings.keep_events_days,
            epochs=settings.keep_epochs_days,
            jobs=settings.keep_jobs_days,
            audit=settings.keep_audit_days,
        ),
    )


def parse_scale(text: str) -> RatingScale | None:
    """Return the rating scale of a setting. Raises InvalidScale."""
    try:
        return RatingScale.parse(text)
    except ValueError as error:
        raise InvalidScale(text, str(error)) from error


def create_home(home: Path) -> None:
    """Create the home folder. Raises ConfigurationError."""
    try:
        private_files.create_folder(home)
    except OSError as error:
        raise ConfigurationError(
            f"RECSVC_HOME is {str(home)!r}, which cannot be created: {error.strerror}. "
            "Set it to a folder that this user may write to."
        ) from error
