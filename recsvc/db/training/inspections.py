"""Looks inside machines, epoch by epoch."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import defer

from recsvc.db.session import Session
from recsvc.db.tables import TrainingMonitor


class Inspections:
    """The looks that training jobs took inside their machines, through one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, job_id: int, epoch: int, seen: Mapping[str, Any]) -> None:
        """Keep an epoch's look, or keep it again after a resume.

        seen  the other columns of TrainingMonitor
        """
        self._session.merge(TrainingMonitor(job_id=job_id, epoch=epoch, **seen))

    def for_job(self, job_id: int) -> Sequence[TrainingMonitor]:
        """Give a job's looks in order; what hidden units did is read only when it is asked for."""
        looks = select(TrainingMonitor).where(TrainingMonitor.job_id == job_id)
        in_order = looks.order_by(TrainingMonitor.epoch)
        return self._session.scalars(in_order.options(defer(TrainingMonitor.activity))).all()
