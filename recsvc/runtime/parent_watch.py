"""End a process of the service when the process that started it ends."""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing import parent_process
from multiprocessing.connection import wait

PR_SET_PDEATHSIG = 1
TERM_SECONDS = 1.0  # for running requests


def has_parent() -> bool:
    """Return whether another process of the service started this process."""
    return parent_process() is not None


def stop_with_parent(stop: Callable[[], object], *, grace_seconds: float) -> None:
    """Call `stop` when the parent process ends for any reason; exit after the grace period."""
    parent = parent_process()
    if parent is None:
        return

    def follow() -> None:
        wait([parent.sentinel])
        stop()
        time.sleep(grace_seconds)
        os._exit(1)

    threading.Thread(target=follow, name="parent", daemon=True).start()


def terminate_with_parent() -> None:
    """Send SIGTERM to this process when the parent process ends for any reason."""
    stop_with_parent(lambda: os.kill(os.getpid(), signal.SIGTERM), grace_seconds=TERM_SECONDS)


def die_with_parent() -> None:
    """Exit at once when the parent process ends for any reason.

    The thread works on every system. Linux also ends a busy or frozen interpreter.
    """
    if has_parent() and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    stop_with_parent(lambda: None, grace_seconds=0.0)
