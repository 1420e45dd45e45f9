"""How the hidden units and the weights are: jammed, asleep, alike, unsure, or grown too large."""

from dataclasses import dataclass

import numpy as np

from recsvc.rbm import kernels
from recsvc.rbm.arrays import Floats

SATURATED = 0.95  # mean P(h = 1), or 1 − it
ASLEEP = 0.01  # standard deviation of P(h = 1) over users
COMPARED_WEIGHTS = 128  # of each unit, evenly spread over items and levels


@dataclass(frozen=True, kw_only=True)
class UnitFigures:
    """Figures of an epoch that need no rating but those of the monitored users.

    hidden_activity   mean P(h = 1) over users and units
    hidden_certainty  mean |P(h = 1) − ½|: 0 says nothing of anybody, ½ is always sure
    saturated_units   share of units whose mean over users is above .95 or below .05
    dead_units        share of units whose standard deviation over users is below .01
    unit_similarity   greatest |cosine| between the weights of two units, on 128 weights of each; 1
                      where both have none
    """

    hidden_activity: float
    hidden_certainty: float
    saturated_units: float
    dead_units: float
    unit_similarity: float

    @classmethod
    def of(cls, hidden: Floats, weights: Floats) -> "UnitFigures":
        """Measure; hidden (n_users, n_hidden) are P(h = 1) of the monitored users.

        weights  (n_items, n_levels, n_hidden)
        """
        means = hidden.mean(axis=0)
        jammed = np.maximum(means, 1.0 - means) > SATURATED
        return cls(
            hidden_activity=float(hidden.mean()),
            hidden_certainty=float(np.abs(hidden - 0.5).mean()),
            saturated_units=float(jammed.mean()),
            dead_units=float((hidden.std(axis=0) < ASLEEP).mean()),
            unit_similarity=unit_similarity(weights),
        )


def unit_similarity(weights: Floats) -> float:
    """Greatest |cosine| between the weights (n_items, n_levels, n_hidden) of two units.

    Two units that have learned the same are one: equal first weights stay equal for ever.
    """
    flat = weights.reshape(-1, weights.shape[-1])
    if flat.shape[1] < 2:
        return 0.0
    some = flat[:: max(1, len(flat) // COMPARED_WEIGHTS)].astype(np.float32, copy=False)
    largest = np.abs(some).max(axis=0)
    even = some / np.where(largest > 0, largest, 1.0)  # squares of what is left cannot overflow
    norms = np.sqrt(np.einsum("wu,wu->u", even, even))
    if np.count_nonzero(norms) < norms.size - 1:
        return 1.0
    directions: Floats = np.ascontiguousarray((even / np.where(norms > 0, norms, 1.0)).T)
    cosines = np.empty((norms.size, norms.size), np.float32)
    kernels.row_products(directions, cosines)
    return float(min(np.abs(cosines).max(), 1.0))
