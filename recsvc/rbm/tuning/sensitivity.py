"""The share of a metric's variance that each hyperparameter explains."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from recsvc.rbm.arrays import Doubles
from recsvc.rbm.tuning.search_space import Values

MOST_BINS, LEAST_IN_A_BIN = 4, 3


def sensitivity(trials: Sequence[Values], figures: Sequence[float]) -> dict[str, float]:
    """How much of the figures' variance each hyperparameter explains by itself, 0 … 1.

    The first-order index V(E(Y|X)) / V(Y) (Sobol; Saltelli et al., Global Sensitivity Analysis,
    2008, section 1.2.4), as the correlation ratio: variance between groups over all variance. In a
    full grid a group is a value. Values that hardly repeat are put into quantile bins, and what
    chance makes of so few trials is taken off (Kelley's epsilon squared, 1935).

    returns  the largest first, without those of which so few trials tell nothing; nothing for fewer
             than two trials, or where all came out alike
    """
    measured = np.asarray(figures, dtype=np.float64)
    total = float(np.square(measured - measured.mean()).sum()) if measured.size else 0.0
    if measured.size < 2 or total == 0.0:
        return {}
    tried = {name: [trial[name] for trial in trials] for name in trials[0]}
    is_alone = sum(len(set(values)) > 1 for values in tried.values()) == 1
    shares = {}
    for name, values in tried.items():
        share = _variance_share(
            values, measured, total, are_groups=is_alone or _has_repeats(values)
        )
        if share is not None:
            shares[name] = share
    return dict(sorted(shares.items(), key=lambda entry: -entry[1]))


def _has_repeats(values: Sequence[Any]) -> bool:
    return len(set(values)) <= max(2, len(values) // 2)


def _variance_share(
    values: Sequence[Any], figures: Doubles, total: float, *, are_groups: bool
) -> float | None:
    """Give the share; None where values are no groups, and cannot be put into any.

    are_groups  whether trials of the same value are a group
    """
    n = figures.size
    n_bins = min(MOST_BINS, n // LEAST_IN_A_BIN)
    if are_groups:
        distinct = sorted(set(values), key=lambda value: (str(type(value)), value))
        groups = np.array([distinct.index(value) for value in values])
    elif n_bins > 1 and all(isinstance(value, int | float) for value in values):
        numbers = np.asarray(values, dtype=np.float64)
        edges = np.quantile(numbers, np.arange(1, n_bins) / n_bins)
        groups = np.searchsorted(edges, numbers, side="right")
    else:
        return None
    members = [figures[groups == group] for group in np.unique(groups)]
    within = sum(float(np.square(one - one.mean()).sum()) for one in members)
    lucky = 0.0 if are_groups else (len(members) - 1) * within / (n - len(members))
    return float(np.clip((total - within - lucky) / total, 0.0, 1.0))
