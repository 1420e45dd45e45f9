"""The records of training jobs that a diagnosis reads."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from recsvc.db.jobs.queue import JobQueue
from recsvc.db.session import Session
from recsvc.db.tables import FINAL_STATES, Job, TrainingEpoch
from recsvc.errors import Diverged
from recsvc.rbm.diagnosis import RunRecord
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.training.trainer import EpochReport
from recsvc.service.training_progress import TrainingProgress
from recsvc.service.training_spec import TrainingSpec

CURVE_COLUMNS = tuple(field.name for field in fields(EpochReport))


def build_run_record(
    spec: TrainingSpec,
    progress: TrainingProgress,
    rows: Sequence[Mapping[str, Any]],
    *,
    is_over: bool = False,
    diverged_at: int | None = None,
    metrics: Mapping[str, float | None] | None = None,
) -> RunRecord:
    """Build the record of a run from everything that is known of it.

    rows         of the error curve, one for each epoch
    is_over      whether no epoch will follow
    diverged_at  the epoch in which training diverged for good
    metrics      of the finished model
    """
    record = RunRecord.from_rows(
        rows,
        diverged_at=diverged_at,
        hyper=run_hyperparameters(spec, progress),
        model_kind=spec.model_kind,
        baselines=progress.baselines,
        metrics=metrics,
        remarks=progress.issues,
        is_over=is_over,
        began_warm=spec.warm_start,
    )
    return replace(
        record,
        ratings_per_parameter=progress.ratings_per_parameter,
        loss_without=progress.loss_without,
    )


def job_run_record(session: Session, job: Job) -> RunRecord:
    """Build the record of a training job, running or finished."""
    error, result = job.error or {}, job.result or {}
    return build_run_record(
        TrainingSpec.from_dict(job.spec),
        TrainingProgress.from_job(job),
        curve_rows(JobQueue(session).error_curve(job.id)),
        is_over=job.state in FINAL_STATES,
        diverged_at=error.get("epoch") if error.get("code") == Diverged.code() else None,
        metrics=result.get("metrics"),
    )


def curve_rows(epochs: Sequence[TrainingEpoch]) -> list[dict[str, Any]]:
    """Return an error curve as rows, without the seconds that each epoch took."""
    return [{name: getattr(epoch, name) for name in CURVE_COLUMNS} for epoch in epochs]


def run_hyperparameters(spec: TrainingSpec, progress: TrainingProgress) -> Hyperparameters:
    """Return the hyperparameters of a run: requested ones, else those chosen from its data."""
    from_data = {name: choice.value for name, choice in (progress.choices or {}).items()}
    return Hyperparameters.from_changes(spec.model_kind, {**from_data, **spec.hyperparameters})
