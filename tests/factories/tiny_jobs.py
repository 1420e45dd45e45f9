"""A tiny kind of work for the worker's tests: it counts, and keeps its count on the shelf."""

import errno
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recsvc.db.jobs.queue import JobQueue, Lease
from recsvc.db.session import unit_of_work
from recsvc.db.tables import Job
from recsvc.errors import IdenticalRatings
from recsvc.service.context import Context
from recsvc.service.jobs.runner import UseCase

FIGURES = {"learning_rate": 0.1, "momentum": 0.5, "cd_steps": 1, "seconds": 0.0}


def use_case(kind: str) -> UseCase:
    return carry_out


def carry_out(context: Context, lease: Lease, job: Job) -> dict[str, Any]:
    """Do what the specification says: count, refuse, fall_over, exit, spin or lack_space.

    To count takes `to` and may take `pause`, seconds after each number, and `halt`: the number
    after which who claimed the job first waits for the file `gate`.
    """
    work: dict[str, Callable[[], dict[str, Any]]] = {
        "count": lambda: count(context, lease, job),
        "refuse": lambda: refuse(),
        "fall_over": lambda: [][job.id],
        "exit": lambda: os._exit(0),
        "spin": lambda: spin(context, lease),
        "lack_space": lambda: lack_space(context, lease, job),
    }
    return work[job.spec["do"]]()


def count(context: Context, lease: Lease, job: Job) -> dict[str, Any]:
    started_from = int(context.shelf.get(job.checkpoint_sha256)) if job.checkpoint_sha256 else 0
    for number in range(started_from + 1, job.spec["to"] + 1):
        sha256 = context.shelf.put(str(number).encode())
        with unit_of_work(context.database) as session:
            queue = JobQueue(session)
            queue.record_checkpoint(lease, sha256)
            queue.update_progress(
                lease, number / job.spec["to"], {"count": number, "pid": os.getpid()}
            )
            queue.add_epoch(lease, {"epoch": number, **FIGURES}, now=datetime.now(UTC))
        time.sleep(job.spec.get("pause", 0))
        halted = lease.fence == 1 and number == job.spec.get("halt")
        while halted and not Path(job.spec["gate"]).exists():
            time.sleep(0.01)
    return {
        "started_from": started_from,
        "pid": os.getpid(),
        "niceness": os.nice(0),
        "threads": os.environ["NUMBA_NUM_THREADS"],
        "kernel_cache": os.environ.get("NUMBA_CACHE_DIR"),
    }


def refuse() -> dict[str, Any]:
    raise IdenticalRatings(3)


def lack_space(context: Context, lease: Lease, job: Job) -> dict[str, Any]:
    """Find the disk full in the first claims, then count."""
    if lease.fence <= job.spec["faults"]:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return count(context, lease, job)


def spin(context: Context, lease: Lease) -> dict[str, Any]:
    """Hold the interpreter's lock for ever, as a compiler or a badly written kernel does."""
    with unit_of_work(context.database) as session:
        JobQueue(session).update_progress(lease, 0.1, {"pid": os.getpid()})
    return {"sum": sum(range(10**13))}
