"""Kernels of the joint machine's contrastive divergence: hidden states, pairs, the step."""

import numpy as np
from numba import prange

from recsvc.rbm.arrays import Doubles, Floats, Ints, Keys, Levels, Numbers
from recsvc.rbm.kernels.compilation import REORDERED, STRICT, inline_function, kernel
from recsvc.rbm.kernels.scalars import ONE, uniform
from recsvc.rbm.kernels.shared import CHUNKS

SECOND_UNIFORM = 2.0**-24  # scale of a second uniform, whose 24 bits follow those of the first


@kernel(parallel=True, fastmath=STRICT, error_model="numpy")
def draw_units(probabilities: Floats, keys: Keys, first_draws: Ints, states: Floats) -> None:
    """Set `states` = 1 with these probabilities, else 0; both are (n_batch, n_hidden).

    first_draws  (n_batch,) the number of the uniform of each case's first unit
    """
    for case in prange(keys.size):
        for j in range(states.shape[1]):
            drawn = uniform(keys[case], first_draws[case] + j) < probabilities[case, j]
            states[case, j] = ONE if drawn else np.float32(0.0)


@kernel(parallel=True, fastmath=STRICT, error_model="python")
def choose_chunks(
    masses: Doubles, keys: Keys, first_draws: Ints, indptr: Ints, chunks: Ints, shares: Doubles
) -> None:
    """Choose a chunk of pairs for each draw, and the draw's position in the chunk's mass.

    A draw has 48 bits from two uniforms, so it can distinguish 2^48 pairs.

    masses       (n_batch, n_chunks) of each chunk, up to one factor per case
    first_draws  (n_batch,) the number of the uniform of each case's first draw
    indptr       (n_batch + 1,) case b makes the draws indptr[b] : indptr[b + 1]
    chunks       (n_draws,) out
    shares       (n_draws,) out: of the chunk's mass, in [0, 1]
    """
    n_chunks = masses.shape[1]
    for case in prange(keys.size):
        ends, running = np.empty(n_chunks), 0.0
        for chunk in range(n_chunks):
            running += masses[case, chunk]
            ends[chunk] = running
        for n in range(indptr[case], indptr[case + 1]):
            number = first_draws[case] + 2 * (n - indptr[case])
            second = np.float64(uniform(keys[case], number + 1)) * SECOND_UNIFORM
            reached = (np.float64(uniform(keys[case], number)) + second) * ends[n_chunks - 1]
            chunk = min(np.searchsorted(ends, reached, side="right"), n_chunks - 1)
            chunks[n] = chunk
            before = ends[chunk - 1] if chunk else 0.0
            shares[n] = min(1.0, (reached - before) / (ends[chunk] - before))


@kernel(fastmath=STRICT, error_model="numpy")
def draw_pairs(
    masses: Floats,
    indptr: Ints,
    chunk: int,
    chunks: Ints,
    shares: Doubles,
    first_pair: int,
    pairs: Ints,
) -> None:
    """Find the pairs of the draws in one chunk, by the inverse distribution function.

    masses      (n_batch, n_pairs) of the chunk's pairs, up to one factor per case
    first_pair  the number of the chunk's first pair
    pairs       (n_draws,) out, for the draws of this chunk
    """
    ends = np.empty(masses.shape[1])
    for case in range(masses.shape[0]):
        running = 0.0
        for pair in range(ends.size):
            running += masses[case, pair]
            ends[pair] = running
        for n in range(indptr[case], indptr[case + 1]):
            if chunks[n] == chunk:
                place = np.searchsorted(ends, shares[n] * running, side="right")
                pairs[n] = first_pair + min(place, ends.size - 1)


@inline_function
def _add_item(
    item: int,
    item_indptr: Ints,
    rows: Numbers,
    places: Numbers,
    levels: Levels,
    sign: np.float32,
    hidden: Floats,
    out: Floats,
) -> None:
    """Add to `out[r, j]` the sum of sign · hidden[u, j] over an item's entries (u, r)."""
    for entry in range(item_indptr[item], item_indptr[item + 1]):
        row, level = rows[entry], levels[places[entry]]
        for j in range(out.shape[1]):
            out[level, j] += sign * hidden[row, j]


@kernel(parallel=True, fastmath=REORDERED, error_model="numpy")
def contrastive_adam_step(
    weights: Floats,
    mean: Floats,
    square: Floats,
    items: Ints,
    data_indptr: Ints,
    data_rows: Numbers,
    data_places: Numbers,
    data_levels: Levels,
    data_hidden: Floats,
    model_indptr: Ints,
    model_rows: Numbers,
    model_places: Numbers,
    model_levels: Levels,
    model_hidden: Floats,
    rate: np.float32,
    epsilon: np.float32,
    weight_decay: np.float32,
    beta1: np.float32,
    beta2: np.float32,
) -> None:
    """Move the weights by Adam along the contrastive divergence of a batch [SH09].

    slope[i, r, j] = Σ model_hidden[u, j] over the draws of (i, r) − Σ data_hidden[u, j] over the
    ratings (i, r). The slopes of an item are not stored after its step.

    items         (n,) the items that move
    data_hidden   (n_batch, n_hidden) contribution of a rating: share of the batch · P(h = 1 | V)
    model_hidden  (n_batch, n_hidden) contribution of a draw
    rate, epsilon, weight_decay, beta1, beta2  as in `adam_step`
    """
    _, n_levels, n_hidden = weights.shape
    shrunk = ONE - weight_decay
    for chunk in prange(CHUNKS):
        slopes = np.empty((n_levels, n_hidden), np.float32)
        for place in range(chunk, items.size, CHUNKS):
            item = items[place]
            slopes[:] = 0.0
            _add_item(
                item, model_indptr, model_rows, model_places, model_levels, ONE, model_hidden,
                slopes,
            )  # fmt: skip
            _add_item(
                item, data_indptr, data_rows, data_places, data_levels, -ONE, data_hidden, slopes
            )
            # Adam with decoupled decay, as in `adam_step`
            for level in range(n_levels):
                for j in range(n_hidden):
                    slope = slopes[level, j]
                    m = beta1 * mean[item, level, j] + (ONE - beta1) * slope
                    s = beta2 * square[item, level, j] + (ONE - beta2) * slope * slope
                    mean[item, level, j], square[item, level, j] = m, s
                    step = rate * m / (np.sqrt(s) + epsilon)
                    weights[item, level, j] = shrunk * weights[item, level, j] - step
