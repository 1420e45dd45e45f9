"""The worker's loop: claim, run and settle one job at a time.

The parent renews the lease, watches for cancellation and signals, and records the job's end if
the child has not. docs/explanation/jobs.md describes the result of each stop reason.
"""

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Collection
from datetime import UTC, datetime
from enum import Enum, auto
from multiprocessing.process import BaseProcess

import structlog

from recsvc.config import Settings
from recsvc.db.jobs.queue import JobQueue, Lease, job_lease
from recsvc.db.session import reading, unit_of_work
from recsvc.db.tables import Job, JobKind, JobState
from recsvc.errors import DatabaseUnavailable, JobTooLong, LeaseLost, RecsvcError, StorageFull
from recsvc.service import retention
from recsvc.service.context import Context
from recsvc.service.jobs.runner import FindUseCase
from recsvc.worker import job_process
from recsvc.worker.job_process import ExitReport

log = structlog.stdlib.get_logger("recsvc.worker")

IDLE_SECONDS = 0.5  # between two queries of an empty queue
TICK_SECONDS = 0.25  # between two checks of a running job
EXIT_SECONDS = 2.0  # for the exit of a child that has lost its lease or recorded its job's end


class StopReason(Enum):
    """The reason why the parent stopped watching its child."""

    EXITED = auto()
    CANCELLED = auto()
    STOPPING = auto()
    TOO_LONG = auto()
    LOST = auto()


class Worker:
    """Runs one job at a time, under a unique name.

    kinds  the kinds of jobs that it takes
    """

    def __init__(
        self,
        settings: Settings,
        context: Context,
        stopping: threading.Event,
        find: FindUseCase,
        kinds: Collection[JobKind] = tuple(JobKind),
    ) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._settings = settings
        self._context = context
        self._stopping = stopping
        self._find = find
        self._kinds = kinds
        self._log = log.bind(worker=self.name)

    def work(self, *, once: bool) -> None:
        """Claim and run jobs until the worker stops."""
        self._log.info("worker started", home=str(self._settings.home))
        while not self._stopping.is_set():
            job = self._claim()
            if job is not None:
                self._run_job(job)
                self._clear_shelf()
            elif once:
                break
            else:
                self._stopping.wait(IDLE_SECONDS)
        self._log.info("worker stopped")

    def _claim(self) -> Job | None:
        try:
            with unit_of_work(self._context.database) as session:
                return JobQueue(session).claim(
                    worker=self.name,
                    now=datetime.now(UTC),
                    lease_seconds=self._settings.lease_seconds,
                    max_attempts=self._settings.max_attempts,
                    kinds=self._kinds,
                )
        except (DatabaseUnavailable, StorageFull) as error:
            self._log.warning("database unavailable", detail=error.detail_with_cause())
            return None

    def _run_job(self, job: Job) -> None:
        lease = job_lease(job)
        job_log = self._log.bind(job_id=job.id, kind=job.kind)
        job_log.info("job claimed", attempt=job.attempt, fence=job.fence)
        with job_process.start_job_process(self._settings, lease, self._find) as child:
            reason = self._watch(child.process, lease)
        end = child.exit_report()
        report = end.text
        try:
            state = self._settle_patiently(lease, reason, end, job_log)
        except LeaseLost:  # the usual case: the child has recorded the job's end
            job_log.log(
                logging.WARNING if reason is StopReason.LOST else logging.DEBUG, "lease over"
            )
        except (DatabaseUnavailable, StorageFull) as error:
            job_log.warning(
                "job not settled", ending=reason.name.lower(), detail=error.detail_with_cause()
            )
        else:
            if self._settings.hash_user_ids:
                report = report.partition(":")[0]  # a message may have the ids of a file
            job_log.info("job settled", ending=reason.name.lower(), state=state, report=report)

    def _watch(self, process: BaseProcess, lease: Lease) -> StopReason:
        """Renew the lease until the child exits or must be stopped."""
        # Counted from this claim: the time in which no worker ran is not the job's.
        stop_at = time.monotonic() + 3600 * self._settings.max_job_hours
        beat_every = self._settings.lease_seconds / 3
        beat_at = time.monotonic() + beat_every
        while process.is_alive():
            process.join(min(TICK_SECONDS, beat_every))
            if self._stopping.is_set():
                return StopReason.STOPPING
            if time.monotonic() >= stop_at:
                return StopReason.TOO_LONG
            is_beat = time.monotonic() >= beat_at
            if is_beat:
                beat_at = time.monotonic() + beat_every
            try:
                if self._is_cancelled(lease, beat=is_beat):
                    return StopReason.CANCELLED
            except LeaseLost:
                process.join(EXIT_SECONDS)
                return StopReason.LOST if process.is_alive() else StopReason.EXITED
            except (DatabaseUnavailable, StorageFull) as error:
                self._log.warning("database unavailable", detail=error.detail_with_cause())
        return StopReason.EXITED

    def _is_cancelled(self, lease: Lease, *, beat: bool) -> bool:
        if beat:
            with unit_of_work(self._context.database) as session:
                return JobQueue(session).heartbeat(lease, self._settings.lease_seconds)
        with reading(self._context.database) as session:
            return JobQueue(session).cancel_requested(lease)

    def _settle_patiently(
        self,
        lease: Lease,
        reason: StopReason,
        end: ExitReport,
        job_log: structlog.stdlib.BoundLogger,
    ) -> JobState:
        """Record the job's end, as soon as the database stores it.

        Without it the lease would expire, and the next claim would cost an attempt. Raises
        LeaseLost; DatabaseUnavailable or StorageFull if the worker stops before.
        """
        is_reported = False
        while True:
            try:
                return self._settle(lease, reason, end)
            except (DatabaseUnavailable, StorageFull) as error:
                if self._stopping.wait(TICK_SECONDS):
                    raise
                if not is_reported:
                    detail = error.detail_with_cause()
                    job_log.warning("job not settled yet", detail=detail)
                    is_reported = True
                if isinstance(error, StorageFull):
                    self._clear_shelf()  # it may free the space

    def _settle(self, lease: Lease, reason: StopReason, end: ExitReport) -> JobState:
        """Record the job's end. Raises LeaseLost if the child has recorded it."""
        now = datetime.now(UTC)
        with unit_of_work(self._context.database) as session:
            queue = JobQueue(session)
            if reason is StopReason.CANCELLED:
                job = queue.finish(lease, JobState.CANCELLED, now=now)
            elif reason is StopReason.STOPPING:
                job = queue.return_to_queue(lease, now=now)
            elif reason is StopReason.TOO_LONG:
                error = JobTooLong(lease.job_id, self._settings.max_job_hours)
                job = queue.finish(lease, JobState.FAILED, now=now, error=error.as_dict())
            elif end.is_machine_fault:
                job = queue.postpone(lease, now=now)
            else:
                job = queue.fail_attempt(
                    lease, now=now, last=end.text, max_attempts=self._settings.max_attempts
                )
            return JobState(job.state)

    def _clear_shelf(self) -> None:
        if self._stopping.is_set():
            return
        try:
            removed = retention.clear_shelf(self._context, now=datetime.now(UTC))
        except (RecsvcError, OSError) as error:
            self._log.warning("shelf not cleared", detail=str(error))
        else:
            self._log.debug("shelf cleared", removed=removed)
