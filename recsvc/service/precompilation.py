"""Kernels are compiled before a process answers, by one process of a home at a time."""

import fcntl
from functools import cache
from pathlib import Path

from recsvc.rbm import precompilation


@cache  # once a process
def precompile(home: Path) -> None:
    """Load the kernels that answers need; compile them where the cache on disk has none.

    Of several processes that start together, one compiles and the others load what it has written.
    """
    with (home / "precompile.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        precompilation.compile_answer_kernels()
