"""The learning-rate range test."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WORTHWHILE_FALL = 0.1  # of the largest one
BELOW_DIVERGENCE = 3.0
RISE = 1e-3


@dataclass(frozen=True)
class RateRange:
    """The result of a learning-rate range test.

    learning_rate         the suggested rate
    falls_from, falls_to  rates between which the loss falls by a tenth of the largest fall or more
    diverges_at           the lowest rate above them at which the loss rises or is not finite
    """

    learning_rate: float
    falls_from: float
    falls_to: float
    diverges_at: float | None


def learning_rates(low: float, high: float, trials: int) -> list[float]:
    """Return a geometric series of learning rates."""
    return [float(f"{rate:.4g}") for rate in np.geomspace(low, high, trials)]


def find_rate_range(rates: Sequence[float], losses: Sequence[Sequence[float]]) -> RateRange | None:
    """Return the rates at which the loss falls, and a suggested one (after Smith, WACV 2017).

    The suggestion is the rate with the largest fall, at most a third of the rate at which the loss
    diverges.

    rates    increasing
    losses   of each rate by epoch, from before the first step; truncated at a divergence
    returns  None if the loss falls at no rate
    """
    falls = [_loss_fall(curve) for curve in losses]
    largest = max((fall for fall in falls if fall is not None), default=0.0)
    if largest <= 0:
        return None
    best = falls.index(largest)

    def is_worthwhile(place: int) -> bool:
        fall = falls[place]
        return fall is not None and fall >= WORTHWHILE_FALL * largest

    first = last = best
    while first > 0 and is_worthwhile(first - 1):
        first -= 1
    while last + 1 < len(falls) and is_worthwhile(last + 1):
        last += 1
    above = (
        rate
        for rate, fall in zip(rates[last + 1 :], falls[last + 1 :], strict=True)
        if fall is None
    )
    diverges_at = next(above, None)
    suggested = rates[best]
    if diverges_at is not None:
        suggested = max(rates[first], min(suggested, diverges_at / BELOW_DIVERGENCE))
    return RateRange(float(f"{suggested:.3g}"), rates[first], rates[last], diverges_at)


def _loss_fall(curve: Sequence[float]) -> float | None:
    """Return the fall of a loss, None if it rose or is not finite."""
    values = np.asarray(curve, dtype=np.float64)
    if values.size < 2 or not np.isfinite(values).all():
        return None
    fall = float(values[0] - values[-1])
    return None if fall < -RISE * abs(float(values[0])) else fall
