"""Inspections of a machine in training: hidden units' activity, histograms of weights and updates.

Hinton's guide displays both during training [H10 sections 6 and 15].
"""

from dataclasses import dataclass
from math import gcd

import numpy as np

from recsvc.rbm.arrays import Doubles, Floats, Ints, Levels
from recsvc.rbm.machines.functions import machine_functions
from recsvc.rbm.model_kind import MACHINES, ModelKind
from recsvc.rbm.params import Params
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.training.optimizer import adam_steps
from recsvc.rbm.training.trainer import TrainerState

MAX_CASES, MAX_UNITS = 64, 64
MAX_WEIGHTS = 1 << 13  # evenly spread; a histogram of more weights looks the same
EVERY_EPOCH_UNTIL = 16
HISTOGRAM_EDGES: Doubles = np.linspace(-8.0, 2.0, 41)  # log₁₀ of magnitudes


@dataclass(frozen=True)
class Histogram:
    """A histogram of the orders of magnitude of up to 8,192 numbers.

    zeros   count of zeros
    counts  (40,) counts by log₁₀ of the magnitude, between neighbours of HISTOGRAM_EDGES; the first
            and the last bin include all numbers beyond
    """

    zeros: int
    counts: Ints

    @classmethod
    def from_numbers(cls, numbers: Floats) -> "Histogram":
        """Count finite numbers; all others are left out."""
        magnitudes = np.abs(numbers[np.isfinite(numbers)]).astype(np.float64)
        orders = np.log10(magnitudes[magnitudes > 0])
        ends = HISTOGRAM_EDGES[0], HISTOGRAM_EDGES[-1]
        counts, _ = np.histogram(np.clip(orders, *ends), HISTOGRAM_EDGES.size - 1, ends)
        return cls(magnitudes.size - orders.size, counts)


@dataclass(frozen=True)
class Inspection:
    """The inspection of one epoch.

    activity  (n_cases, n_units) P(h = 1) in 255ths
    """

    activity: Levels
    weights: Histogram
    updates: Histogram


@dataclass(frozen=True)
class Inspector:
    """Inspects the same cases, units and weights in every epoch."""

    model_kind: ModelKind
    cases: RatingMatrix

    @classmethod
    def build(cls, model_kind: ModelKind, train: RatingMatrix, *, seed: int) -> "Inspector":
        """Choose up to 64 random cases among those with ratings."""
        rated = np.flatnonzero(np.diff(train.indptr))
        chosen = np.random.default_rng([seed, 0, 1]).permutation(rated)[:MAX_CASES]
        return cls(model_kind, train.rows(chosen))

    def inspect(self, state: TrainerState, learning_rate: float) -> Inspection:
        """Inspect a trainer's state after an epoch with this learning rate."""
        params = state.params
        hidden = machine_functions(self.model_kind).hidden_probabilities(params, self.cases)
        shown = np.nan_to_num(hidden[:, inspection_units(hidden.shape[1])])
        places = slice(None, None, weight_stride(params))
        return Inspection(
            np.rint(shown * 255).astype(np.uint8),
            Histogram.from_numbers(params.weights.ravel()[places]),
            Histogram.from_numbers(self._last_step(state, learning_rate, places)),
        )

    def _last_step(self, state: TrainerState, learning_rate: float, places: slice) -> Floats:
        velocity, square = (
            moment.weights.ravel()[places] for moment in (state.velocity, state.square)
        )
        if not MACHINES[self.model_kind].uses_adam:
            return velocity
        return learning_rate * adam_steps(velocity, square)


def is_inspected(epoch: int) -> bool:
    """Return whether an epoch is inspected: the first 16, half of the next 16, a quarter of 32.

    And so on: a job of ten thousand epochs is inspected about ninety times.
    """
    every = 1
    while epoch >= EVERY_EPOCH_UNTIL * every:
        every *= 2
    return epoch % every == 0


def inspection_units(n_hidden: int) -> Ints:
    """Return the numbers of up to 64 hidden units, evenly spread."""
    return np.unique(np.linspace(0, n_hidden - 1, min(n_hidden, MAX_UNITS)).astype(np.int64))


def weight_stride(params: Params) -> int:
    """Return the distance between inspected weights; it leaves out no unit."""
    apart = -(-params.weights.size // MAX_WEIGHTS) or 1
    while gcd(apart, params.weights.shape[-1]) > 1:
        apart += 1
    return apart
