"""The outcome of autopilot, read from the last of its jobs."""

from typing import NamedTuple

from recsvc.db.tables import FINAL_STATES, Job, JobState
from recsvc.errors import AttemptsExhausted, Hopeless
from recsvc.rbm.tuning.autopilot import MOST_TRIES
from recsvc.service.training_progress import TrainingProgress
from recsvc.service.training_spec import TrainingSpec


class AutopilotOutcome(NamedTuple):
    """The reason why no further job is queued, and the best job.

    best_job_id  the last job whose change was kept, else the first; None if none succeeded
    """

    because: str
    best_job_id: int | None


def is_change_kept(job: Job) -> bool:
    """Return whether the change of a finished job is kept: the job succeeded, or was hopeless."""
    return job.state == JobState.SUCCEEDED or (job.error or {}).get("code") == Hopeless.code()


def read_outcome(job: Job) -> AutopilotOutcome | None:
    """Return the outcome of autopilot; None unless it ended with this job."""
    spec = TrainingSpec.from_dict(job.spec)
    next_job_id = TrainingProgress.from_note(job.progress_note).next_job_id
    if not spec.autopilot or job.state not in FINAL_STATES or next_job_id is not None:
        return None
    best = job.id if is_change_kept(job) else None
    if best is None and spec.trying is not None:
        best = spec.retry_of
    return AutopilotOutcome(_reason(job, spec), best)


def _reason(job: Job, spec: TrainingSpec) -> str:
    if job.state == JobState.CANCELLED:
        return "the job was cancelled"
    if (job.error or {}).get("code") == AttemptsExhausted.code():
        return "the job was given up"
    if len(spec.tried) + (spec.trying is not None) >= MOST_TRIES:
        return f"{MOST_TRIES} changes were tried"
    return "the diagnosis suggests no other change that it may try"
