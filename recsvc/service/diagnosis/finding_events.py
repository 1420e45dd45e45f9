"""What a diagnosis finds of a training job is told when it is first found, while the job runs."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from recsvc.db.jobs.queue import JobQueue, Lease
from recsvc.db.session import Session, reading, unit_of_work
from recsvc.db.tables import JobKind
from recsvc.errors import Diverged, TrainingFailed
from recsvc.rbm.diagnosis import Finding, diagnose
from recsvc.service.context import Context
from recsvc.service.diagnosis import job_diagnosis


def announce(session: Session, lease: Lease, findings: Iterable[Finding]) -> None:
    """Tell those that were not told before. Raises LeaseLost."""
    now, queue = datetime.now(UTC), JobQueue(session)
    for finding in findings:
        queue.add_finding(lease, finding.as_dict(), now=now)


def announce_last(
    context: Context,
    lease: Lease,
    *,
    metrics: Mapping[str, float | None] | None = None,
    failure: TrainingFailed | None = None,
) -> None:
    """Tell what is found of a training job of which no epoch will follow. Raises LeaseLost."""
    with reading(context.database) as session:
        run = job_diagnosis.run_of(session, JobQueue(session).get(lease.job_id, JobKind.TRAINING))
    if isinstance(failure, Diverged):
        run = replace(run, spoilt_at=failure.epoch)
    findings = diagnose(replace(run, is_over=True, metrics=metrics))
    with unit_of_work(context.database) as session:
        announce(session, lease, findings)
