"""Diagnosis of training jobs and of error curves from any source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from recsvc.db.jobs.events import JobEvents
from recsvc.db.jobs.queue import JobQueue
from recsvc.db.session import Session
from recsvc.db.tables import Job, JobKind, JobState
from recsvc.rbm import diagnosis
from recsvc.rbm.diagnosis import Finding, RunRecord
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.service.diagnosis.run_records import job_run_record
from recsvc.service.training_progress import EPOCHS_PHASE, TrainingProgress

Verdict = Literal["healthy", "findings", "too_early"]


@dataclass(frozen=True)
class Diagnosis:
    """The findings of a run, in the order in which to fix them.

    n_epochs  number of epochs that were diagnosed
    is_early  whether they are too few to call the run healthy
    """

    findings: Sequence[Finding]
    n_epochs: int
    is_early: bool

    @classmethod
    def from_record(cls, record: RunRecord) -> "Diagnosis":
        """Diagnose a run."""
        return cls(diagnosis.diagnose(record), record.n_epochs, record.is_too_early)

    @property
    def verdict(self) -> Verdict:
        """Return "healthy" only for a run without findings that is long enough."""
        if self.findings:
            return "findings"
        return "too_early" if self.is_early else "healthy"


def diagnose_job(session: Session, job_id: int, *, now: datetime) -> tuple[Job, Diagnosis]:
    """Diagnose a training job, running or finished. Raises JobNotFound."""
    job = JobQueue(session).get(job_id, JobKind.TRAINING)
    record = job_run_record(session, job)
    return job, Diagnosis.from_record(
        replace(record, idle_seconds=_idle_seconds(session, job, now))
    )


def _idle_seconds(session: Session, job: Job, now: datetime) -> float:
    """Return the seconds since the last event of a job that runs epochs, else 0."""
    phase = TrainingProgress.from_note(job.progress_note).phase
    if job.state != JobState.RUNNING or phase != EPOCHS_PHASE:
        return 0.0
    last = JobEvents(session).last_at(job.id)
    return (now - last).total_seconds() if last is not None else 0.0


def diagnose_curve(
    rows: Sequence[Mapping[str, float | None]], hyperparameters: Mapping[str, Any] | None
) -> Diagnosis:
    """Diagnose an error curve from any source.

    hyperparameters  those that have counterparts here; None: no change is suggested
    Raises UnknownHyperparameter, InvalidHyperparameter.
    """
    if hyperparameters is None:
        return Diagnosis.from_record(RunRecord.from_rows(rows))
    hyper = Hyperparameters.from_changes("user_rbm", dict(hyperparameters))
    record = RunRecord.from_rows(rows, hyper=hyper)
    return Diagnosis.from_record(replace(record, sent=frozenset(hyperparameters)))
