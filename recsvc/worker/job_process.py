"""The process in which one job is carried out."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import structlog

from recsvc.config import Settings
from recsvc.db.jobs.queue import Lease
from recsvc.errors import LeaseLost
from recsvc.runtime import logs, parent_watch
from recsvc.service.context import open_context
from recsvc.service.jobs.runner import FindUseCase, carry_out

log = structlog.stdlib.get_logger("recsvc.worker")

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Child:
    """A running job's process and the last words it may have left."""

    def __init__(self, process: BaseProcess, report: Connection) -> None:
        self.process = process
        self._report = report

    def told(self) -> str:
        """Say how the process ended, in its own words where it had any."""
        with suppress(EOFError, OSError):
            if self._report.poll():
                return str(self._report.recv())
        code = self.process.exitcode
        if code is not None and code < 0:
            return f"the process was killed by {signal.Signals(-code).name}"
        return f"the process ended with exit status {code}"


@contextmanager
def started(settings: Settings, lease: Lease, find: FindUseCase) -> Iterator[Child]:
    """Start the child that carries the job out; at the end of the block it lives no more."""
    spawning = get_context("spawn")
    ours, theirs = spawning.Pipe(duplex=False)
    child = spawning.Process(target=_child, args=(settings, lease, find, theirs), name="job")
    with _signals_held_back():
        child.start()
    theirs.close()
    try:
        yield Child(child, ours)
    finally:
        child.kill()
        child.join()


def _child(settings: Settings, lease: Lease, find: FindUseCase, report: Connection) -> None:
    """Carry out one job. Stopping it is the parent's business, so signals to the group pass by."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    parent_watch.die_with_parent()
    _step_back()
    os.environ["NUMBA_NUM_THREADS"] = str(settings.effective_training_threads())
    logs.configure(settings.log_level)
    job_log = log.bind(worker=lease.worker, job_id=lease.job_id, fence=lease.fence)
    try:
        context = open_context(settings, migrate=False)
        state = carry_out(context, lease.job_id, lease, find)
    except LeaseLost:
        job_log.warning("lease lost")
    except Exception as error:
        job_log.exception("attempt failed")
        report.send(f"{type(error).__name__}: {error}"[:2000])
        sys.exit(1)
    else:
        job_log.info("job finished", state=state)
    sys.stderr.flush()
    os._exit(0)  # all is written; taking a large heap apart would keep the next job waiting


def _step_back() -> None:
    """Leave the processor to those who wait for an answer."""
    os.nice(10)
    with suppress(AttributeError, OSError):  # Linux alone has it, and may forbid it
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """A signal for all processes must not end the child before it has learned to ignore it."""
    resource_tracker.ensure_running()  # starting it later would let the signals through
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
