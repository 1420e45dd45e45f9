"""The child process that runs one job."""

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import NamedTuple

import structlog

from recsvc.config import Settings
from recsvc.db.jobs.queue import Lease
from recsvc.errors import DatabaseUnavailable, LeaseLost, ShelfUnavailable, StorageFull
from recsvc.runtime import logs, parent_watch
from recsvc.service.context import open_context
from recsvc.service.jobs.runner import FindUseCase, carry_out

log = structlog.stdlib.get_logger("recsvc.worker")

JOB_NICENESS = 10
# Disk full, quota reached, input or output error, stale network file system, too many open files.
MACHINE_ERRORS = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.ENFILE, errno.EMFILE, errno.EROFS)
)
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class ExitReport(NamedTuple):
    """How a job process ended.

    is_machine_fault  the disk, the shelf or the database failed, so the job may succeed later
    """

    text: str
    is_machine_fault: bool = False


class JobProcess:
    """The process of a running job, and the error that it may have reported."""

    def __init__(self, process: BaseProcess, report: Connection) -> None:
        self.process = process
        self._report = report

    def exit_report(self) -> ExitReport:
        """Return the error that the process reported, else how it ended."""
        with suppress(EOFError, OSError):
            if self._report.poll():
                return ExitReport(*self._report.recv())
        code = self.process.exitcode
        if code is not None and code < 0:
            return ExitReport(f"the process was killed by {signal.Signals(-code).name}")
        return ExitReport(f"the process ended with exit status {code}")


@contextmanager
def start_job_process(settings: Settings, lease: Lease, find: FindUseCase) -> Iterator[JobProcess]:
    """Start the process that runs the job; kill it at the end of the block."""
    spawning = get_context("spawn")
    ours, theirs = spawning.Pipe(duplex=False)
    child = spawning.Process(target=_run_job, args=(settings, lease, find, theirs), name="job")
    with _block_signals():
        child.start()
    theirs.close()
    try:
        yield JobProcess(child, ours)
    finally:
        child.kill()
        child.join()


def _run_job(settings: Settings, lease: Lease, find: FindUseCase, report: Connection) -> None:
    """Run one job. Ignores stop signals to the process group, because the parent stops it."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    parent_watch.die_with_parent()
    _lower_priority()
    os.environ["NUMBA_NUM_THREADS"] = str(settings.effective_training_threads())
    logs.configure(settings.log_level, hide_values=settings.hash_user_ids)
    logs.configure_libraries(settings.log_level, hide_values=settings.hash_user_ids)
    job_log = log.bind(worker=lease.worker, job_id=lease.job_id, fence=lease.fence)
    try:
        context = open_context(settings, migrate=False)
        state = carry_out(context, lease.job_id, lease, find)
    except LeaseLost:
        job_log.warning("lease lost")
    except Exception as error:
        job_log.exception("attempt failed")
        report.send((f"{type(error).__name__}: {error}"[:2000], _is_machine_fault(error)))
        sys.exit(1)
    else:
        job_log.info("job finished", state=state)
    sys.stderr.flush()
    os._exit(0)  # everything is written; freeing a large heap would delay the next job


def _is_machine_fault(error: BaseException) -> bool:
    """Return whether another attempt may succeed once the machine has recovered."""
    if isinstance(error, OSError):
        return error.errno in MACHINE_ERRORS
    return isinstance(error, (DatabaseUnavailable, ShelfUnavailable, StorageFull))


def _lower_priority() -> None:
    """Lower the process's priority, so that API requests come first.

    A worker that was started with a lower priority keeps its own.
    """
    os.nice(max(0, JOB_NICENESS - os.nice(0)))
    with suppress(AttributeError, OSError):  # exists on Linux only, and may be forbidden
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


@contextmanager
def _block_signals() -> Iterator[None]:
    """Block stop signals until the child ignores them."""
    resource_tracker.ensure_running()  # its later start would unblock the signals
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
