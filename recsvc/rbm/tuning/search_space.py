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
    """Where a random sweep draws a number from.

    is_log    evenly by its logarithm: of a rate, 0.001 … 0.01 as often as 0.01 … 0.1
    is_whole  the number is rounded
    """

    low: float
    high: float
    is_log: bool
    is_whole: bool

    def sample(self, rng: np.random.Generator) -> float | int:
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


def sample_trials(
    over: Mapping[str, Range | Sequence[Any]], *, trials: int, seed: int
) -> list[Values]:
    """Draw so many trials: a number from between two, or one of a list. The same seed, the same."""
    rng = np.random.default_rng(seed)
    return [
        {
            name: among.sample(rng)
            if isinstance(among, Range)
            else among[int(rng.integers(len(among)))]
            for name, among in over.items()
        }
        for _ in range(trials)
    ]
