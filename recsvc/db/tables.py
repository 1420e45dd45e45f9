"""The tables. Each refuses impossible rows by itself.

Outside ids are text (`user_id`, `item_id`); inside, rows point at each other by a small integer
`key` that is never used twice. Times are whole microseconds since 1970 in UTC (`UtcTime`), so
that both databases compare and order them alike.
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Dialect,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Return an aware time as microseconds since 1970."""
    return (moment - EPOCH) // MICROSECOND


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time, stored as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Refuse a naive time: it has no place on the line."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Give the time back, aware and in UTC."""
        return None if value is None else EPOCH + value * MICROSECOND


# SQLite counts up only an INTEGER key; PostgreSQL gets 64 bits.
BigKey = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """All tables, with constraint names that later migrations can rely on."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it as a class attribute
        datetime: UtcTime,
        str: Text,
        dict[str, Any]: JSON(none_as_null=True),
        list[str]: JSON(none_as_null=True),
    }


class User(Base):
    """Somebody who rates and chooses. Made by their first rating or interaction."""

    __tablename__ = "user_account"
    __table_args__ = (
        CheckConstraint("length(user_id) BETWEEN 1 AND 256", name="user_id_length"),
        {"sqlite_autoincrement": True},
    )

    key: Mapped[int] = mapped_column(BigKey, Identity(), primary_key=True)
    user_id: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]


class Item(Base):
    """Something that is rated or chosen. Made by its first rating or interaction, or by a PUT."""

    __tablename__ = "item"
    __table_args__ = (
        CheckConstraint("length(item_id) BETWEEN 1 AND 256", name="item_id_length"),
        CheckConstraint("price IS NULL OR price >= 0", name="price_not_negative"),
        {"sqlite_autoincrement": True},
    )

    key: Mapped[int] = mapped_column(BigKey, Identity(), primary_key=True)
    item_id: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str | None]
    categories: Mapped[list[str]] = mapped_column(server_default=text("'[]'"))
    price: Mapped[float | None] = mapped_column(Float(53))
    available: Mapped[bool] = mapped_column(server_default=text("true"))
    hidden: Mapped[bool] = mapped_column(server_default=text("false"))
    attributes: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime] = mapped_column(index=True)


class Rating(Base):
    """The value that one user gave one item; the newest `rated_at` wins.

    SQLite checks the keys row by row. PostgreSQL would take four times as long over that as over
    everything else, so there triggers check them once a statement: see migration 0002.
    """

    __tablename__ = "rating"
    __table_args__ = (
        CheckConstraint("value > -1e308 AND value < 1e308", name="value_finite"),
        ForeignKeyConstraint(["user_key"], ["user_account.key"], ondelete="CASCADE").ddl_if(
            dialect="sqlite"
        ),
        ForeignKeyConstraint(["item_key"], ["item.key"]).ddl_if(dialect="sqlite"),
        {"sqlite_with_rowid": False},
    )

    user_key: Mapped[int] = mapped_column(BigKey, primary_key=True)
    item_key: Mapped[int] = mapped_column(BigKey, primary_key=True)
    value: Mapped[float] = mapped_column(Float(53))
    rated_at: Mapped[datetime]


class InteractionType(StrEnum):
    """What a user did with an item, without rating it; in arrays, its place in this order."""

    VIEW = "view"
    CART = "cart"
    PURCHASE = "purchase"


class Interaction(Base):
    """A view, a cart or a purchase: one event, which the same user, item, type and time is again.

    Its keys are checked as a rating's are, on PostgreSQL by triggers: see migration 0003.
    """

    __tablename__ = "interaction"
    __table_args__ = (
        CheckConstraint("type IN ('view', 'cart', 'purchase')", name="type_known"),
        CheckConstraint("quantity > 0 AND quantity < 1e308", name="quantity_positive"),
        ForeignKeyConstraint(["user_key"], ["user_account.key"], ondelete="CASCADE").ddl_if(
            dialect="sqlite"
        ),
        ForeignKeyConstraint(["item_key"], ["item.key"]).ddl_if(dialect="sqlite"),
        {"sqlite_with_rowid": False},
    )

    user_key: Mapped[int] = mapped_column(BigKey, primary_key=True)
    item_key: Mapped[int] = mapped_column(BigKey, primary_key=True)
    type: Mapped[str] = mapped_column(primary_key=True)
    occurred_at: Mapped[datetime] = mapped_column(primary_key=True)
    quantity: Mapped[float] = mapped_column(Float(53), server_default=text("1"))
    updated_at: Mapped[datetime]


class JobKind(StrEnum):
    """What a job does."""

    TRAINING = "training"
    IMPORT = "import"
    EVALUATION = "evaluation"


class JobState(StrEnum):
    """Where a job stands; drawn in docs/jobs.md."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Sweep(Base):
    """Training jobs that belong together: what was asked, and the ratings that all of them read."""

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
    """A piece of work in the queue.

    While it runs it is leased: `claimed_by` names the worker and `lease_expires_at` (database's
    clock) says until when. `attempt` counts claims since the last checkpoint; `fence` counts all
    claims, and every write of a worker names the fence it was given.
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


class JobEvent(Base):
    """Something that happened to a job, numbered so that a listener can resume."""

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


class TrainingEpoch(Base):
    """One point of a training job's error curve."""

    __tablename__ = "training_epoch"
    __table_args__ = (
        CheckConstraint("epoch >= 0", name="epoch_not_negative"),
        CheckConstraint("seconds >= 0", name="seconds_not_negative"),
    )

    job_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True
    )
    epoch: Mapped[int] = mapped_column(primary_key=True)
    validation_nll: Mapped[float | None] = mapped_column(Float(53))
    validation_rmse: Mapped[float | None] = mapped_column(Float(53))
    train_nll: Mapped[float | None] = mapped_column(Float(53))
    reconstruction_error: Mapped[float | None] = mapped_column(Float(53))
    train_free_energy: Mapped[float | None] = mapped_column(Float(53))
    validation_free_energy: Mapped[float | None] = mapped_column(Float(53))
    update_to_weight_ratio: Mapped[float | None] = mapped_column(Float(53))
    hidden_activity: Mapped[float | None] = mapped_column(Float(53))
    learning_rate: Mapped[float] = mapped_column(Float(53))
    momentum: Mapped[float] = mapped_column(Float(53))
    cd_steps: Mapped[int]
    seconds: Mapped[float] = mapped_column(Float(53))
    validation_ndcg: Mapped[float | None] = mapped_column(Float(53))
    prediction_spread: Mapped[float | None] = mapped_column(Float(53))
    kept_levels: Mapped[float | None] = mapped_column(Float(53))
    hidden_certainty: Mapped[float | None] = mapped_column(Float(53))
    saturated_units: Mapped[float | None] = mapped_column(Float(53))
    dead_units: Mapped[float | None] = mapped_column(Float(53))
    unit_similarity: Mapped[float | None] = mapped_column(Float(53))
    largest_weight: Mapped[float | None] = mapped_column(Float(53))
    rollbacks: Mapped[int | None]


class TrainingMonitor(Base):
    """A look inside a machine after an epoch of a training job.

    `activity` is P(h = 1) in 255ths, a byte a unit, the units of one case after those of another;
    `weights` and `updates` have `zeros` and `counts` by order of magnitude.
    """

    __tablename__ = "training_monitor"
    __table_args__ = (CheckConstraint("n_cases > 0 AND n_units > 0", name="something_is_shown"),)

    job_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True
    )
    epoch: Mapped[int] = mapped_column(primary_key=True)
    n_cases: Mapped[int]
    n_units: Mapped[int]
    activity: Mapped[bytes]
    weights: Mapped[dict[str, Any]]
    updates: Mapped[dict[str, Any]]


class ModelVersion(Base):
    """A numbered, immutable, evaluated checkpoint; its card outlives its weights."""

    __tablename__ = "model_version"
    __table_args__ = (
        CheckConstraint(
            "model_kind IN ('user_rbm', 'item_rbm', 'joint_rbm')", name="model_kind_known"
        ),
        CheckConstraint(
            "n_ratings > 0 AND n_users > 0 AND n_items > 0", name="trained_on_something"
        ),
        {"sqlite_autoincrement": True},
    )

    version: Mapped[int] = mapped_column(BigKey, Identity(), primary_key=True)
    job_id: Mapped[int] = mapped_column(BigKey, ForeignKey("job.id"), unique=True)
    model_kind: Mapped[str]
    seed: Mapped[int] = mapped_column(BigInteger)
    hyperparameters: Mapped[dict[str, Any]]
    rating_scale: Mapped[dict[str, Any]]
    metrics: Mapped[dict[str, Any]]
    baselines: Mapped[dict[str, Any]]
    packages: Mapped[dict[str, Any]]
    n_users: Mapped[int]
    n_items: Mapped[int]
    n_ratings: Mapped[int] = mapped_column(BigInteger)
    best_epoch: Mapped[int]
    checkpoint_sha256: Mapped[str]
    checkpoint_bytes: Mapped[int] = mapped_column(BigInteger)
    weights_sha256: Mapped[str]
    snapshot_sha256: Mapped[str]
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]
    calibration: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    protocol: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    judged_sha256: Mapped[str | None]

    @property
    def model_as_judged_sha256(self) -> str:
        """The model that has seen no validation rating: what is compared and measured again."""
        return self.judged_sha256 or self.checkpoint_sha256


class Publication(Base):
    """A version became the one that answers. The newest row is the present; rows are never changed.

    `previous_id` is the publication that a rollback would return to.
    """

    __tablename__ = "publication"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(BigKey, Identity(), primary_key=True)
    version: Mapped[int] = mapped_column(BigKey, ForeignKey("model_version.version"))
    previous_id: Mapped[int | None] = mapped_column(BigKey, ForeignKey("publication.id"))
    published_at: Mapped[datetime]


class ImportRefusal(Base):
    """A line of an imported file that was refused, and why."""

    __tablename__ = "import_refusal"
    __table_args__ = (
        CheckConstraint("line >= 1", name="line_counts_from_one"),
        {"sqlite_with_rowid": False},
    )

    job_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True
    )
    line: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    code: Mapped[str]
    detail: Mapped[str]
