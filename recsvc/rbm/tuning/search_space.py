"""Many trainings side by side: which there are, which is hopeless, what made the difference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np

from recsvc.rbm.arrays import Doubles

Values = dict[str, Any]  # of the hyperparameters swept, of one trial

GRACE_EPOCHS = 5
LEAST_OTHERS = 3
MOST_BINS, LEAST_IN_A_BIN = 4, 3
WORTHWHILE_FALL = 0.1  # of the largest one
BELOW_DIVERGENCE = 3.0
RISE = 1e-3


@dataclass(frozen=True)
class Between:
    """Where a random sweep draws a number from.

    is_log    evenly by its logarithm: of a rate, 0.001 … 0.01 as often as 0.01 … 0.1
    is_whole  the number is rounded
    """

    low: float
    high: float
    is_log: bool
    is_whole: bool

    def drawn(self, rng: np.random.Generator) -> float | int:
        """Draw one."""
        if self.is_log:
            value = float(np.exp(rng.uniform(np.log(self.low), np.log(self.high))))
            value = min(max(value, self.low), self.high)
        else:
            value = float(rng.uniform(self.low, self.high))
        return round(value) if self.is_whole else float(f"{value:.6g}")


def grid_size(over: Mapping[str, Sequence[Any]]) -> int:
    """How many trials a grid has, before any is made."""
    return prod(len(values) for values in over.values())


def grid(over: Mapping[str, Sequence[Any]]) -> list[Values]:
    """Give every combination; the last hyperparameter changes fastest."""
    return [dict(zip(over, values, strict=True)) for values in product(*over.values())]


def drawn(over: Mapping[str, Between | Sequence[Any]], *, trials: int, seed: int) -> list[Values]:
    """Draw so many trials: a number from between two, or one of a list. The same seed, the same."""
    rng = np.random.default_rng(seed)
    return [
        {
            name: among.drawn(rng)
            if isinstance(among, Between)
            else among[int(rng.integers(len(among)))]
            for name, among in over.items()
        }
        for _ in range(trials)
    ]


def rates(low: float, high: float, trials: int) -> list[float]:
    """Give learning rates from the low to the high one, each the same factor above the last."""
    return [float(f"{rate:.4g}") for rate in np.geomspace(low, high, trials)]


def is_hopeless(
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
        share = _explained(values, measured, total, are_groups=is_alone or _repeat(values))
        if share is not None:
            shares[name] = share
    return dict(sorted(shares.items(), key=lambda entry: -entry[1]))


def _repeat(values: Sequence[Any]) -> bool:
    return len(set(values)) <= max(2, len(values) // 2)


def _explained(
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


@dataclass(frozen=True)
class RateRange:
    """What a learning-rate range test says.

    learning_rate         the one to begin with
    falls_from, falls_to  rates between which the loss falls by a tenth of the largest fall or more
    diverges_at           the lowest rate above them at which the loss rises or is no number
    """

    learning_rate: float
    falls_from: float
    falls_to: float
    diverges_at: float | None


def rate_range(rates: Sequence[float], losses: Sequence[Sequence[float]]) -> RateRange | None:
    """Find the rates at which the loss falls, and suggest one (after Smith, WACV 2017).

    Suggested is the rate at which it fell most, but none nearer to divergence than a third of the
    rate at which that begins.

    rates    rising
    losses   each rate's, epoch by epoch, from before the first step on; cut off where it diverged
    returns  None where it falls at no rate
    """
    falls = [_fall(curve) for curve in losses]
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


def _fall(curve: Sequence[float]) -> float | None:
    """How far a loss has fallen; None where it rose, or is no number."""
    values = np.asarray(curve, dtype=np.float64)
    if values.size < 2 or not np.isfinite(values).all():
        return None
    fall = float(values[0] - values[-1])
    return None if fall < -RISE * abs(float(values[0])) else fall
