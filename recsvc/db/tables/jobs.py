"""Tables of the job queue, its events and sweeps."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Float, ForeignKey, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from recsvc.db.tables.base import Base, BigKey


class JobKind(StrEnum):
    """The kinds of jobs."""

    TRAINING = "training"
    IMPORT = "import"
    EVALUATION = "evaluation"


class JobState(StrEnum):
    """The states of a job; docs/explanation/jobs.md has a diagram."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Sweep(Base):
    """A sweep: its specification and the snapshot of ratings that all trials read."""

    __tablename__ = "sweep"
    __table_args__ = (
        CheckConstraint("kind IN ('grid', 'random', 'rate_range')", name="kind_known"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigKey, Identity(), primary_key=True)
    kind: Mapped[str]
    spec: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    cancelled_at: Mapped[datetime | None]
    snapshot_sha256: Mapped[str | None]


FINAL_STATES = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


class Job(Base):
    """A job in the queue.

    A running job has a lease: `claimed_by` is the worker, `lease_expires_at` its end by the clock
    of the database. `attempt` counts claims since the last checkpoint, except those that ended by a
    fault of the machine; `faults` counts those in a row. `fence` counts all claims;
    a write is rejected unless it has the current fence. `key_prefix` is that of the API key which
    requested the job.
    """

    __tablename__ = "job"
    __table_args__ = (
        CheckConstraint("kind IN ('training', 'import', 'evaluation')", name="kind_known"),
        CheckConstraint(
            "state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name="state_known"
        ),
        CheckConstraint(
            "(finished_at IS NOT NULL) = (state IN ('succeeded', 'failed', 'cancelled'))",
            name="finished_iff_final",
        ),
        CheckConstraint(
            "(claimed_by IS NOT NULL) = (state = 'running')", name="claimed_iff_running"
        ),
        CheckConstraint(
            "(lease_expires_at IS NOT NULL) = (state = 'running')", name="leased_iff_running"
        ),
        CheckConstraint("state <> 'failed' OR error IS NOT NULL", name="failed_says_why"),
        CheckConstraint("progress >= 0 AND progress <= 1", name="progress_is_a_share"),
        CheckConstraint("attempt >= 0 AND fence >= attempt", name="attempt_counts_claims"),
        Index("ix_job_due", "state", "priority", "scheduled_at", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigKey, Identity(), primary_key=True)
    kind: Mapped[str]
    state: Mapped[str]
    spec: Mapped[dict[str, Any]]
    result: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    progress: Mapped[float] = mapped_column(Float(53), server_default=text("0"))
    progress_note: Mapped[dict[str, Any] | None]
    priority: Mapped[int] = mapped_column(server_default=text("100"))
    attempt: Mapped[int] = mapped_column(server_default=text("0"))
    fence: Mapped[int] = mapped_column(server_default=text("0"))
    faults: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[datetime]
    scheduled_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    claimed_by: Mapped[str | None]
    lease_expires_at: Mapped[datetime | None]
    cancel_requested: Mapped[bool] = mapped_column(server_default=text("false"))
    snapshot_sha256: Mapped[str | None]
    checkpoint_sha256: Mapped[str | None]
    judged_sha256: Mapped[str | None]
    sweep_id: Mapped[int | None] = mapped_column(BigKey, ForeignKey("sweep.id"), index=True)
    key_prefix: Mapped[str | None]


class JobEvent(Base):
    """An event of a job, numbered so that a listener can resume."""

    __tablename__ = "job_event"
    __table_args__ = (
        CheckConstraint("name IN ('epoch', 'state', 'done', 'finding')", name="name_known"),
        CheckConstraint("(name = 'epoch') = (epoch IS NOT NULL)", name="epoch_iff_named"),
        CheckConstraint("(name = 'finding') = (finding IS NOT NULL)", name="finding_iff_named"),
        Index(
            "uq_job_event_epoch",
            "job_id",
            "epoch",
            unique=True,
            sqlite_where=text("epoch IS NOT NULL"),
            postgresql_where=text("epoch IS NOT NULL"),
        ),
        Index("ix_job_event_job_id_id", "job_id", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigKey, Identity(), primary_key=True)
    job_id: Mapped[int] = mapped_column(BigKey, ForeignKey("job.id", ondelete="CASCADE"))
    name: Mapped[str]
    epoch: Mapped[int | None]
    state: Mapped[str | None]
    created_at: Mapped[datetime]
    finding: Mapped[dict[str, Any] | None]
