"""The joint machine: one softmax over (item, level) pairs predicts choices and their ratings.

A replicated softmax [SH09] whose categories a = (i, r) are pairs of item and level, with the
weights of the masked machine [S07]. Given the hidden units, the probability of a user's next rating
is

    p(i, r | h) = softmax over all pairs of  visible_bias[i, r] + Σ_j h_j · weights[i, r, j]

The hidden units depend on the user's N ratings, tempered so that a hundred ratings have the same
total weight as ten:

    p(h_j = 1 | V) = σ(hidden_bias[j] + evidence(N) · Σ_n weights[i_n, r_n, j])

The distribution over levels p(r | i, V) is that of the masked machine. The item's share of the
softmax ranks it in the list.
"""

from dataclasses import dataclass

import numpy as np

from recsvc.rbm import kernels
from recsvc.rbm.arrays import Doubles, Floats, Ints, Levels
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.machines import masked
from recsvc.rbm.params import Params, base_rates, initial_weights
from recsvc.rbm.rating_matrix import RatingMatrix

EVIDENCE_RATINGS = 100.0  # how many times one average rating counts, however many there are
EVIDENCE_DAMPING = (
    5.0  # ratings that a user seems to have rated beyond their own, all of them neutral
)
RATINGS_PER_BLOCK = 4096
ITEMS_PER_BLOCK = 4096
BOUND_SLACK = 1.0 + 1e-5  # a bound holds for sums of float32, too


def initial_params(
    ratings: RatingMatrix, n_levels: int, hyper: Hyperparameters, *, rng: np.random.Generator
) -> Params:
    """Return small random weights, and biases from the shares of items and of their levels.

    Every item counts half a rating more than it has, so that no bias is log 0.
    """
    shares = (ratings.item_counts() + 0.5) / (ratings.n_ratings + 0.5 * ratings.n_items)
    bias = np.log(shares)[:, np.newaxis] + np.log(base_rates(ratings, n_levels))
    return Params(
        weights=initial_weights(ratings, n_levels, hyper, rng=rng),
        visible_bias=bias.astype(np.float32),
        hidden_bias=np.zeros(hyper.n_hidden, dtype=np.float32),
    )


def evidence(n_ratings: Ints) -> Floats:
    """Return the weight of each of a user's N ratings: 100 / (N + 5)."""
    factor: Floats = (EVIDENCE_RATINGS / (n_ratings + EVIDENCE_DAMPING)).astype(np.float32)
    return factor


def hidden_inputs(params: Params, ratings: RatingMatrix) -> Floats:
    """Return x, (n_users, n_hidden), with one row per user u.

    x[u, j] = hidden_bias[j] + evidence(N_u) · Σ_ir weights[i, r, j]
    """
    sums = masked.hidden_inputs(params, ratings) - params.hidden_bias
    sums *= evidence(np.diff(ratings.indptr))[:, np.newaxis]
    return sums + params.hidden_bias


def hidden_probabilities(params: Params, ratings: RatingMatrix) -> Floats:
    """Return P(h = 1 | V) of every user, (n_users, n_hidden)."""
    return masked.sigmoid(hidden_inputs(params, ratings))


def pair_fields(params: Params, hidden: Floats, first_level: int) -> Floats:
    """Return log p(i, r | h) of all pairs with r ≥ `first_level`, up to one constant.

    hidden   (n_hidden,)
    returns  (n_items, n_levels - first_level)
    """
    n_items, n_levels, _ = params.weights.shape
    fields = np.empty((n_items, n_levels - first_level), dtype=np.float32)
    kernels.pair_fields(params.weights, params.visible_bias, hidden, first_level, fields)
    return fields


def level_fields(params: Params, hidden: Floats, items: Ints) -> Doubles:
    """Return log p(i, r | h) of some items, up to one constant, (n, n_levels)."""
    fields = np.empty((items.size, params.visible_bias.shape[1]))
    cases = np.zeros_like(items)
    kernels.level_fields(
        params.weights, params.visible_bias, hidden[np.newaxis], cases, items, fields
    )
    return fields


def field_bounds(params: Params, first_level: int) -> tuple[Doubles, Doubles]:
    """Return upper bounds of `item_fields` for any hidden units h.

    By Cauchy and Schwarz, log Σ_r e^{b_r + h·w_r} ≤ log Σ_r e^{b_r} + ‖h‖ max_r ‖w_r‖.

    returns  (n_items,) the first term, and (n_items,) the factor of ‖h‖
    """
    bias = np.logaddexp.reduce(params.visible_bias[:, first_level:].astype(np.float64), axis=1)
    some = params.weights[:, first_level:]
    lengths = np.sqrt(np.einsum("irj,irj->ir", some, some)).max(axis=1).astype(np.float64)
    return bias, lengths * BOUND_SLACK


def item_fields(params: Params, hidden: Floats, first_level: int) -> Floats:
    """Return log Σ p(i, r | h) over the levels r ≥ `first_level`, up to one constant.

    returns  (n_items,)
    """
    some = pair_fields(params, hidden, first_level)
    most = some.max(axis=1)
    sums: Floats = most + np.log(np.exp(some - most[:, np.newaxis]).sum(axis=1))
    return sums


def list_fields(params: Params, hidden: Floats, first_level: int) -> Floats:
    """Return `item_fields` of many users, by matrix products, (n_users, n_items).

    hidden  (n_users, n_hidden)
    """
    weights, bias = params.weights[:, first_level:], params.visible_bias[:, first_level:]
    n_items, n_levels = bias.shape
    found = np.empty((hidden.shape[0], n_items), dtype=np.float32)
    for start in range(0, n_items, ITEMS_PER_BLOCK):
        own = slice(start, start + ITEMS_PER_BLOCK)
        fields = [hidden @ weights[own, r].T + bias[own, r] for r in range(n_levels)]
        most = np.maximum.reduce(fields)
        found[:, own] = most + np.log(sum(np.exp(field - most) for field in fields))
    return found


@dataclass(frozen=True)
class JointPredictor:
    """Distributions over levels with the hidden units at their means, as in training.

    n_levels  number of rating levels; those of interactions come after them
    """

    params: Params
    n_levels: int

    def level_probabilities(
        self, hidden: Floats, cases: Ints, units: Ints, *, in_parallel: bool = False
    ) -> Doubles:
        """Return p(level | item, rated, V) of item units[n] for case cases[n], (n, n_levels).

        hidden  (n_cases, n_hidden)  P(h = 1 | V)
        """
        fields = np.empty((units.size, self.params.visible_bias.shape[1]))
        kernel = kernels.level_fields_in_parallel if in_parallel else kernels.level_fields
        kernel(self.params.weights, self.params.visible_bias, hidden, cases, units, fields)
        return _normalise(fields[:, : self.n_levels])

    def leave_one_out_probabilities(
        self, ratings: RatingMatrix, cases: Ints, places: Ints
    ) -> Doubles:
        """Return p(level | item, V without that rating) of ratings in V, (n, n_levels).

        cases, places  (n,) the user and the place in `ratings` of each rating
        """
        params = self.params
        sums = masked.hidden_inputs(params, ratings) - params.hidden_bias
        evidence_without = evidence(np.diff(ratings.indptr) - 1)
        shares = np.empty((cases.size, self.n_levels))
        for start in range(0, cases.size, RATINGS_PER_BLOCK):
            some = slice(start, start + RATINGS_PER_BLOCK)
            case, items, levels = _rating_entries(ratings, cases[some], places[some])
            without = sums[case] - params.weights[items, levels]
            without *= evidence_without[case][:, np.newaxis]
            hidden = masked.sigmoid(without + params.hidden_bias)
            own = np.arange(case.size)
            shares[some] = self.level_probabilities(hidden, own, items, in_parallel=True)
        return shares


def _rating_entries(ratings: RatingMatrix, cases: Ints, places: Ints) -> tuple[Ints, Ints, Levels]:
    return cases, ratings.items[places].astype(np.int64), ratings.levels[places]


def _normalise(fields: Doubles) -> Doubles:
    fields -= fields.max(axis=1, keepdims=True, initial=-np.inf)  # there may be no level
    np.exp(fields, out=fields)
    fields /= fields.sum(axis=1, keepdims=True)
    return fields
