"""Inspections of models during training, by epoch."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import defer

from recsvc.db.session import Session
from recsvc.db.tables import TrainingMonitor


class Inspections:
    """Inspections of training jobs, through one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, job_id: int, epoch: int, columns: Mapping[str, Any]) -> None:
        """Store the inspection of an epoch, or replace it after a resume.

        columns  the other columns of TrainingMonitor
        """
        self._session.merge(TrainingMonitor(job_id=job_id, epoch=epoch, **columns))

    def for_job(self, job_id: int) -> Sequence[TrainingMonitor]:
        """Return a job's inspections by epoch; the hidden activity is loaded on access."""
        inspections = select(TrainingMonitor).where(TrainingMonitor.job_id == job_id)
        in_order = inspections.order_by(TrainingMonitor.epoch)
        return self._session.scalars(in_order.options(defer(TrainingMonitor.activity))).all()
