"""The search space of a sweep: grids and random samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np

Values = dict[str, Any]  # of the hyperparameters swept, of one trial


@dataclass(frozen=True)
class Range:
    """A range of numbers for a random sweep.

    is_log    uniform in the logarithm: a rate of 0.001 … 0.01 is as likely as one of 0.01 … 0.1
    is_whole  numbers are rounded
    """

    low: float
    high: float
    is_log: bool
    is_whole: bool

    def sample(self, rng: np.random.Generator) -> float | int:
        """Draw a number."""
        if self.is_log:
            value = float(np.exp(rng.uniform(np.log(self.low), np.log(self.high))))
            value = min(max(value, self.low), self.high)
        else:
            value = float(rng.uniform(self.low, self.high))
        return round(value) if self.is_whole else float(f"{value:.6g}")


def grid_size(over: Mapping[str, Sequence[Any]]) -> int:
    """Return the number of trials of a grid."""
    return prod(len(values) for values in over.values())


def grid(over: Mapping[str, Sequence[Any]]) -> list[Values]:
    """Return every combination of values; the last hyperparameter changes fastest."""
    return [dict(zip(over, values, strict=True)) for values in product(*over.values())]


def sample_trials(
    over: Mapping[str, Range | Sequence[Any]], *, trials: int, seed: int
) -> list[Values]:
    """Draw trials: a number of a range or a value of a list; equal seeds draw equal trials."""
    rng = np.random.default_rng(seed)
    return [
        {
            name: values.sample(rng)
            if isinstance(values, Range)
            else values[int(rng.integers(len(values)))]
            for name, values in over.items()
        }
        for _ in range(trials)
    ]
