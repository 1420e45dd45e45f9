"""Kernels of fine-tuning: predict some of a case's ratings from the others, and step.

The hidden units are summed out to second order. With p = P(h = 1 | input ratings),

    log Π_j (1 + p_j (e^w_j − 1)) = Σ_j p_j w_j + ½ Σ_j p_j (1 − p_j) w_j² + O(w³),

which costs two multiplications per weight. The exact form, which predictions use, would cost an
exponential and a division.
"""

import numpy as np
from numba import prange

from recsvc.rbm.arrays import Doubles, Flags, Floats, Ints, Keys, Levels, Numbers
from recsvc.rbm.kernels.compilation import REORDERED, inline_function, kernel
from recsvc.rbm.kernels.scalars import HALF, ONE, uniform

# Chunk c has every CHUNKS-th visible unit from c on, so that popular units are spread evenly.
CHUNKS = 64

MIN_SHARE = np.float32(1e-30)
ADAM_EPSILON = np.float32(1e-8)  # Adam's epsilon


@inline_function
def _activations(
    weights: Floats,
    hidden_bias: Floats,
    units: Numbers,
    levels: Levels,
    is_input: Flags,
    scale: np.float32,
    out: Floats,
) -> None:
    """Set `out` = P(h = 1 | input ratings), with `scale` as the weight of their sum."""
    out[:] = 0.0
    for n in range(units.size):
        if is_input[n]:
            unit, level = units[n], levels[n]
            for j in range(out.size):
                out[j] += weights[unit, level, j]
    for j in range(out.size):
        out[j] = ONE / (ONE + np.exp(-(hidden_bias[j] + scale * out[j])))


@inline_function
def _level_shares(
    weights: Floats, bias: Floats, unit: int, hidden: Floats, spread: Floats, out: Floats
) -> None:
    """Set `out[r]` = p(level r | input ratings) of one unit, to second order.

    hidden  (n_hidden,) p
    spread  (n_hidden,) ½ p (1 − p)
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
    """Set `out[r]` to the slope of the loss along the input of level r, and add to `losses`.

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
    input_share: np.float32,
    scale: np.float32,
    error_share: np.float32,
    is_input: Flags,
    level_slopes: Floats,
    hidden: Floats,
    hidden_slopes: Floats,
    losses: Doubles,
) -> None:
    """Predict each case's withheld ratings from its other ratings; return slopes and losses.

    The n-th rating of a case is an input if its uniform n is below `input_share`, else withheld.

    values        (n_levels,)   what a level stands for, in steps of the scale
    scale         the weight of the input ratings, above 1 because the others are missing
    error_share   share of the squared error in the loss, the rest is −log p
    is_input      (n_batch_ratings,)           out
    level_slopes  (n_batch_ratings, n_levels)  out: slopes along the levels' fields, if withheld
    hidden        (n_batch, n_hidden)          out: P(h = 1 | input ratings)
    hidden_slopes (n_batch, n_hidden)          out: slopes along the hidden units' inputs
    losses        (n_batch, 3)                 out: Σ −log p, Σ squared error, ratings predicted
    """
    n_levels, n_hidden = weights.shape[1:]
    for b in prange(keys.size):
        shares = np.empty(n_levels, np.float32)
        spread, bend = np.empty(n_hidden, np.float32), np.empty(n_hidden, np.float32)
        slopes_by_hidden = np.zeros(n_hidden, np.float32)
        own, rated = hidden[b], slice(indptr[b], indptr[b + 1])
        for n in range(rated.start, rated.stop):
            is_input[n] = uniform(keys[b], n - rated.start) < input_share
        _activations(weights, hidden_bias, units[rated], levels[rated], is_input[rated], scale, own)
        for j in range(n_hidden):
            spread[j] = HALF * own[j] * (ONE - own[j])
            bend[j] = HALF - own[j]
        losses[b] = 0.0
        # predict the withheld ratings; slopes flow through their fields to the hidden units
        for n in range(rated.start, rated.stop):
            if is_input[n]:
                continue
            unit = units[n]
            _level_shares(weights, visible_bias, unit, own, spread, shares)
            _level_slopes(shares, values, levels[n], error_share, level_slopes[n], losses[b])
            for level in range(n_levels):
                level_slope = level_slopes[n, level]
                for j in range(n_hidden):
                    weight = weights[unit, level, j]
                    slopes_by_hidden[j] += level_slope * weight * (ONE + weight * bend[j])
        # dp/dx = p (1 − p) = 2 · spread
        for j in range(n_hidden):
            hidden_slopes[b, j] = np.float32(2.0) * slopes_by_hidden[j] * spread[j]


@inline_function
def _gather_slopes(
    weights: Floats,
    unit: int,
    first: int,
    last: int,
    rows: Numbers,
    places: Numbers,
    levels: Levels,
    is_input: Flags,
    level_slopes: Floats,
    hidden: Floats,
    hidden_slopes: Floats,
    scale: np.float32,
    slopes: Floats,
    bias_slopes: Floats,
) -> None:
    """Set `slopes` to the sum over a unit's ratings in the batch, in the shape of the weights.

    first, last  the unit's ratings are rows[first : last]
    """
    slopes[:] = 0.0
    bias_slopes[:] = 0.0
    n_hidden = hidden.shape[1]
    for n in range(first, last):
        place, row = places[n], rows[n]
        if is_input[place]:
            given = levels[place]
            for j in range(n_hidden):
                slopes[given, j] += scale * hidden_slopes[row, j]
            continue
        for level in range(bias_slopes.size):
            level_slope = level_slopes[place, level]
            bias_slopes[level] += level_slope
            for j in range(n_hidden):
                own = hidden[row, j]
                slopes[level, j] += (
                    level_slope * own * (ONE + weights[unit, level, j] * (ONE - own))
                )


@inline_function
def _adam_steps(
    slopes: Floats,
    mean: Floats,
    square: Floats,
    rate: np.float32,
    beta1: np.float32,
    beta2: np.float32,
    square_correction: np.float32,
) -> None:
    """Replace slopes by Adam's steps; update the means of slopes and squares."""
    for j in range(slopes.size):
        slope = slopes[j]
        mean[j] = beta1 * mean[j] + (ONE - beta1) * slope
        square[j] = beta2 * square[j] + (ONE - beta2) * slope * slope
        slopes[j] = rate * mean[j] / (np.sqrt(square[j] * square_correction) + ADAM_EPSILON)


@inline_function
def _to_increments(weights: Floats, slopes: Floats, weight_decay: np.float32) -> None:
    """Replace slopes along weights by slopes along their increments, with weight decay.

    The weights of level r are the sum of the increments 0 … r. The slope along increment r is
    therefore the sum of the slopes along the weights of r and above.
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
    is_input: Flags,
    level_slopes: Floats,
    hidden: Floats,
    hidden_slopes: Floats,
    scale: np.float32,
    rate: np.float32,
    beta1: np.float32,
    beta2: np.float32,
    square_correction: np.float32,
    weight_decay: np.float32,
) -> None:
    """Move the weights and biases of every unit with ratings in the batch by one step of Adam.

    Adam steps along increments between neighbouring levels, so that levels share information.

    mean, square            (n_units, n_levels, n_hidden) of the increments' slopes
    bias_mean, bias_square  (n_units, n_levels)
    scale              weight of input ratings, as in `predict_withheld`
    rate               learning rate, corrected for a running mean that starts at zero
    square_correction  1 / (1 − beta2^steps)
    """
    n_units, n_levels, n_hidden = weights.shape
    for chunk in prange(CHUNKS):
        slopes = np.empty((n_levels, n_hidden), np.float32)
        bias_slopes = np.empty(n_levels, np.float32)
        for u in range(chunk, n_units, CHUNKS):
            if unit_indptr[u] == unit_indptr[u + 1]:
                continue
            _gather_slopes(
                weights, u, unit_indptr[u], unit_indptr[u + 1], rows, places, levels, is_input,
                level_slopes, hidden, hidden_slopes, scale, slopes, bias_slopes,
            )  # fmt: skip
            _to_increments(weights[u], slopes, weight_decay)
            for level in range(n_levels):
                _adam_steps(
                    slopes[level],
                    mean[u, level],
                    square[u, level],
                    rate,
                    beta1,
                    beta2,
                    square_correction,
                )
            _adam_steps(
                bias_slopes, bias_mean[u], bias_square[u], rate, beta1, beta2, square_correction
            )
            # cumulate the steps of the increments into steps of the weights
            for level in range(n_levels):
                if level > 0:
                    for j in range(n_hidden):
                        slopes[level, j] += slopes[level - 1, j]
                for j in range(n_hidden):
                    weights[u, level, j] -= slopes[level, j]
                visible_bias[u, level] -= bias_slopes[level]
