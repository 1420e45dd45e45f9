"""Errors of jobs of every kind."""

from recsvc.errors.base import Conflict, NotFound, RecsvcError


class JobNotFound(NotFound):
    """No such job"""

    def __init__(self, job_id: int, kind: str) -> None:
        self.kind = kind
        super().__init__(f"There is no {kind} job {job_id}.", job_id=job_id)


class JobFinished(Conflict):
    """Job is already finished"""

    def __init__(self, job_id: int, state: str) -> None:
        super().__init__(
            f"Job {job_id} is {state}; only a queued or running job can be cancelled.",
            job_id=job_id,
            state=state,
        )


class LeaseLost(RecsvcError):
    """Another worker has taken the job"""

    def __init__(self, job_id: int) -> None:
        super().__init__(
            f"Job {job_id} is no longer leased to this worker, so nothing of it was written.",
            job_id=job_id,
        )


class AttemptsExhausted(RecsvcError):
    """Job was given up"""

    def __init__(self, job_id: int, attempts: int, last: str) -> None:
        super().__init__(
            f"Job {job_id} failed {attempts} times without reaching a new checkpoint. "
            f"Last error: {last}. See the worker's log.",
            job_id=job_id,
            attempts=attempts,
        )
