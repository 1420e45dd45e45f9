"""The threads of a fit that multiply matrices of their own."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # it has no types

from recsvc.rbm import kernels


@contextmanager
def open_pool() -> Iterator[ThreadPoolExecutor]:
    """Give as many threads as the parallel kernels of this thread use, each with products its own.

    A product is worked on by one thread, for more would change its last bits. The threads give no
    warning of a number that stops being finite: the trainer tells it as Diverged. What a caller
    has said to NumPy of such numbers does not reach other threads.
    """
    quiet = partial(np.seterr, over="ignore", invalid="ignore")
    with (
        threadpool_limits(1, user_api="blas"),
        ThreadPoolExecutor(kernels.threads(), initializer=quiet) as threads,
    ):
        yield threads
