"""The threads of a fit that multiply matrices of their own."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from recsvc.rbm import kernels


def pool() -> ThreadPoolExecutor:
    """Give as many threads as the parallel kernels of this thread use.

    They give no warning of a number that stops being finite: the trainer tells it as Diverged.
    What a caller has said to NumPy of such numbers does not reach other threads.
    """
    return ThreadPoolExecutor(
        kernels.threads(), initializer=partial(np.seterr, over="ignore", invalid="ignore")
    )
