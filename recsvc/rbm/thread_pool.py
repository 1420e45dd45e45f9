"""A pool of threads that compute matrix products side by side."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # it has no types

from recsvc.rbm import kernels


@contextmanager
def open_pool() -> Iterator[ThreadPoolExecutor]:
    """Yield a pool of as many threads as the parallel kernels of this thread use.

    One thread computes each matrix product, because more would change its last bits. NumPy's error
    state belongs to one thread, so each thread of the pool turns its warnings about non-finite
    numbers off; the trainer raises Diverged instead.
    """
    quiet = partial(np.seterr, over="ignore", invalid="ignore")
    with (
        threadpool_limits(1, user_api="blas"),
        ThreadPoolExecutor(kernels.threads(), initializer=quiet) as threads,
    ):
        yield threads
