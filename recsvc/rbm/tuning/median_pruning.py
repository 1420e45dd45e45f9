"""Median pruning: early stopping of the trials of a sweep."""

from collections.abc import Sequence

import numpy as np

GRACE_EPOCHS = 5
LEAST_OTHERS = 3


def should_prune(
    own: float, others: Sequence[float], *, epoch: int, grace: int, higher_is_better: bool
) -> bool:
    """Return whether a trial is worse than the median of the other trials at this epoch.

    The median stopping rule of Google Vizier (Golovin et al., KDD 2017, section 3.2), with running
    bests instead of running averages, which tolerate a noisy curve.

    own     the trial's best metric up to this epoch
    others  the best metric up to this epoch of each other trial that reached it
    grace   epochs in which no trial is stopped
    """
    if epoch <= grace or len(others) < LEAST_OTHERS:
        return False
    median = float(np.median(others))
    return own < median if higher_is_better else own > median
