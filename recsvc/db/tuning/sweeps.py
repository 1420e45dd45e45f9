"""Sweeps and their trials, through one session. A trial is a training job that names its sweep."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, func, select, update

from recsvc.db.session import Session
from recsvc.db.tables import FINAL_STATES, Job, ModelVersion, Sweep, TrainingEpoch
from recsvc.errors import SweepNotFound


class BestMetrics(NamedTuple):
    """The best figures of a trial's error curve, None where they were not measured.

    epochs  the last that is written
    """

    epochs: int
    validation_ndcg: float | None
    validation_nll: float | None


class Sweeps:
    """Sweeps, their jobs, and the best figures of these."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, sweep: Sweep) -> Sweep:
        """Store a sweep and give it back with its number."""
        self._session.add(sweep)
        self._session.flush()
        return sweep

    def get(self, sweep_id: int, *, locked: bool = False) -> Sweep:
        """Give a sweep as it stands now. Raises SweepNotFound."""
        found = self._session.get(
            Sweep, sweep_id, populate_existing=True, with_for_update=locked or None
        )
        if found is None:
            raise SweepNotFound(sweep_id)
        return found

    def page(self, *, before: int | None, limit: int) -> Sequence[Sweep]:
        """Give up to `limit` sweeps, newest first, with ids below `before`."""
        sweeps = select(Sweep).order_by(Sweep.id.desc()).limit(limit)
        if before is not None:
            sweeps = sweeps.where(Sweep.id < before)
        return self._session.scalars(sweeps).all()

    def clear_snapshots(self) -> None:
        """Let trials that have not begun take one of their own, which the others then read."""
        self._session.execute(update(Sweep).values(snapshot_sha256=None))

    def trials(self, sweep_id: int) -> Sequence[Job]:
        """Give a sweep's jobs in the order in which they were queued."""
        jobs = select(Job).where(Job.sweep_id == sweep_id).order_by(Job.id)
        return self._session.scalars(jobs).all()

    def best_metrics(self, sweep_id: int) -> dict[int, BestMetrics]:
        """Give the best figures of each trial that has a curve, by job."""
        return self._read_best_metrics(_select_best_metrics(sweep_id))

    def peers(self, sweep_id: int, *, but: int, epoch: int) -> Sequence[BestMetrics]:
        """Give the best figures up to an epoch of the other trials that got as far."""
        bests = _select_best_metrics(sweep_id).where(Job.id != but, TrainingEpoch.epoch <= epoch)
        return list(
            self._read_best_metrics(bests.having(func.max(TrainingEpoch.epoch) == epoch)).values()
        )

    def best_epochs(self, sweep_id: int, metric: str) -> dict[int, int]:
        """Give the first epoch at which each trial's metric was as good as it ever was, by job."""
        column: ColumnElement[float | None] = getattr(TrainingEpoch, metric)
        order = column.desc() if metric == "validation_ndcg" else column.asc()
        ranked = (
            select(
                TrainingEpoch.job_id,
                TrainingEpoch.epoch,
                func.row_number()
                .over(partition_by=TrainingEpoch.job_id, order_by=(order, TrainingEpoch.epoch))
                .label("place"),
            )
            .join(Job, Job.id == TrainingEpoch.job_id)
            .where(Job.sweep_id == sweep_id, column.is_not(None))
            .subquery()
        )
        first = select(ranked.c.job_id, ranked.c.epoch).where(ranked.c.place == 1)
        return dict(self._session.execute(first).all())

    def curves(self, sweep_id: int, metric: str) -> dict[int, list[float]]:
        """Give each trial's figures of one metric, epoch by epoch, by job."""
        column: ColumnElement[float | None] = getattr(TrainingEpoch, metric)
        found = (
            select(TrainingEpoch.job_id, column)
            .join(Job, Job.id == TrainingEpoch.job_id)
            .where(Job.sweep_id == sweep_id, column.is_not(None))
            .order_by(TrainingEpoch.job_id, TrainingEpoch.epoch)
        )
        curves: dict[int, list[float]] = {}
        for job_id, figure in self._session.execute(found):
            curves.setdefault(job_id, []).append(float(figure or 0.0))
        return curves

    def versions(self, sweep_id: int) -> dict[int, int]:
        """Give the model versions that a sweep's jobs have made, by job."""
        made = select(ModelVersion.job_id, ModelVersion.version).join(
            Job, Job.id == ModelVersion.job_id
        )
        rows = self._session.execute(made.where(Job.sweep_id == sweep_id))
        return dict(rows.all())

    def latest_or_unfinished(self, n: int) -> Sequence[Sweep]:
        """Give the latest n sweeps, and those that have a job which is not over."""
        latest = select(Sweep.id).order_by(Sweep.id.desc()).limit(n).subquery()
        going_on = select(Job.sweep_id).where(Job.state.not_in(FINAL_STATES))
        wanted = Sweep.id.in_(select(latest.c.id)) | Sweep.id.in_(
            going_on.where(Job.sweep_id.is_not(None))
        )
        return self._session.scalars(select(Sweep).where(wanted)).all()

    def _read_best_metrics(
        self, bests: Select[int, int, float | None, float | None]
    ) -> dict[int, BestMetrics]:
        return {row[0]: BestMetrics(row[1], row[2], row[3]) for row in self._session.execute(bests)}


def _select_best_metrics(sweep_id: int) -> Select[int, int, float | None, float | None]:
    return (
        select(
            TrainingEpoch.job_id,
            func.max(TrainingEpoch.epoch),
            func.max(TrainingEpoch.validation_ndcg),
            func.min(TrainingEpoch.validation_nll),
        )
        .join(Job, Job.id == TrainingEpoch.job_id)
        .where(Job.sweep_id == sweep_id)
        .group_by(TrainingEpoch.job_id)
    )
