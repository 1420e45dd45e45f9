"""Sweeps and their trials. A trial is a training job that refers to its sweep."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, func, select, update

from recsvc.db.session import Session
from recsvc.db.tables import FINAL_STATES, Job, ModelVersion, Sweep, TrainingEpoch
from recsvc.errors import SweepNotFound


class BestMetrics(NamedTuple):
    """The best metrics of a trial's error curve, None if not measured.

    epochs  the last stored epoch
    """

    epochs: int
    validation_ndcg: float | None
    validation_nll: float | None


class Sweeps:
    """Sweeps, their trials and the metrics of the trials, through one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, sweep: Sweep) -> Sweep:
        """Store a sweep and return it with its number."""
        self._session.add(sweep)
        self._session.flush()
        return sweep

    def get(self, sweep_id: int, *, locked: bool = False) -> Sweep:
        """Return a sweep, with a row lock if `locked`. Raises SweepNotFound."""
        found = self._session.get(
            Sweep, sweep_id, populate_existing=True, with_for_update=locked or None
        )
        if found is None:
            raise SweepNotFound(sweep_id)
        return found

    def page(self, *, before: int | None, limit: int) -> Sequence[Sweep]:
        """Return up to `limit` sweeps, newest first, with ids below `before`."""
        sweeps = select(Sweep).order_by(Sweep.id.desc()).limit(limit)
        if before is not None:
            sweeps = sweeps.where(Sweep.id < before)
        return self._session.scalars(sweeps).all()

    def clear_snapshots(self) -> None:
        """Remove the snapshots of all sweeps; the next trial of each sweep takes a new one."""
        self._session.execute(update(Sweep).values(snapshot_sha256=None))

    def trials(self, sweep_id: int) -> Sequence[Job]:
        """Return the trials of a sweep in the order of queuing."""
        jobs = select(Job).where(Job.sweep_id == sweep_id).order_by(Job.id)
        return self._session.scalars(jobs).all()

    def best_metrics(self, sweep_id: int) -> dict[int, BestMetrics]:
        """Return the best metrics of each trial with an error curve, by job."""
        return self._read_best_metrics(_select_best_metrics(sweep_id))

    def peers(self, sweep_id: int, *, but: int, epoch: int) -> Sequence[BestMetrics]:
        """Return the best metrics up to an epoch of the other trials that reached it."""
        query = _select_best_metrics(sweep_id).where(Job.id != but, TrainingEpoch.epoch <= epoch)
        return list(
            self._read_best_metrics(query.having(func.max(TrainingEpoch.epoch) == epoch)).values()
        )

    def best_epochs(self, sweep_id: int, metric: str) -> dict[int, int]:
        """Return the first epoch with the best value of a metric, by job."""
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
        """Return the values of one metric by epoch, by job."""
        column: ColumnElement[float | None] = getattr(TrainingEpoch, metric)
        found = (
            select(TrainingEpoch.job_id, column)
            .join(Job, Job.id == TrainingEpoch.job_id)
            .where(Job.sweep_id == sweep_id, column.is_not(None))
            .order_by(TrainingEpoch.job_id, TrainingEpoch.epoch)
        )
        curves: dict[int, list[float]] = {}
        for job_id, value in self._session.execute(found):
            curves.setdefault(job_id, []).append(float(value or 0.0))
        return curves

    def versions(self, sweep_id: int) -> dict[int, int]:
        """Return the model versions of a sweep, by job."""
        versions = select(ModelVersion.job_id, ModelVersion.version).join(
            Job, Job.id == ModelVersion.job_id
        )
        rows = self._session.execute(versions.where(Job.sweep_id == sweep_id))
        return dict(rows.all())

    def latest_or_unfinished(self, n: int) -> Sequence[Sweep]:
        """Return the latest n sweeps and all sweeps with unfinished jobs."""
        latest = select(Sweep.id).order_by(Sweep.id.desc()).limit(n).subquery()
        unfinished = select(Job.sweep_id).where(Job.state.not_in(FINAL_STATES))
        wanted = Sweep.id.in_(select(latest.c.id)) | Sweep.id.in_(
            unfinished.where(Job.sweep_id.is_not(None))
        )
        return self._session.scalars(select(Sweep).where(wanted)).all()

    def _read_best_metrics(
        self, query: Select[int, int, float | None, float | None]
    ) -> dict[int, BestMetrics]:
        return {row[0]: BestMetrics(row[1], row[2], row[3]) for row in self._session.execute(query)}


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
