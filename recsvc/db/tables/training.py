"""Tables of training: error curves and inspections."""

from typing import Any

from sqlalchemy import CheckConstraint, Float, ForeignKey, Integer
from sqlalchemy.orm import Mapped, mapped_column

from recsvc.db.tables.base import Base, BigKey
from recsvc.epoch_metrics import METRICS


class TrainingEpoch(Base):
    """One point of a training job's error curve: the epoch and a column for each of its metrics."""

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
    validation_ndcg: Mapped[float | None] = mapped_column(Float(53))


# Queries read the two metrics above by name; the register lists all of them.
for _metric in METRICS:
    if _metric.name not in TrainingEpoch.__table__.columns:
        _type = Integer() if _metric.is_count else Float(53)
        _column = mapped_column(_type, nullable=not _metric.is_setting)
        setattr(TrainingEpoch, _metric.name, _column)


class TrainingMonitor(Base):
    """An inspection of a model after an epoch of a training job.

    `activity` is P(h = 1) in 255ths, one byte a unit, case by case. `weights` and `updates` have
    `zeros` and `counts` by order of magnitude.
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
