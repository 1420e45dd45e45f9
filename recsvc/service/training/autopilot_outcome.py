"""How autopilot's way ended, as the last of its jobs tells it."""

from typing import NamedTuple

from recsvc.db.tables import FINAL_STATES, Job, JobState
from recsvc.errors import AttemptsExhausted, Hopeless
from recsvc.rbm.tuning.autopilot import MOST_TRIES
from recsvc.service.training_spec import TrainingSpec


class End(NamedTuple):
    """Why no job follows, and which was the best.

    best_job_id  the last whose change was kept, or the first; None where none got so far
    """

    because: str
    best_job_id: int | None


def end_of(job: Job) -> End | None:
    """Tell how it ended with this job. None of a job that goes on, here or in another one."""
    spec, code = TrainingSpec.from_dict(job.spec), (job.error or {}).get("code")
    goes_on = job.state not in FINAL_STATES or (job.progress_note or {}).get("next_job_id")
    if not spec.autopilot or goes_on:
        return None
    kept = job.state == JobState.SUCCEEDED or code == Hopeless.code()
    best = job.id if kept else None
    if best is None and spec.trying is not None:
        best = spec.retry_of
    return End(_because(job, spec, code), best)


def _because(job: Job, spec: TrainingSpec, code: str | None) -> str:
    if job.state == JobState.CANCELLED:
        return "the job was cancelled"
    if code == AttemptsExhausted.code():
        return "the job was given up"
    if len(spec.tried) + (spec.trying is not None) >= MOST_TRIES:
        return f"{MOST_TRIES} changes were tried"
    return "the diagnosis suggests no other change that it may try"
