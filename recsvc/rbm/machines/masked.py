"""The masked machine: hidden probabilities, free energy and predictions."""

from dataclasses import dataclass
from math import ceil
from typing import TypeVar

import numpy as np

from recsvc.rbm import kernels
from recsvc.rbm.arrays import Doubles, Floats, Ints, Levels
from recsvc.rbm.params import Params, vector_width
from recsvc.rbm.rating_matrix import RatingMatrix

MAX_SAFE_EXPONENT = 80.0  # e^80 is a float32, and so is e^−80
MAX_WEIGHT = 80.0

Shares = TypeVar("Shares", Floats, Doubles)


def hidden_inputs(params: Params, ratings: RatingMatrix) -> Floats:
    """Return x[u, j] = hidden_bias[j] + Σ_ir weights[i, r, j] over the ratings (i, r) of user u.

    Only rated items contribute [S07 eq. 2]. Returns (n_users, n_hidden).
    """
    inputs = np.empty((ratings.n_users, params.hidden_bias.size), dtype=np.float32)
    kernels.hidden_inputs(
        params.weights,
        params.hidden_bias,
        ratings.indptr,
        ratings.items,
        ratings.levels,
        inputs,
    )
    return inputs


def sigmoid(x: Floats) -> Floats:
    """Return 1 / (1 + e^−x); it cannot overflow, and small results keep their digits."""
    shares: Floats = np.exp(np.minimum(x, np.float32(0.0)))
    shares /= np.float32(1.0) + np.exp(-np.abs(x))
    return shares


def softmax(inputs: Shares) -> Shares:
    """Return e^x over its sum, along the second axis, without overflow."""
    shares: Shares = np.exp(inputs - inputs.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


def softplus(x: Floats) -> Floats:
    """Return log(1 + e^x) without overflow, eight times as fast as `logaddexp`."""
    folded: Floats = np.log1p(np.exp(-np.abs(x)))
    folded += np.maximum(x, np.float32(0.0))
    return folded


def hidden_probabilities(params: Params, ratings: RatingMatrix) -> Floats:
    """Return P(h = 1 | v) of each user and hidden unit, (n_users, n_hidden)."""
    return sigmoid(hidden_inputs(params, ratings))


def free_energy(params: Params, ratings: RatingMatrix, inputs: Floats) -> Doubles:
    """Return F(v) = −Σ_ir visible_bias[i, r] − Σ_j softplus(x_j) of each user, (n_users,).

    The normaliser depends on the rated items and on the parameters. Compare only users with the
    same rated items under the same parameters (RBM for collaborative filtering, [S07] section 2).

    inputs  (n_users, n_hidden) x, the hidden inputs of the machine's kind
    """
    rated_bias = params.visible_bias[ratings.items, ratings.levels].astype(np.float64)
    before = np.concatenate([[0.0], np.cumsum(rated_bias)])
    bias_sums = before[ratings.indptr[1:]] - before[ratings.indptr[:-1]]
    energies: Doubles = -bias_sums - softplus(inputs).sum(axis=1, dtype=np.float64)
    return energies


@dataclass(frozen=True)
class Predictor:
    """Parameters in the form that predicts without exp or log: see `kernels.level_probabilities`.

    expm1_weights  (n_items, n_levels, width)  e^weights − 1, padded with zeros, that is with
                   units without effect, to whole vector registers
    visible_odds   (n_items, n_levels)         e^visible_bias, scaled to a maximum of 1 per item
    block          number of hidden units whose product of factors fits into a float32
    """

    expm1_weights: Floats
    visible_odds: Doubles
    block: int

    @classmethod
    def from_params(cls, params: Params) -> "Predictor":
        """Build a predictor; weights beyond ±80, where a unit is certain, are clipped to ±80."""
        weights = np.clip(params.weights, -MAX_WEIGHT, MAX_WEIGHT)
        bias = params.visible_bias.astype(np.float64)
        n_items, n_levels, n_hidden = weights.shape
        expm1_weights = np.zeros((n_items, n_levels, vector_width(n_hidden)), dtype=np.float32)
        np.expm1(weights, out=expm1_weights[:, :, :n_hidden])
        return cls(
            expm1_weights=expm1_weights,
            visible_odds=np.exp(bias - bias.max(axis=1, keepdims=True)),
            block=_choose_block(expm1_weights.shape[2], weights),
        )

    def pad_hidden(self, hidden: Floats) -> Floats:
        """Pad hidden probabilities, (n_cases, n_hidden), with zeros to the width if necessary."""
        missing = self.expm1_weights.shape[2] - hidden.shape[1]
        return np.pad(hidden, ((0, 0), (0, missing))) if missing else hidden

    def level_probabilities(
        self, hidden: Floats, cases: Ints, units: Ints, *, in_parallel: bool = False
    ) -> Doubles:
        """Return p(level | V) of visible unit units[n] for case cases[n], (n, n_levels).

        The exact predictive, p ∝ e^b_r Π_j (1 + e^{x_j + w_jr}) [S07 section 3].

        hidden  (n_cases, n_hidden)  P(h = 1 | V), V without the predicted unit
        """
        out = np.empty((units.size, self.visible_odds.shape[1]))
        kernel = (
            kernels.level_probabilities_in_parallel if in_parallel else kernels.level_probabilities
        )
        activations = self.pad_hidden(hidden)
        kernel(self.expm1_weights, self.visible_odds, activations, self.block, cases, units, out)
        return out

    def leave_one_out_probabilities(
        self, hidden: Floats, cases: Ints, units: Ints, levels: Levels
    ) -> Doubles:
        """Return p(level | V without that rating) of ratings in V, (n, n_levels).

        levels  (n,)  the level that case cases[n] gave unit units[n]
        """
        out = np.empty((units.size, self.visible_odds.shape[1]))
        kernels.leave_one_out_probabilities(
            self.expm1_weights,
            self.visible_odds,
            self.pad_hidden(hidden),
            self.block,
            cases,
            units,
            levels,
            out,
        )
        return out


def _choose_block(width: int, weights: Floats) -> int:
    """Return the longest block whose Σ|w| stays below 80 for every item and level.

    Each factor 1 + p(e^w − 1) lies between 1 and e^w, so |log product| ≤ Σ|w| for any subset.
    """
    sizes = np.abs(weights)
    block = width
    while block > 1:
        starts = np.arange(0, weights.shape[2], block)
        if np.add.reduceat(sizes, starts, axis=2).max(initial=0.0) < MAX_SAFE_EXPONENT:
            break
        block = ceil(block / 2)
    return block
