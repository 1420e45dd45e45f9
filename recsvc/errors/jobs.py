"""Errors of jobs of any kind."""

from recsvc.errors.base import Conflict, NotFound, RecsvcError


class JobNotFound(NotFound):
    """Job not found"""

    def __init__(self, job_id: int, kind: str) -> None:
        self.kind = kind
        super().__init__(f"There is no {kind} job {job_id}.", job_id=job_id)


class JobFinished(Conflict):
    """Job already finished"""

    def __init__(self, job_id: int, state: str) -> None:
        super().__init__(
            f"Job {job_id} is {state}; only queued or running jobs can be cancelled.",
            job_id=job_id,
            state=state,
        )


class LeaseLost(RecsvcError):
    """Lease lost"""

    def __init__(self, job_id: int) -> None:
        super().__init__(
            f"The lease of job {job_id} has expired and another worker may run it. "
            "The write was rejected.",
            job_id=job_id,
        )


class AttemptsExhausted(RecsvcError):
    """All attempts failed"""

    def __init__(self, job_id: int, attempts: int, last: str) -> None:
        super().__init__(
            f"Job {job_id} failed {attempts} times before its first checkpoint. "
            f"Last error: {last}. See the worker's log.",
            job_id=job_id,
            attempts=attempts,
        )
