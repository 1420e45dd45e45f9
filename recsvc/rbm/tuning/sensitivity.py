"""The share of a metric's variance that each hyperparameter explains."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from recsvc.rbm.arrays import Doubles
from recsvc.rbm.tuning.search_space import Values

MOST_BINS, LEAST_IN_A_BIN = 4, 3


def sensitivity(trials: Sequence[Values], figures: Sequence[float]) -> dict[str, float]:
    """Return the share of a metric's variance that each hyperparameter explains, 0 … 1.

    The first-order index V(E(Y|X)) / V(Y) (Sobol; Saltelli et al., Global Sensitivity Analysis,
    2008, section 1.2.4), as the correlation ratio: variance between groups over all variance. In a
    full grid a group is a value. Values that hardly repeat are grouped by quantiles, with a
    correction for few trials (Kelley's epsilon squared, 1935).

    returns  sorted by descending share, without hyperparameters with too few trials; empty for
             fewer than two trials or identical results
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
    """Return the share, None if the values cannot be grouped.

    are_groups  whether trials with equal values are a group
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
