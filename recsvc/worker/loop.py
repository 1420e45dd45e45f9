"""Claim – carry out – finish, one job at a time.

The parent keeps the lease, listens for cancellation and signals, and settles whatever the child
leaves unsettled; what each ending means for the job is told in docs/explanation/jobs.md.
"""

import logging
import os
import socket
import threading
import time
import uuid
from datetime import UTC, datetime
from enum import Enum, auto
from multiprocessing.process import BaseProcess

import structlog

from recsvc.config import Settings
from recsvc.db.jobs.queue import JobQueue, Lease, job_lease
from recsvc.db.session import reading, unit_of_work
from recsvc.db.tables import Job, JobState
from recsvc.errors import DatabaseUnavailable, LeaseLost, RecsvcError
from recsvc.service import retention
from recsvc.service.context import Context
from recsvc.service.jobs.runner import FindUseCase
from recsvc.worker import job_process

log = structlog.stdlib.get_logger("recsvc.worker")

IDLE_SECONDS = 0.5  # between two looks at an empty queue
TICK_SECONDS = 0.25  # between two looks at a running job
EXIT_SECONDS = 2.0  # for a child that has written its job's end, or been refused to


class Ending(Enum):
    """Why the parent stopped watching its child."""

    EXITED = auto()
    CANCELLED = auto()
    STOPPING = auto()
    LOST = auto()


class Worker:
    """One job at a time, under a name that no other worker has ever had."""

    def __init__(
        self, settings: Settings, context: Context, stopping: threading.Event, find: FindUseCase
    ) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._settings = settings
        self._context = context
        self._stopping = stopping
        self._find = find
        self._log = log.bind(worker=self.name)

    def work(self, *, once: bool) -> None:
        """Claim and carry out, until told to stop."""
        self._log.info("worker started", home=str(self._settings.home))
        while not self._stopping.is_set():
            job = self._claim()
            if job is not None:
                self._carry_out(job)
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
                )
        except DatabaseUnavailable as error:
            self._log.warning("database unavailable", detail=error.detail)
            return None

    def _carry_out(self, job: Job) -> None:
        lease = job_lease(job)
        job_log = self._log.bind(job_id=job.id, kind=job.kind)
        job_log.info("job claimed", attempt=job.attempt, fence=job.fence)
        with job_process.started(self._settings, lease, self._find) as started:
            ending = self._watch(started.process, lease)
        told = started.told()
        try:
            state = self._settle(lease, ending, told)
        except LeaseLost:  # as it should be: the child wrote the job's end itself
            job_log.log(logging.WARNING if ending is Ending.LOST else logging.DEBUG, "lease over")
        except DatabaseUnavailable as error:
            job_log.warning("job not settled", ending=ending.name.lower(), detail=error.detail)
        else:
            job_log.info("job settled", ending=ending.name.lower(), state=state, told=told)

    def _watch(self, process: BaseProcess, lease: Lease) -> Ending:
        """Keep the lease until the child exits or must be ended."""
        beat_every = self._settings.lease_seconds / 3
        beat_at = time.monotonic() + beat_every
        while process.is_alive():
            process.join(min(TICK_SECONDS, beat_every))
            if self._stopping.is_set():
                return Ending.STOPPING
            is_beat = time.monotonic() >= beat_at
            if is_beat:
                beat_at = time.monotonic() + beat_every
            try:
                if self._is_cancelled(lease, beat=is_beat):
                    return Ending.CANCELLED
            except LeaseLost:
                process.join(EXIT_SECONDS)
                return Ending.LOST if process.is_alive() else Ending.EXITED
            except DatabaseUnavailable as error:
                self._log.warning("database unavailable", detail=error.detail)
        return Ending.EXITED

    def _is_cancelled(self, lease: Lease, *, beat: bool) -> bool:
        if beat:
            with unit_of_work(self._context.database) as session:
                return JobQueue(session).heartbeat(lease, self._settings.lease_seconds)
        with reading(self._context.database) as session:
            return JobQueue(session).cancel_requested(lease)

    def _settle(self, lease: Lease, ending: Ending, told: str) -> JobState:
        """Write what became of the job, unless the child has. Raises LeaseLost where it has."""
        now = datetime.now(UTC)
        with unit_of_work(self._context.database) as session:
            queue = JobQueue(session)
            if ending is Ending.CANCELLED:
                job = queue.finish(lease, JobState.CANCELLED, now=now)
            elif ending is Ending.STOPPING:
                job = queue.return_to_queue(lease, now=now)
            else:
                job = queue.fail_attempt(
                    lease, now=now, last=told, max_attempts=self._settings.max_attempts
                )
            return JobState(job.state)

    def _clear_shelf(self) -> None:
        if self._stopping.is_set():
            return
        try:
            removed = retention.clear(self._context, now=datetime.now(UTC))
        except (RecsvcError, OSError) as error:
            self._log.warning("shelf not cleared", detail=str(error))
        else:
            self._log.debug("shelf cleared", removed=removed)
