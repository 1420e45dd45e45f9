"""Another try of a training job, with the changes that its diagnosis suggests."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast

from recsvc.db.session import Session
from recsvc.db.tables import Job
from recsvc.errors import NothingToChange, UnknownFinding
from recsvc.rbm.diagnosis import Change, Finding
from recsvc.rbm.params import ModelKind
from recsvc.service import diagnosing, training
from recsvc.service.training_spec import TrainingSpec


def retry(session: Session, job_id: int, apply: Sequence[str] | None, *, now: datetime) -> Job:
    """Queue what a job was asked for once more, changed as its findings suggest.

    apply  codes of findings; None: all that suggest a change

    Raises JobNotFound, UnknownFinding, NothingToChange; InvalidHyperparameter for a change that
    goes beyond what is allowed.
    """
    job, diagnosis = diagnosing.diagnose_job(session, job_id)
    changes = _changes(job_id, diagnosis.findings, apply)
    spec = replace(_changed(TrainingSpec.from_dict(job.spec), changes), retry_of=job_id)
    return training.request_training(session, spec=spec, now=now)


def _changes(job_id: int, findings: Sequence[Finding], apply: Sequence[str] | None) -> list[Change]:
    suggested = {found.code: found.change for found in findings if found.change is not None}
    for code in apply or ():
        if code not in suggested:
            raise UnknownFinding(job_id, code, list(suggested))
    chosen = [change for code, change in suggested.items() if apply is None or code in apply]
    if not chosen:
        raise NothingToChange(job_id)
    return chosen


def _changed(spec: TrainingSpec, changes: Sequence[Change]) -> TrainingSpec:
    """Apply changes; of two to one hyperparameter, that of the first finding.

    Another kind of machine begins with its own defaults: rates of one kind say nothing of another.
    """
    by_name = {change.hyperparameter: change.to for change in reversed(changes)}
    if (kind := by_name.get("model_kind")) is not None:
        return replace(spec, model_kind=cast(ModelKind, kind), hyperparameters={})
    return replace(spec, hyperparameters={**spec.hyperparameters, **by_name})
