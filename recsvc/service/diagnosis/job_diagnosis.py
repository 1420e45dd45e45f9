"""Why a training job's loss does not go down: its curve, hyperparameters and baselines, read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Literal

from recsvc.db.jobs.events import JobEvents
from recsvc.db.jobs.queue import JobQueue
from recsvc.db.session import Session
from recsvc.db.tables import Job, JobKind, JobState, TrainingEpoch
from recsvc.errors import Diverged
from recsvc.rbm import diagnosis
from recsvc.rbm.diagnosis import Finding, RunRecord
from recsvc.rbm.params import Hyperparameters
from recsvc.rbm.training.trainer import EpochReport
from recsvc.service.training_spec import TrainingSpec

EPOCHS_PHASE = "training"
Verdict = Literal["healthy", "findings", "too_early"]
COLUMNS = tuple(field.name for field in fields(EpochReport))
OVER = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True)
class Diagnosis:
    """The findings, in the order in which they are to be mended.

    n_epochs  that were looked at
    is_early  whether they are too few to call the run healthy
    """

    findings: Sequence[Finding]
    n_epochs: int
    is_early: bool

    @classmethod
    def of(cls, run: RunRecord) -> "Diagnosis":
        """Diagnose a run."""
        return cls(diagnosis.diagnose(run), run.n_epochs, run.tells_nothing_yet)

    @property
    def verdict(self) -> Verdict:
        """Say healthy only of a curve that is long enough to tell."""
        if self.findings:
            return "findings"
        return "too_early" if self.is_early else "healthy"


def diagnose_job(session: Session, job_id: int, *, now: datetime) -> tuple[Job, Diagnosis]:
    """Diagnose a training job, running or over. Raises JobNotFound."""
    job = JobQueue(session).get(job_id, JobKind.TRAINING)
    run = replace(run_of(session, job), idle_seconds=_idle_seconds(session, job, now))
    return job, Diagnosis.of(run)


def _idle_seconds(session: Session, job: Job, now: datetime) -> float:
    """Tell for how long a job that goes through epochs has told nothing."""
    if job.state != JobState.RUNNING or (job.progress_note or {}).get("phase") != EPOCHS_PHASE:
        return 0.0
    last = JobEvents(session).last_at(job.id)
    return (now - last).total_seconds() if last is not None else 0.0


def run_of(session: Session, job: Job) -> RunRecord:
    """Give what is known of a training job, running or over."""
    error, result, note = job.error or {}, job.result or {}, job.progress_note or {}
    run = RunRecord.of(
        rows_of(JobQueue(session).error_curve(job.id)),
        diverged_at=error.get("epoch") if error.get("code") == Diverged.code() else None,
        hyper=hyperparameters(job),
        model_kind=job.spec["model_kind"],
        baselines=result.get("baselines", note.get("baselines")),
        metrics=result.get("metrics"),
        remarks=note.get("remarks"),
        is_over=job.state in OVER,
        began_warm=bool(job.spec["warm_start"]),
    )
    return replace(
        run,
        ratings_per_parameter=note.get("ratings_per_parameter"),
        loss_without=note.get("loss_without"),
    )


def rows_of(epochs: Sequence[TrainingEpoch]) -> list[dict[str, Any]]:
    """Give an error curve as rows, without the times that it took."""
    return [{name: getattr(epoch, name) for name in COLUMNS} for epoch in epochs]


def diagnose_curve(
    rows: Sequence[Mapping[str, float | None]], hyperparameters: Mapping[str, Any] | None
) -> Diagnosis:
    """Diagnose a curve from elsewhere.

    hyperparameters  as far as they have counterparts here; without them no change is suggested
    Raises UnknownHyperparameter, InvalidHyperparameter.
    """
    if hyperparameters is None:
        return Diagnosis.of(RunRecord.of(rows))
    hyper = Hyperparameters.chosen("user_rbm", dict(hyperparameters))
    return Diagnosis.of(replace(RunRecord.of(rows, hyper=hyper), sent=frozenset(hyperparameters)))


def hyperparameters(job: Job) -> Hyperparameters:
    """Give what the job trains with: what was asked for, what its data's shape decided."""
    spec = TrainingSpec.from_dict(job.spec)
    choices = (job.progress_note or {}).get("choices") or {}
    decided = {name: choice["value"] for name, choice in choices.items()}
    return Hyperparameters.chosen(spec.model_kind, {**decided, **spec.hyperparameters})
