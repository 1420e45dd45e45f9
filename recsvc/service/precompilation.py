"""Compile the kernels before a process serves requests, one process of a home at a time."""

import fcntl
from functools import cache
from pathlib import Path

from recsvc.rbm import precompilation


@cache  # once a process
def precompile(home: Path) -> None:
    """Load the kernels that requests need; compile those missing in the cache on disk.

    Of several processes that start together, one compiles and the others load its results.
    """
    with (home / "precompile.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        precompilation.compile_answer_kernels()
