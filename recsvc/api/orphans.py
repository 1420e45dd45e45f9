"""No API process outlives the one that started it."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading

GRACE_SECONDS = 1.0  # nobody is left to care for longer answers


def has_parent() -> bool:
    """Tell whether this process was started by another process of the service."""
    return multiprocessing.parent_process() is not None


def exit_with_parent() -> None:
    """End this process when its parent ends, however that came about."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(
            target=_follow, args=(parent.sentinel,), name="parent", daemon=True
        ).start()


def _follow(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os.kill(os.getpid(), signal.SIGTERM)  # uvicorn finishes what it is answering
    threading.Event().wait(GRACE_SECONDS)
    os._exit(1)
