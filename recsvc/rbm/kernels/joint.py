"""Kernels of the joint machine: inputs of a batch, the step, distributions, couplings."""

import numpy as np
from numba import prange

from recsvc.rbm.arrays import Doubles, Floats, Ints, Keys, Levels, Numbers
from recsvc.rbm.kernels.compilation import REORDERED, STRICT, inline_function, kernel
from recsvc.rbm.kernels.scalars import ONE, uniform
from recsvc.rbm.kernels.shared import CHUNKS


@kernel(parallel=True, fastmath=REORDERED, error_model="numpy")
def sample_inputs(
    weights: Floats,
    indptr: Ints,
    items: Numbers,
    levels: Levels,
    keys: Keys,
    min_share: float,
    is_input: Levels,
    sums: Floats,
    n_inputs: Ints,
) -> None:
    """Sample which ratings of each case are inputs, and sum their weights.

    Each case has its own chance, between `min_share` and 1, to use a rating as an input. Uniform 0
    of a case determines that chance; uniform 1 + n selects its rating n.

    is_input  (n_batch_ratings,) 1 for an input
    sums      (n_batch, n_hidden) Σ weights[i, r] over the input ratings (i, r)
    n_inputs  (n_batch,)
    """
    n_hidden = sums.shape[1]
    for case in prange(keys.size):
        share = min_share + (1.0 - min_share) * uniform(keys[case], 0)
        n_own = 0
        for j in range(n_hidden):
            sums[case, j] = 0.0
        for n in range(indptr[case], indptr[case + 1]):
            draw = uniform(keys[case], 1 + n - indptr[case])
            is_input[n] = draw < share
            if is_input[n]:
                n_own += 1
                item, level = items[n], levels[n]
                for j in range(n_hidden):
                    sums[case, j] += weights[item, level, j]
        n_inputs[case] = n_own


@kernel(parallel=True, fastmath=STRICT, error_model="python")
def drop_units(keys: Keys, first_draws: Ints, dropout: float, mask: Floats) -> None:
    """Set `mask` = 0 for a dropped hidden unit, 1 / (1 − dropout) for any other.

    first_draws  (n_batch,) the number of each case's first uniform
    mask         (n_batch, n_hidden)
    """
    stays = np.float32(1.0 / (1.0 - dropout))
    for case in prange(keys.size):
        for j in range(mask.shape[1]):
            draw = uniform(keys[case], first_draws[case] + j)
            mask[case, j] = stays if draw >= dropout else np.float32(0.0)


@kernel(parallel=True, fastmath=REORDERED, error_model="numpy")
def adam_step(
    weights: Floats,
    mean: Floats,
    square: Floats,
    items: Ints,
    sampled: Ints,
    by_weights: Floats,
    by_bias: Floats,
    item_indptr: Ints,
    rows: Numbers,
    places: Numbers,
    levels: Levels,
    is_input: Levels,
    by_input: Floats,
    by_rated: Floats,
    share: np.float32,
    rate: np.float32,
    epsilon: np.float32,
    weight_decay: np.float32,
    beta1: np.float32,
    beta2: np.float32,
    bias_slopes: Floats,
) -> None:
    """Move the weights one step of Adam with decoupled decay [Kingma, Ba 2015; Loshchilov 2019].

    items        (n,) the items that move
    sampled      (n,) the place of each among the sampled items, −1 for none
    by_weights   (n_sampled, n_levels, n_hidden) slopes of the partition sum, and
    by_bias      (n_sampled, n_levels)
    by_input     (n_batch, n_hidden) slope by the weights of each input rating, through the hidden
                 units; the same for all inputs of a case
    by_rated     (n_batch, n_hidden) slope by the weights of each rating, through the fields
    share        of one rating in the batch
    rate, epsilon  corrected for moments that start at zero
    bias_slopes  (n, n_levels) out
    """
    _, n_levels, n_hidden = weights.shape
    shrunk = ONE - weight_decay
    for chunk in prange(CHUNKS):
        slopes = np.empty((n_levels, n_hidden), np.float32)
        for n in range(chunk, items.size, CHUNKS):
            item, place = items[n], sampled[n]
            # slopes of the log partition sum
            if place >= 0:
                for level in range(n_levels):
                    bias_slopes[n, level] = by_bias[place, level]
                    for j in range(n_hidden):
                        slopes[level, j] = by_weights[place, level, j]
            else:
                slopes[:] = 0.0
                for level in range(n_levels):
                    bias_slopes[n, level] = 0.0
            # slopes of the ratings' fields, and of the hidden units by their inputs
            for entry in range(item_indptr[item], item_indptr[item + 1]):
                row, level = rows[entry], levels[places[entry]]
                bias_slopes[n, level] -= share
                if is_input[places[entry]]:
                    for j in range(n_hidden):
                        slopes[level, j] += by_input[row, j] + by_rated[row, j]
                else:
                    for j in range(n_hidden):
                        slopes[level, j] += by_rated[row, j]
            # Adam with decoupled decay: w ← (1 − decay) · w − rate · m / (√s + epsilon)
            for level in range(n_levels):
                for j in range(n_hidden):
                    slope = slopes[level, j]
                    m = beta1 * mean[item, level, j] + (ONE - beta1) * slope
                    s = beta2 * square[item, level, j] + (ONE - beta2) * slope * slope
                    mean[item, level, j], square[item, level, j] = m, s
                    step = rate * m / (np.sqrt(s) + epsilon)
                    weights[item, level, j] = shrunk * weights[item, level, j] - step


@inline_function
def _level_fields_of_one(
    weights: Floats,
    visible_bias: Floats,
    hidden: Floats,
    case: int,
    unit: int,
    out: Doubles,
    n: int,
) -> None:
    for level in range(weights.shape[1]):
        field = np.float32(0.0)
        for j in range(weights.shape[2]):
            field += hidden[case, j] * weights[unit, level, j]
        out[n, level] = visible_bias[unit, level] + field


@kernel(fastmath=REORDERED, error_model="numpy")
def level_fields(
    weights: Floats, visible_bias: Floats, hidden: Floats, cases: Ints, units: Ints, out: Doubles
) -> None:
    """Set out[n, r] = bias[i, r] + Σ_j hidden[c, j] · weights[i, r, j], c, i = cases[n], units[n].

    hidden  (n_cases, n_hidden)
    out     (n, n_levels)
    """
    for n in range(cases.size):
        _level_fields_of_one(weights, visible_bias, hidden, cases[n], units[n], out, n)


@kernel(parallel=True, fastmath=REORDERED, error_model="numpy")
def level_fields_in_parallel(
    weights: Floats, visible_bias: Floats, hidden: Floats, cases: Ints, units: Ints, out: Doubles
) -> None:
    """Compute `level_fields` on all threads, for evaluation."""
    for n in prange(cases.size):
        _level_fields_of_one(weights, visible_bias, hidden, cases[n], units[n], out, n)


@kernel(fastmath=REORDERED, error_model="numpy")
def pair_fields(
    weights: Floats, visible_bias: Floats, hidden: Floats, first_level: int, out: Floats
) -> None:
    """Set out[i, r] = visible_bias[i, f + r] + Σ_j hidden[j] · weights[i, f + r, j].

    f is `first_level`.

    hidden  (n_hidden,)
    out     (n_items, n_levels - f)
    """
    for item in range(out.shape[0]):
        for level in range(out.shape[1]):
            field = np.float32(0.0)
            for j in range(hidden.size):
                field += hidden[j] * weights[item, first_level + level, j]
            out[item, level] = visible_bias[item, first_level + level] + field


@kernel(fastmath=STRICT, error_model="numpy")
def add_couplings(
    indptr: Ints, neighbours: Numbers, strengths: Floats, items: Numbers, out: Floats
) -> None:
    """Add to out[i] the sum of J[l, i] over the items l that a user rated.

    indptr  (n_items + 1,) item l is coupled to neighbours[indptr[l] : indptr[l + 1]]
    out     (n_items,)
    """
    for n in range(items.size):
        for place in range(indptr[items[n]], indptr[items[n] + 1]):
            out[neighbours[place]] += strengths[place]


@kernel(fastmath=STRICT, error_model="numpy")
def pick_couplings(
    indptr: Ints, neighbours: Numbers, strengths: Floats, items: Numbers, columns: Ints, out: Floats
) -> None:
    """Set out[n, columns[i]] = J[items[n], i] for the items i that have a column.

    indptr   as in `add_couplings`
    columns  (n_items,) −1 for an item without a column
    """
    for n in range(items.size):
        for place in range(indptr[items[n]], indptr[items[n] + 1]):
            column = columns[neighbours[place]]
            if column >= 0:
                out[n, column] = strengths[place]


@inline_function
def _solve(matrix: Floats, ridge: np.float32, target: Floats, rounds: int, found: Floats) -> None:
    """Set `found` to the solution b of (matrix + ridge · I) b = target, by conjugate gradients.

    They start at zero [Hestenes, Stiefel 1952].
    """
    n = target.size
    left, ahead, through = target.copy(), target.copy(), np.empty(n, np.float32)
    found[:] = 0.0
    length = np.float32(0.0)
    for a in range(n):
        length += left[a] * left[a]
    for _ in range(rounds):
        if length < 1e-6:
            break
        curvature = np.float32(0.0)
        for a in range(n):
            reached = ridge * ahead[a]
            for b in range(n):
                reached += matrix[a, b] * ahead[b]
            through[a] = reached
            curvature += ahead[a] * reached
        step = length / curvature
        shorter = np.float32(0.0)
        for a in range(n):
            found[a] += step * ahead[a]
            left[a] -= step * through[a]
            shorter += left[a] * left[a]
        for a in range(n):
            ahead[a] = left[a] + (shorter / length) * ahead[a]
        length = shorter


@kernel(parallel=True, fastmath=REORDERED, error_model="python")
def solve_rows(
    gram: Floats, neighbours: Numbers, ridges: Floats, rounds: int, strengths: Floats
) -> None:
    """Fit each item to its neighbours by ridge regression, for several λ.

    Solves (G[s, s] + λI) b = G[s, i] for every item i with the neighbours s. G[s, s] is gathered
    from the gram matrix once for all λ, because that takes longer than a solution.

    gram        (n_items, n_items) number of users who rated both
    neighbours  (n_items, n_neighbours)
    ridges      (n_ridges,) λ
    strengths   (n_ridges, n_items, n_neighbours) out
    """
    n_items, n_neighbours = neighbours.shape
    for item in prange(n_items):
        own = neighbours[item]
        local = np.empty((n_neighbours, n_neighbours), np.float32)
        target = np.empty(n_neighbours, np.float32)
        for a in range(n_neighbours):
            target[a] = gram[own[a], item]
            for b in range(n_neighbours):
                local[a, b] = gram[own[a], own[b]]
        for n in range(ridges.size):
            _solve(local, ridges[n], target, rounds, strengths[n, item])
