"""Tables of training: error curves and inspections."""

from typing import Any

from sqlalchemy import CheckConstraint, Float, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from recsvc.db.tables.base import Base, BigKey


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
