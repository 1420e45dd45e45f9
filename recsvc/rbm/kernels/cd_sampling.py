"""Kernels of the Gibbs chain: a batch's hidden states and levels.

The items are divided into chunks. One thread works on a chunk, item by item, so that an item's
weights stay in the cache while all its ratings are drawn. Each chunk has its own sum of hidden
inputs, and the sums are added in the order of the chunks. The result therefore does not depend on
the number of threads.

The expensive loops pass no arrays and make no views of arrays: numba would count references in
them, which costs more than the arithmetic.
"""

import numpy as np
from numba import prange

from recsvc.rbm.arrays import Floats, Ints, Keys, Levels, Numbers
from recsvc.rbm.kernels.cd_state import BatchLayout, CDArrays, GibbsChain
from recsvc.rbm.kernels.compilation import REORDERED, embed_function, inline_function, kernel
from recsvc.rbm.kernels.scalars import ONE, exponential, uniform

ZERO = np.float32(0.0)
LANES = 8  # float32 numbers in a vector register that every x86-64 server has


@inline_function
def sum_inputs(
    weights: Floats, group_items: Numbers, group_starts: Ints, first: int, last: int,
    rows: Numbers, levels: Levels, sums: Floats,
) -> None:  # fmt: skip
    """Set `sums` = Σ weights[i, r] over a user's ratings in some groups, (n_batch, n_hidden)."""
    for row in range(sums.shape[0]):
        for j in range(sums.shape[1]):
            sums[row, j] = ZERO
    for group in range(first, last):
        item = group_items[group]
        for k in range(group_starts[group], group_starts[group + 1]):
            row, level = rows[k], levels[k]
            for j in range(sums.shape[1]):
                sums[row, j] += weights[item, level, j]


@embed_function(fastmath=REORDERED, error_model="numpy")
def _sample_user(
    hidden_bias: Floats, sums: Floats, row: int, key: np.uint64, first_draw: int,
    probabilities: Floats, states: Floats,
) -> None:  # fmt: skip
    """Compute P(h = 1 | levels) of one user, and sample states from it."""
    for j in range(hidden_bias.size):
        probabilities[row, j] = hidden_bias[j]
    for chunk in range(sums.shape[0]):
        for j in range(hidden_bias.size):
            probabilities[row, j] += sums[chunk, row, j]
    for j in range(hidden_bias.size):
        probabilities[row, j] = ONE / (ONE + exponential(-probabilities[row, j]))
    for j in range(hidden_bias.size):
        drawn = uniform(key, first_draw + j) < probabilities[row, j]
        states[row, j] = ONE if drawn else ZERO


@kernel(parallel=True, fastmath=REORDERED, error_model="numpy")
def sample_hidden(
    arrays: CDArrays, layout: BatchLayout, chain: GibbsChain, batch: int, step: int, out: Floats
) -> None:
    """Set `out` = P(h = 1 | levels) of a batch from the chunks' sums, and sample states.

    A user's hidden states use the uniforms from step · (n_hidden + n_items) on. The level of an
    item uses uniform number `item` of those that follow.

    step  number of Gibbs steps before this one
    out   (n_batch, n_hidden)
    """
    first = layout.starts[batch]
    first_draw = step * (arrays.hidden_bias.size + arrays.weights.shape[0])
    for row in prange(layout.starts[batch + 1] - first):
        _sample_user(
            arrays.hidden_bias, chain.sums, row, layout.keys[first + row], first_draw, out,
            chain.states,
        )  # fmt: skip


@inline_function
def _level_fields(
    weights: Floats, bias: Floats, states: Floats, group_items: Numbers, group_starts: Ints,
    first: int, last: int, rows: Numbers, out: Floats,
) -> None:  # fmt: skip
    """Set `out[n, r]` = bias[i, r] + weights[i, r] · states[u] of the n-th rating in some groups.

    out  (n_ratings of the groups, at least n_levels)
    """
    n_levels, n_hidden = weights.shape[1:]
    start = group_starts[first]
    for group in range(first, last):
        item = group_items[group]
        for k in range(group_starts[group], group_starts[group + 1]):
            row, n, level = rows[k], k - start, 0
            while level + 5 <= n_levels:  # five levels for each read of a state
                a = b = c = d = e = ZERO
                for j in range(n_hidden):
                    state = states[row, j]
                    a += state * weights[item, level, j]
                    b += state * weights[item, level + 1, j]
                    c += state * weights[item, level + 2, j]
                    d += state * weights[item, level + 3, j]
                    e += state * weights[item, level + 4, j]
                out[n, level] = bias[item, level] + a
                out[n, level + 1] = bias[item, level + 1] + b
                out[n, level + 2] = bias[item, level + 2] + c
                out[n, level + 3] = bias[item, level + 3] + d
                out[n, level + 4] = bias[item, level + 4] + e
                level += 5
            for rest in range(level, n_levels):
                total = bias[item, rest]
                for j in range(n_hidden):
                    total += states[row, j] * weights[item, rest, j]
                out[n, rest] = total


@inline_function
def _exponentials(fields: Floats, flat: Floats, n_levels: int) -> None:
    """Replace fields by e^(field − the rating's largest); `flat` is the same array."""
    for n in range(fields.shape[0]):
        largest = fields[n, 0]
        for level in range(1, n_levels):
            largest = max(largest, fields[n, level])
        for level in range(n_levels):
            fields[n, level] -= largest
    for m in range(flat.size):
        flat[m] = exponential(flat[m])


@inline_function
def _draw_levels(
    shares: Floats, n_levels: int, group_items: Numbers, group_starts: Ints, first: int,
    last: int, rows: Numbers, keys: Keys, first_draw: int, out: Levels,
) -> None:  # fmt: skip
    """Set `out[k]` to the first level whose cumulated share exceeds a random threshold."""
    start = group_starts[first]
    for group in range(first, last):
        draw = first_draw + group_items[group]
        for k in range(group_starts[group], group_starts[group + 1]):
            total = ZERO
            for level in range(n_levels):
                total += shares[k - start, level]
            threshold = uniform(keys[rows[k]], draw) * total
            drawn, running = 0, ZERO
            for level in range(n_levels - 1):
                running += shares[k - start, level]
                drawn += running <= threshold
            out[k] = drawn


@embed_function(fastmath=REORDERED, error_model="numpy")
def _sample_chunk(
    arrays: CDArrays, layout: BatchLayout, chain: GibbsChain, batch: int, chunk: int, step: int
) -> None:
    """Sample the levels of a chunk's ratings, and sum their hidden inputs."""
    n_items, n_levels, n_hidden = arrays.weights.shape
    keys = layout.keys[layout.starts[batch] : layout.starts[batch + 1]]
    first, last = layout.chunk_groups[batch, chunk], layout.chunk_groups[batch, chunk + 1]
    n_ratings = layout.group_starts[last] - layout.group_starts[first]
    shares = np.zeros((n_ratings, (n_levels + LANES - 1) // LANES * LANES), np.float32)
    _level_fields(
        arrays.weights, arrays.visible_bias, chain.states, layout.group_items, layout.group_starts,
        first, last, layout.rows, shares,
    )  # fmt: skip
    _exponentials(shares, shares.reshape(-1), n_levels)
    _draw_levels(
        shares, n_levels, layout.group_items, layout.group_starts, first, last, layout.rows, keys,
        step * (n_hidden + n_items) + n_hidden, chain.model_levels,
    )  # fmt: skip
    sum_inputs(
        arrays.weights, layout.group_items, layout.group_starts, first, last, layout.rows,
        chain.model_levels, chain.sums[chunk, : keys.size],
    )  # fmt: skip


@kernel(parallel=True, fastmath=REORDERED, error_model="numpy")
def sample_levels(
    arrays: CDArrays, layout: BatchLayout, chain: GibbsChain, batch: int, step: int
) -> None:
    """Sample a level for every rating of a batch from p(level | h) [S07 eq. 1], and sum inputs.

    The order is by item, so that an item's weights stay in the cache for all its ratings.
    """
    for chunk in prange(layout.bounds.size - 1):
        _sample_chunk(arrays, layout, chain, batch, chunk, step)
