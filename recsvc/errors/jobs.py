"""Errors of jobs of any kind."""

from recsvc.errors.base import Conflict, NotFound, RecsvcError, TooManyRequests


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


class QueueFull(TooManyRequests):
    """Job queue full"""

    def __init__(self, n_queued: int, limit: int) -> None:
        super().__init__(
            f"{n_queued} jobs are queued, and at most {limit} may be. Retry when some have "
            "finished, or cancel queued jobs.",
            n_queued=n_queued,
            limit=limit,
        )


class JobQuotaReached(TooManyRequests):
    """Job quota of the key reached"""

    def __init__(self, prefix: str, n_jobs: int, limit: int) -> None:
        super().__init__(
            f"The API key {prefix} has {n_jobs} queued or running jobs, and may have at most "
            f"{limit}. Retry when one has finished, or cancel one.",
            prefix=prefix,
            n_jobs=n_jobs,
            limit=limit,
        )


class JobTooLong(RecsvcError):
    """Job too long"""

    def __init__(self, job_id: int, hours: float) -> None:
        super().__init__(
            f"Job {job_id} ran for {hours:g} hours and was stopped.", job_id=job_id, hours=hours
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
