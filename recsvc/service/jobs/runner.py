"""The runner of claimed jobs: calls the use case of the job's kind and records the job's end."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from recsvc.db.jobs.queue import JobQueue, Lease
from recsvc.db.session import reading, unit_of_work
from recsvc.db.tables import Job, JobKind, JobState
from recsvc.errors import LeaseLost, NotReady, RecsvcError
from recsvc.service.context import Context

UseCase = Callable[[Context, Lease, Job], dict[str, Any]]
FindUseCase = Callable[[str], UseCase]


def use_case(kind: str) -> UseCase:
    """Return the use case of a kind of job. Imports no other kind's modules."""
    if kind == JobKind.TRAINING:
        from recsvc.service.training import training_job
        from recsvc.service.tuning.callbacks import build_tuning_callbacks

        return partial(training_job.carry_out, build_callbacks=build_tuning_callbacks)
    if kind == JobKind.EVALUATION:
        from recsvc.service.models import evaluation_job

        return evaluation_job.carry_out
    from recsvc.service.imports import import_job

    return import_job.carry_out


def carry_out(
    context: Context, job_id: int, lease: Lease, find: FindUseCase = use_case
) -> JobState:
    """Run a job and record its end, under the lease.

    A RecsvcError is the job's result: the job fails, because another attempt would fail alike.
    Raises LeaseLost if another worker has the job, NotReady if the database is unavailable, and
    any other error. Then the job's end is not recorded, and it can be attempted again.
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
    """Record the end of a job; in the same transaction queue the next try of autopilot."""
    with unit_of_work(context.database) as session:
        now = datetime.now(UTC)
        job = JobQueue(session).finish(lease, state, now=now, result=result, error=error)
        if job.kind == JobKind.TRAINING:
            from recsvc.service.tuning import autopilot

            autopilot.queue_next_try(session, job, now=now)
    return state
