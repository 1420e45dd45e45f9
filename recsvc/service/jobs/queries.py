"""Queries of jobs of every kind, and their cancellation."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from recsvc.db.jobs.events import JobEvents
from recsvc.db.jobs.queue import JobQueue
from recsvc.db.models.versions import ModelVersions
from recsvc.db.session import Session
from recsvc.db.tables import Job, JobEvent, JobState, TrainingEpoch
from recsvc.service.training_progress import TrainingProgress

PUBLISHING = "publishing"  # the phase of a job whose version is being loaded


def get_job(session: Session, job_id: int, kind: str) -> Job:
    """Return a job of that kind. Raises JobNotFound."""
    return JobQueue(session).get(job_id, kind)


def list_jobs(
    session: Session, kind: str, *, before: int | None = None, limit: int = 50
) -> Sequence[Job]:
    """Return up to `limit` jobs of a kind, newest first, with ids below `before`."""
    return JobQueue(session).page(kind, before=before, limit=limit)


def cancel_job(session: Session, job_id: int, kind: str, *, now: datetime) -> Job:
    """Cancel a job: a queued one ends at once, a running one within two seconds.

    Raises JobNotFound, JobFinished.
    """
    return JobQueue(session).request_cancel(job_id, kind, now=now)


def cancel_queued(session: Session, kind: str, *, now: datetime) -> Sequence[int]:
    """Cancel all queued jobs of a kind and return their numbers."""
    return JobQueue(session).cancel_queued(kind, now=now)


def error_curve(session: Session, job_id: int, *, first: int = 0) -> Sequence[TrainingEpoch]:
    """Return a training job's epochs so far, in order, starting with epoch `first`."""
    return JobQueue(session).error_curve(job_id, first=first)


def events_after(
    session: Session, job_id: int, event_id: int = 0, *, limit: int = 500
) -> Sequence[JobEvent]:
    """Return a job's events after the one with that id, oldest first.

    The event named `done` is the last one of a job.
    """
    return JobEvents(session).list_after(job_id, event_id, limit=limit)


def defer_success(session: Session, job: Job, behind: int | None) -> bool:
    """Show a job as running if this process has not loaded the version that it has published.

    behind   the last publication that is loaded, None if none is later: see
             `ModelServer.publication_behind`
    returns  whether the job was changed; it then no longer belongs to the session
    """
    result = job.result or {}
    if behind is None or not result.get("published"):
        return False
    first = ModelVersions(session).first_publication(result["version"])
    if first is None or first <= behind:
        return False
    session.expunge(job)
    job.state, job.finished_at, job.result = JobState.RUNNING, None, None
    progress = TrainingProgress.from_note(job.progress_note)
    job.progress_note = replace(progress, phase=PUBLISHING).as_note()
    return True


def fingerprint(job: Job) -> str:
    """Return a hash of everything that clients can see of the job."""
    visible = [
        job.id,
        job.state,
        job.fence,
        job.attempt,
        job.progress,
        job.cancel_requested,
        job.progress_note,
        job.result,
        job.error,
    ]
    return hashlib.sha256(json.dumps(visible, sort_keys=True).encode()).hexdigest()[:32]
