"""Kernels of fine-tuning: predict some of a case's ratings from the others, and learn from it.

The hidden units are summed out to second order. With p = P(h = 1 | what is shown),

    log Π_j (1 + p_j (e^w_j − 1)) = Σ_j p_j w_j + ½ Σ_j p_j (1 − p_j) w_j² + O(w³),

which costs two multiplications a weight, where the exact form that answers would cost an
exponential and a division.
"""

import numpy as np
from numba import prange

from recsvc.rbm.arrays import Doubles, Flags, Floats, Ints, Keys, Levels, Numbers
from recsvc.rbm.kernels.compilation import REORDERED, inline_function, kernel
from recsvc.rbm.kernels.scalars import HALF, ONE, uniform

# Visible units are dealt to threads like cards: how many were rated often differs less so.
CHUNKS = 64

MIN_SHARE = np.float32(1e-30)
ADAM_EPSILON = np.float32(1e-8)  # Adam's epsilon


@inline_function
def _activations(
    weights: Floats,
    hidden_bias: Floats,
    units: Numbers,
    levels: Levels,
    shown: Flags,
    scale: np.float32,
    out: Floats,
) -> None:
    """`out` = P(h = 1 | the shown ratings), their sum scaled up to what all ratings would add."""
    out[:] = 0.0
    for n in range(units.size):
        if shown[n]:
            unit, level = units[n], levels[n]
            for j in range(out.size):
                out[j] += weights[unit, level, j]
    for j in range(out.size):
        out[j] = ONE / (ONE + np.exp(-(hidden_bias[j] + scale * out[j])))


@inline_function
def _level_shares(
    weights: Floats, bias: Floats, unit: int, hidden: Floats, spread: Floats, out: Floats
) -> None:
    """`out[r]` = p(level r | the shown ratings) of one unit, to second order.

    hidden p, spread ½ p (1 − p), (n_hidden,)
    """
    largest = np.float32(-np.inf)
    for level in range(out.size):
        total = bias[unit, level]
        for j in range(hidden.size):
            weight = weights[unit, level, j]
            total += weight * (hidden[j] + weight * spread[j])
        out[level] = total
        largest = max(largest, total)
    summed = np.float32(0.0)
    for level in range(out.size):
        out[level] = np.exp(out[level] - largest)
        summed += out[level]
    for level in range(out.size):
        out[level] /= summed


@inline_function
def _level_slopes(
    shares: Floats,
    values: Floats,
    given: int,
    error_share: np.float32,
    out: Floats,
    losses: Doubles,
) -> None:
    """`out[r]` = slope of the loss along the input of level r; the losses are added to `losses`.

    loss = (1 − s) · −log p_given + s · (Σ_r p_r value_r − value_given)²
    """
    expected = np.float32(0.0)
    for level in range(shares.size):
        expected += shares[level] * values[level]
    error = expected - values[given]
    losses[0] -= np.log(max(shares[given], MIN_SHARE))
    losses[1] += error * error
    losses[2] += 1.0
    for level in range(shares.size):
        miss = shares[level] - (ONE if level == given else np.float32(0.0))
        bend = np.float32(2.0) * error * shares[level] * (values[level] - expected)
        out[level] = (ONE - error_share) * miss + error_share * bend


@kernel(parallel=True, fastmath=REORDERED, error_model="numpy")
def predict_withheld(
    weights: Floats,
    visible_bias: Floats,
    hidden_bias: Floats,
    values: Floats,
    indptr: Ints,
    units: Numbers,
    levels: Levels,
    keys: Keys,
    shown_share: np.float32,
    scale: np.float32,
    error_share: np.float32,
    shown: Flags,
    level_pulls: Floats,
    hidden: Floats,
    hidden_pulls: Floats,
    losses: Doubles,
) -> None:
    """Show some of each case's ratings, predict the others, and measure where the loss slopes.

    The n-th rating of a case is shown if its uniform n is below `shown_share`.

    values        (n_levels,)   what a level stands for, in steps of the scale
    scale         what the shown ratings count for, so that they weigh as much as all would
    error_share   share of the squared error in the loss, the rest is −log p
    shown         (n_batch_ratings,)           out
    level_pulls   (n_batch_ratings, n_levels)  out: slopes along the levels' inputs, if not shown
    hidden        (n_batch, n_hidden)          out: P(h = 1 | the shown ratings)
    hidden_pulls  (n_batch, n_hidden)          out: slopes along the hidden units' inputs
    losses        (n_batch, 3)                 out: Σ −log p, Σ squared error, ratings predicted
    """
    n_levels, n_hidden = weights.shape[1:]
    for b in prange(keys.size):
        shares = np.empty(n_levels, np.float32)
        spread, bend = np.empty(n_hidden, np.float32), np.empty(n_hidden, np.float32)
        pulls = np.zeros(n_hidden, np.float32)
        own, rated = hidden[b], slice(indptr[b], indptr[b + 1])
        for n in range(rated.start, rated.stop):
            shown[n] = uniform(keys[b], n - rated.start) < shown_share
        _activations(weights, hidden_bias, units[rated], levels[rated], shown[rated], scale, own)
        for j in range(n_hidden):
            spread[j] = HALF * own[j] * (ONE - own[j])
            bend[j] = HALF - own[j]
        losses[b] = 0.0
        for n in range(rated.start, rated.stop):
            if shown[n]:
                continue
            unit = units[n]
            _level_shares(weights, visible_bias, unit, own, spread, shares)
            _level_slopes(shares, values, levels[n], error_share, level_pulls[n], losses[b])
            for level in range(n_levels):
                pull = level_pulls[n, level]
                for j in range(n_hidden):
                    weight = weights[unit, level, j]
                    pulls[j] += pull * weight * (ONE + weight * bend[j])
        for j in range(n_hidden):
            hidden_pulls[b, j] = np.float32(2.0) * pulls[j] * spread[j]


@inline_function
def _gather_slopes(
    weights: Floats,
    unit: int,
    first: int,
    last: int,
    rows: Numbers,
    places: Numbers,
    levels: Levels,
    shown: Flags,
    level_pulls: Floats,
    hidden: Floats,
    hidden_pulls: Floats,
    scale: np.float32,
    slopes: Floats,
    bias_slopes: Floats,
) -> None:
    """`slopes` = Σ over a unit's ratings of the batch, shown or predicted; slopes as weights.

    first, last  the unit's ratings are rows[first : last]
    """
    slopes[:] = 0.0
    bias_slopes[:] = 0.0
    n_hidden = hidden.shape[1]
    for n in range(first, last):
        place, row = places[n], rows[n]
        if shown[place]:
            given = levels[place]
            for j in range(n_hidden):
                slopes[given, j] += scale * hidden_pulls[row, j]
            continue
        for level in range(bias_slopes.size):
            pull = level_pulls[place, level]
            bias_slopes[level] += pull
            for j in range(n_hidden):
                own = hidden[row, j]
                slopes[level, j] += pull * own * (ONE + weights[unit, level, j] * (ONE - own))


@inline_function
def _adam_steps(
    slopes: Floats,
    mean: Floats,
    square: Floats,
    rate: np.float32,
    kept: np.float32,
    kept_square: np.float32,
    unbias: np.float32,
) -> None:
    """Turn slopes into steps, in place; running means of the slopes and of their squares move."""
    for j in range(slopes.size):
        slope = slopes[j]
        mean[j] = kept * mean[j] + (ONE - kept) * slope
        square[j] = kept_square * square[j] + (ONE - kept_square) * slope * slope
        slopes[j] = rate * mean[j] / (np.sqrt(square[j] * unbias) + ADAM_EPSILON)


@inline_function
def _to_increments(weights: Floats, slopes: Floats, weight_decay: np.float32) -> None:
    """Turn slopes along weights into slopes along their increments, and let increments decay.

    The weights of level r are the sum of the increments 0 … r, so what pulls at r and above pulls
    at increment r.
    """
    n_levels, n_hidden = weights.shape
    for level in range(n_levels - 2, -1, -1):
        for j in range(n_hidden):
            slopes[level, j] += slopes[level + 1, j]
    for j in range(n_hidden):
        slopes[0, j] += weight_decay * weights[0, j]
    for level in range(1, n_levels):
        for j in range(n_hidden):
            slopes[level, j] += weight_decay * (weights[level, j] - weights[level - 1, j])


@kernel(parallel=True, fastmath=REORDERED, error_model="numpy")
def finetuning_step(
    weights: Floats,
    visible_bias: Floats,
    mean: Floats,
    square: Floats,
    bias_mean: Floats,
    bias_square: Floats,
    unit_indptr: Ints,
    rows: Numbers,
    places: Numbers,
    levels: Levels,
    shown: Flags,
    level_pulls: Floats,
    hidden: Floats,
    hidden_pulls: Floats,
    scale: np.float32,
    rate: np.float32,
    kept: np.float32,
    kept_square: np.float32,
    unbias: np.float32,
    weight_decay: np.float32,
) -> None:
    """Move the weights and biases of every unit that the batch rated by one step of Adam.

    Adam works on increments between neighbouring levels, so that levels share what they learn.

    mean, square            (n_units, n_levels, n_hidden) of the increments' slopes
    bias_mean, bias_square  (n_units, n_levels)
    scale    what shown ratings count for, as in `predict_withheld`
    rate     learning rate, corrected for the running mean's start at zero
    unbias   1 / (1 − kept_square^steps)
    """
    n_units, n_levels, n_hidden = weights.shape
    for chunk in prange(CHUNKS):
        slopes = np.empty((n_levels, n_hidden), np.float32)
        bias_slopes = np.empty(n_levels, np.float32)
        for u in range(chunk, n_units, CHUNKS):
            if unit_indptr[u] == unit_indptr[u + 1]:
                continue
            _gather_slopes(
                weights, u, unit_indptr[u], unit_indptr[u + 1], rows, places, levels, shown,
                level_pulls, hidden, hidden_pulls, scale, slopes, bias_slopes,
            )  # fmt: skip
            _to_increments(weights[u], slopes, weight_decay)
            for level in range(n_levels):
                _adam_steps(
                    slopes[level], mean[u, level], square[u, level], rate, kept, kept_square, unbias
                )
            _adam_steps(bias_slopes, bias_mean[u], bias_square[u], rate, kept, kept_square, unbias)
            for level in range(n_levels):
                if level > 0:
                    for j in range(n_hidden):
                        slopes[level, j] += slopes[level - 1, j]
                for j in range(n_hidden):
                    weights[u, level, j] -= slopes[level, j]
                visible_bias[u, level] -= bias_slopes[level]
