"""Retries of a training job, with the changes that its diagnosis suggests."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from recsvc.db.jobs.queue import ANYONE, Requester
from recsvc.db.session import Session
from recsvc.db.tables import Job
from recsvc.errors import NothingToChange, UnknownFinding
from recsvc.rbm.diagnosis import Change, Finding
from recsvc.service.diagnosis import job_diagnosis
from recsvc.service.training import training_job
from recsvc.service.training.capacity import Capacity
from recsvc.service.training_spec import TrainingSpec


def retry(
    session: Session,
    job_id: int,
    apply: Sequence[str] | None,
    *,
    now: datetime,
    requester: Requester = ANYONE,
    capacity: Capacity | None = None,
) -> Job:
    """Queue a job again with the changes that its findings suggest.

    apply     codes of findings; None: all that suggest a change
    capacity  as for `request_training`

    Raises JobNotFound, UnknownFinding, NothingToChange; QueueFull, JobQuotaReached;
    InvalidHyperparameter for a change out of bounds; TrainingTooLong, TrainingTooLarge.
    """
    job, diagnosis = job_diagnosis.diagnose_job(session, job_id, now=now)
    changes = _select_changes(job_id, diagnosis.findings, apply)
    spec = TrainingSpec.from_dict(job.spec).with_changes(changes)
    spec = replace(spec, retry_of=job_id, trying=None, tried=[])
    return training_job.request_training(
        session, spec=spec, now=now, requester=requester, capacity=capacity
    )


def _select_changes(
    job_id: int, findings: Sequence[Finding], apply: Sequence[str] | None
) -> list[Change]:
    suggested = {found.code: found.change for found in findings if found.change is not None}
    for code in apply or ():
        if code not in suggested:
            raise UnknownFinding(job_id, code, list(suggested))
    chosen = [change for code, change in suggested.items() if apply is None or code in apply]
    if not chosen:
        raise NothingToChange(job_id)
    return chosen
