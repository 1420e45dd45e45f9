"""Training jobs as this process reports them.

A job that has published a version is reported as running until this process serves that version.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from typing import Any, NamedTuple

from recsvc.db.jobs.events import JobEvents
from recsvc.db.session import Session
from recsvc.db.tables import FINAL_STATES, Job, JobEvent, JobKind, JobState, TrainingEpoch
from recsvc.plots.curve_plot import Curve
from recsvc.plots.panels import Span
from recsvc.rbm.diagnosis import Finding
from recsvc.service.diagnosis import inspections, job_diagnosis
from recsvc.service.diagnosis.inspections import JobInspections
from recsvc.service.diagnosis.job_diagnosis import Diagnosis
from recsvc.service.diagnosis.run_records import CURVE_COLUMNS
from recsvc.service.jobs import queries
from recsvc.service.recommendations.model_server import ModelServer
from recsvc.service.training_progress import TrainingProgress

PLOT_COLUMNS = (*CURVE_COLUMNS, "seconds")


class ErrorCurve(NamedTuple):
    """The error curve of a training job, with the job's state.

    best_epoch  as training selects it, None before the first epoch
    baselines   name → metrics, None before they are measured
    """

    job_id: int
    state: JobState
    best_epoch: int | None
    baselines: Mapping[str, Any] | None
    epochs: Sequence[TrainingEpoch]


class TrainingEvent(NamedTuple):
    """One event of a training job; exactly one of the last four fields is set.

    state    the job's new state
    epoch    the metrics of an epoch
    finding  a finding that no earlier diagnosis had
    job      the finished job
    """

    id: int
    name: str
    state: str | None = None
    epoch: TrainingEpoch | None = None
    finding: Finding | None = None
    job: Job | None = None


def get_job(session: Session, server: ModelServer, job_id: int, kind: str) -> Job:
    """Return a job. Raises JobNotFound."""
    job = queries.get_job(session, job_id, kind)
    queries.defer_success(session, job, server.publication_behind(session))
    return job


def get_job_and_event(
    session: Session, server: ModelServer, job_id: int, kind: str
) -> tuple[Job, int]:
    """Return a job and the id of its newest event. Raises JobNotFound."""
    last = JobEvents(session).last_id(job_id)
    return get_job(session, server, job_id, kind), last


def list_training_jobs(
    session: Session, server: ModelServer, *, before: int | None, limit: int
) -> Sequence[Job]:
    """Return up to `limit` training jobs, newest first, with ids below `before`."""
    jobs = queries.list_jobs(session, JobKind.TRAINING, before=before, limit=limit)
    behind = server.publication_behind(session)
    for job in jobs:
        queries.defer_success(session, job, behind)
    return jobs


def get_error_curve(session: Session, server: ModelServer, job_id: int) -> ErrorCurve:
    """Return the error curve of a training job so far. Raises JobNotFound."""
    job = queries.get_job(session, job_id, JobKind.TRAINING)
    curve = _error_curve(session, job)
    queries.defer_success(session, job, server.publication_behind(session))
    return curve._replace(state=JobState(job.state))


def get_plot_curves(session: Session, job_ids: Sequence[int], *, now: datetime) -> list[Curve]:
    """Return the error curves of jobs, with their findings, for a plot. Raises JobNotFound."""
    return [_plot_curve(session, job_id, now) for job_id in dict.fromkeys(job_ids)]


def diagnose_job(
    session: Session, server: ModelServer, job_id: int, *, now: datetime
) -> tuple[Job, Diagnosis]:
    """Return a training job and its diagnosis. Raises JobNotFound."""
    job, diagnosis = job_diagnosis.diagnose_job(session, job_id, now=now)
    queries.defer_success(session, job, server.publication_behind(session))
    return job, diagnosis


def get_inspections(
    session: Session, server: ModelServer, job_id: int, epoch: int | None
) -> JobInspections:
    """Return the inspections of a training job. Raises JobNotFound, EpochNotWatched.

    epoch  of the hidden activity; None for the last inspected one
    """
    found = inspections.read_inspections(session, job_id, epoch)
    queries.defer_success(session, found.job, server.publication_behind(session))
    return found


def read_events(
    session: Session, server: ModelServer, job_id: int, after: int
) -> list[TrainingEvent]:
    """Return the events of a training job after the one with the id `after`, oldest first.

    The end of a job is withheld until this process serves the version that it has published.
    Epochs that have been pruned are omitted.
    """
    events = list(queries.events_after(session, job_id, after))
    if not all(map(_is_before_the_end, events)):
        job = queries.get_job(session, job_id, JobKind.TRAINING)
        if queries.defer_success(session, job, server.publication_behind(session)):
            events = list(takewhile(_is_before_the_end, events))
    epochs = _epochs(session, job_id, events)
    stored = [event for event in events if event.epoch is None or event.epoch in epochs]
    return [_training_event(session, event, epochs) for event in stored]


def _error_curve(session: Session, job: Job) -> ErrorCurve:
    progress, epochs = TrainingProgress.from_job(job), queries.error_curve(session, job.id)
    best = _best_epoch(epochs) if progress.best_epoch is None else progress.best_epoch
    return ErrorCurve(job.id, JobState(job.state), best, progress.baselines, epochs)


def _best_epoch(epochs: Sequence[TrainingEpoch]) -> int | None:
    """Return the best epoch as training selects it, for a job that has not reported one."""
    measured = [
        epoch
        for epoch in epochs
        if epoch.validation_ndcg is not None or epoch.validation_nll is not None
    ]
    return min(measured, key=_loss).epoch if measured else None


def _loss(epoch: TrainingEpoch) -> tuple[float, float, int]:
    ndcg, nll = epoch.validation_ndcg, epoch.validation_nll
    return (
        math.inf if ndcg is None else -ndcg,
        math.inf if nll is None else nll,
        epoch.epoch,
    )


def _plot_curve(session: Session, job_id: int, now: datetime) -> Curve:
    job, diagnosis = job_diagnosis.diagnose_job(session, job_id, now=now)
    curve = _error_curve(session, job)
    chosen = {name: job.spec.get(name) for name in ("model_kind", "seed")}
    return Curve(
        job_id,
        curve.state,
        [{name: getattr(epoch, name) for name in PLOT_COLUMNS} for epoch in curve.epochs],
        curve.best_epoch,
        curve.baselines or {},
        [Span(found.code, found.severity, found.epochs) for found in diagnosis.findings],
        chosen | job.spec["hyperparameters"],
    )


def _is_before_the_end(event: JobEvent) -> bool:
    return event.name != "done" and event.state not in FINAL_STATES


def _epochs(session: Session, job_id: int, events: Sequence[JobEvent]) -> dict[int, TrainingEpoch]:
    numbers = [event.epoch for event in events if event.epoch is not None]
    if not numbers:
        return {}
    curve = queries.error_curve(session, job_id, first=min(numbers))
    return {epoch.epoch: epoch for epoch in curve}


def _training_event(
    session: Session, event: JobEvent, epochs: Mapping[int, TrainingEpoch]
) -> TrainingEvent:
    found = TrainingEvent(event.id, event.name)
    if event.name == "epoch":
        return found._replace(epoch=epochs[event.epoch or 0])
    if event.finding is not None:
        return found._replace(finding=Finding.from_dict(event.finding))
    if event.name == "done":
        return found._replace(job=queries.get_job(session, event.job_id, JobKind.TRAINING))
    return found._replace(state=event.state)
