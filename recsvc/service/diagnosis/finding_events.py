"""Record each new diagnosis finding as a job event, once, while the job runs."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from recsvc.db.jobs.queue import JobQueue, Lease
from recsvc.db.session import Session, reading, unit_of_work
from recsvc.db.tables import JobKind
from recsvc.errors import Diverged, TrainingFailed
from recsvc.rbm.diagnosis import Finding, diagnose
from recsvc.service.context import Context
from recsvc.service.diagnosis.run_records import build_run_record, curve_rows
from recsvc.service.training_progress import TrainingProgress
from recsvc.service.training_spec import TrainingSpec


def record_findings(session: Session, lease: Lease, findings: Iterable[Finding]) -> None:
    """Record the findings that have no event yet. Raises LeaseLost."""
    now, queue = datetime.now(UTC), JobQueue(session)
    for finding in findings:
        queue.add_finding(lease, finding.as_dict(), now=now)


def record_final_findings(
    context: Context,
    lease: Lease,
    *,
    metrics: Mapping[str, float | None] | None = None,
    failure: TrainingFailed | None = None,
) -> None:
    """Record the findings of a finished run. Raises LeaseLost.

    metrics  of the model, None after a failure
    """
    with reading(context.database) as session:
        queue = JobQueue(session)
        job = queue.get(lease.job_id, JobKind.TRAINING)
        record = build_run_record(
            TrainingSpec.from_dict(job.spec),
            TrainingProgress.from_note(job.progress_note),
            curve_rows(queue.error_curve(job.id)),
            is_over=True,
            diverged_at=failure.epoch if isinstance(failure, Diverged) else None,
            metrics=metrics,
        )
    findings = diagnose(record)
    with unit_of_work(context.database) as session:
        record_findings(session, lease, findings)
