"""Median pruning: which trial of a sweep is stopped early."""

from collections.abc import Sequence

import numpy as np

GRACE_EPOCHS = 5
LEAST_OTHERS = 3


def should_prune(
    own: float, others: Sequence[float], *, epoch: int, grace: int, higher_is_better: bool
) -> bool:
    """Tell whether a trial is to be stopped: worse than the median of the others at this epoch.

    The median stopping rule of Google Vizier (Golovin et al., KDD 2017, section 3.2), with running
    bests in place of running averages: a curve that wavers is not worse for it.

    own     its best figure up to this epoch
    others  the best figure up to this epoch of each other trial that got as far
    grace   epochs in which none is stopped
    """
    if epoch <= grace or len(others) < LEAST_OTHERS:
        return False
    median = float(np.median(others))
    return own < median if higher_is_better else own > median
