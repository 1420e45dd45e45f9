"""A claimed job is carried out: the use case of its kind runs, and its end is written."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from recsvc.db.jobs.queue import JobQueue, Lease
from recsvc.db.session import reading, unit_of_work
from recsvc.db.tables import Job, JobKind, JobState
from recsvc.errors import LeaseLost, NotReady, RecsvcError
from recsvc.service.context import Context

UseCase = Callable[[Context, Lease, Job], dict[str, Any]]
FindUseCase = Callable[[str], UseCase]


def use_case(kind: str) -> UseCase:
    """Give what carries out jobs of a kind, loading no more than that kind needs."""
    if kind == JobKind.TRAINING:
        from recsvc.service.training import training_job

        return training_job.carry_out
    if kind == JobKind.EVALUATION:
        from recsvc.service.models import evaluation_job

        return evaluation_job.carry_out
    from recsvc.service.imports import import_job

    return import_job.carry_out


def carry_out(
    context: Context, job_id: int, lease: Lease, find: FindUseCase = use_case
) -> JobState:
    """Run a job to its end and write it, under the lease.

    An error of ours is the job's result: it fails, for trying again would end alike. Raises
    LeaseLost where another worker has the job by now, NotReady where the database is away, and
    whatever else went wrong: then the job's end is not written, and it can be tried again.
    """
    with reading(context.database) as session:
        job = session.get_one(Job, job_id)
    try:
        result = find(job.kind)(context, lease, job)
    except (LeaseLost, NotReady):
        raise
    except RecsvcError as error:
        return _finish(context, lease, JobState.FAILED, error=error.as_dict())
    return _finish(context, lease, JobState.SUCCEEDED, result=result)


def _finish(
    context: Context,
    lease: Lease,
    state: JobState,
    *,
    result: dict[str, Any] | None = None,
    error: dict[str, Any] | None = None,
) -> JobState:
    with unit_of_work(context.database) as session:
        now = datetime.now(UTC)
        job = JobQueue(session).finish(lease, state, now=now, result=result, error=error)
        if job.kind == JobKind.TRAINING:
            from recsvc.service.training import autopilot

            autopilot.follow(session, job, now=now)
    return state
