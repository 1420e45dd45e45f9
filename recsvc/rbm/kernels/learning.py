"""Kernels of the masked machine's training: chance, the Gibbs chain, the step along it."""

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from recsvc.rbm.ratings import Floats, Ints, Levels, Numbers

Keys = NDArray[np.uint64]

# Sums and products may be reordered into vector lanes; NaN and infinity keep their meaning.
# An inlined function takes the flags of its caller, so every caller names them.
REORDERED = {"reassoc", "contract", "nsz", "arcp"}

# Items are dealt to threads like cards: how many were rated often differs less between hands.
CHUNKS = 64

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
TO_UNIT = np.float32(2.0**-24)
ONE = np.float32(1.0)


@njit(inline="always")
def _mix(state: np.uint64) -> np.uint64:
    """Scramble 64 bits: the finaliser of SplitMix64 (Steele, Lea, Flood 2014)."""
    state ^= state >> np.uint64(30)
    state *= np.uint64(0xBF58476D1CE4E5B9)
    state ^= state >> np.uint64(27)
    state *= np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
    return state


@njit(cache=True, nogil=True)
def stream(seed: int, epoch: int, case: int) -> np.uint64:
    """Give the key of one case's uniforms in one epoch."""
    key = _mix(np.uint64(seed) + GOLDEN)
    key = _mix(key + np.uint64(epoch) * GOLDEN)
    return _mix(key + np.uint64(case) * GOLDEN)


@njit(cache=True, nogil=True, inline="always")
def uniform(key: np.uint64, draw: int) -> np.float32:
    """Give uniform number `draw` of a stream, in [0, 1), 24 bits."""
    return np.float32(_mix(key + np.uint64(draw) * GOLDEN) >> np.uint64(40)) * TO_UNIT


@njit(cache=True, nogil=True, fastmath=REORDERED, inline="always")
def _add_rated_weights(weights: Floats, items: Numbers, levels: Levels, out: Floats) -> None:
    """`out` += the sum of weights[i, r] over some ratings (i, r); out (n_hidden,)."""
    for k in range(items.size):
        row = weights[items[k], levels[k]]
        for hidden in range(out.size):
            out[hidden] += row[hidden]


@njit(cache=True, nogil=True, fastmath=REORDERED, inline="always")
def _sigmoid(inputs: Floats, out: Floats) -> None:
    """`out` = 1 / (1 + e^−x), which cannot become NaN: where e^−x is infinite, 1/∞ = 0."""
    for hidden in range(inputs.size):
        out[hidden] = ONE / (ONE + np.exp(-inputs[hidden]))


@njit(cache=True, nogil=True, inline="always")
def _bernoulli(probabilities: Floats, key: np.uint64, first_draw: int, out: Floats) -> None:
    """`out`[j] = 1 with probability p[j], else 0."""
    for hidden in range(out.size):
        drawn = uniform(key, first_draw + hidden) < probabilities[hidden]
        out[hidden] = ONE if drawn else np.float32(0.0)


@njit(cache=True, nogil=True, fastmath=REORDERED, inline="always")
def _level_shares(
    weights: Floats, bias: Floats, item: int, states: Floats, row: int, out: Floats
) -> np.float32:
    """`out[r]` ∝ p(level r | h) of an item, the largest 1; the sum is returned.

    weights  (n_levels, width) the item's;  bias  (n_items, n_levels);  out  (n_levels,)
    states   (n_batch, width), of which `row` is meant
    """
    largest = np.float32(-np.inf)
    for level in range(out.size):
        total = bias[item, level]
        for hidden in range(states.shape[1]):
            total += states[row, hidden] * weights[level, hidden]
        out[level] = total
        largest = max(largest, total)
    summed = np.float32(0.0)
    for level in range(out.size):
        out[level] = np.exp(out[level] - largest)
        summed += out[level]
    return summed


@njit(cache=True, nogil=True, inline="always")
def _draw_level(shares: Floats, threshold: np.float32) -> int:
    """Give the first level at which the running sum of shares passes the threshold."""
    level = 0
    running = shares[0]
    while running <= threshold and level < shares.size - 1:
        level += 1
        running += shares[level]
    return level


@njit(cache=True, nogil=True, parallel=True, fastmath=REORDERED)
def hidden_inputs(
    weights: Floats, hidden_bias: Floats, indptr: Ints, items: Numbers, levels: Levels, out: Floats
) -> None:
    """`out[u]` = hidden_bias + the sum of weights[i, r] over the ratings (i, r) of user u.

    weights  (n_items, n_levels, n_hidden)
    out      (n_users, n_hidden)
    """
    for user in prange(indptr.size - 1):
        out[user] = hidden_bias
        rated = slice(indptr[user], indptr[user + 1])
        _add_rated_weights(weights, items[rated], levels[rated], out[user])


@njit(cache=True, nogil=True, fastmath=REORDERED)
def fold_in_one(
    weights: Floats, hidden_bias: Floats, items: Numbers, levels: Levels, out: Floats
) -> None:
    """`out` = P(h = 1 | one user's ratings), (n_hidden,): `hidden_inputs` and σ without threads."""
    out[:] = hidden_bias
    _add_rated_weights(weights, items, levels, out)
    _sigmoid(out, out)


@njit(cache=True, nogil=True)
def streams(seed: int, epoch: int, users: Ints, out: Keys) -> None:
    """`out[b]` = the key of the uniforms of users[b] in this epoch, (n_batch,)."""
    for b in range(users.size):
        out[b] = stream(seed, epoch, users[b])


@njit(cache=True, nogil=True, parallel=True, fastmath=REORDERED)
def sample_hidden(
    weights: Floats,
    hidden_bias: Floats,
    indptr: Ints,
    items: Numbers,
    levels: Levels,
    keys: Keys,
    step: int,
    probabilities: Floats,
    states: Floats,
) -> None:
    """Compute P(h = 1 | a batch's levels) and draw states from it.

    A user with n ratings draws hidden states with the uniforms from step · (n_hidden + n) on, and
    levels with the n that follow.

    step           Gibbs steps before this one
    probabilities  (n_batch, n_hidden)  out
    states         (n_batch, width)     out; what is beyond n_hidden stays as it is
    """
    n_hidden = hidden_bias.size
    for b in prange(keys.size):
        rated = slice(indptr[b], indptr[b + 1])
        inputs = hidden_bias.copy()
        _add_rated_weights(weights, items[rated], levels[rated], inputs)
        _sigmoid(inputs, probabilities[b])
        first_draw = step * (n_hidden + rated.stop - rated.start)
        _bernoulli(probabilities[b], keys[b], first_draw, states[b, :n_hidden])


@njit(cache=True, nogil=True, parallel=True, fastmath=REORDERED)
def sample_levels(
    weights: Floats,
    visible_bias: Floats,
    item_indptr: Ints,
    rows: Numbers,
    places: Numbers,
    indptr: Ints,
    keys: Keys,
    step: int,
    states: Floats,
    out: Levels,
) -> None:
    """Draw a level for every rating of a batch from p(level | h) [S07 eq. 1].

    Item by item, so that an item's weights are read once a batch and stay in the cache, filled up
    with zeros to whole vector registers, while all who rated it draw.

    states  (n_batch, width), zero beyond n_hidden
    out     (n_batch_ratings,)  in the order of the batch's ratings
    """
    n_items, n_levels, n_hidden = weights.shape
    for chunk in prange(CHUNKS):
        shares = np.empty(n_levels, np.float32)
        own = np.zeros((n_levels, states.shape[1]), np.float32)
        for item in range(chunk, n_items, CHUNKS):
            if item_indptr[item] == item_indptr[item + 1]:
                continue
            own[:, :n_hidden] = weights[item]
            for k in range(item_indptr[item], item_indptr[item + 1]):
                row, place = rows[k], places[k]
                n_rated = indptr[row + 1] - indptr[row]
                draw = step * (n_hidden + n_rated) + n_hidden + place - indptr[row]
                total = _level_shares(own, visible_bias, item, states, row, shares)
                out[place] = _draw_level(shares, uniform(keys[row], draw) * total)


@njit(cache=True, nogil=True, parallel=True)
def gather_rows(
    indptr: Ints,
    items: Numbers,
    levels: Levels,
    users: Ints,
    out_indptr: Ints,
    out_items: Numbers,
    out_levels: Levels,
) -> None:
    """Copy some users' rows, in the order of `users`, to where out_indptr says."""
    for b in prange(users.size):
        start, length = indptr[users[b]], out_indptr[b + 1] - out_indptr[b]
        for k in range(length):
            out_items[out_indptr[b] + k] = items[start + k]
            out_levels[out_indptr[b] + k] = levels[start + k]


@njit(cache=True, nogil=True)
def group_by_item(
    indptr: Ints, items: Numbers, item_indptr: Ints, rows: Numbers, places: Numbers
) -> None:
    """Lay a batch's ratings out by item, in the order of the batch within an item.

    item_indptr  (n_items + 1,)       out: item i is item_indptr[i] : item_indptr[i + 1]
    rows         (n_batch_ratings,)   out: place of the user in the batch
    places       (n_batch_ratings,)   out: place of the rating in the batch
    """
    item_indptr[:] = 0
    for k in range(items.size):
        item_indptr[items[k] + 1] += 1
    for item in range(item_indptr.size - 1):
        item_indptr[item + 1] += item_indptr[item]
    free = item_indptr[:-1].copy()
    for b in range(indptr.size - 1):
        for k in range(indptr[b], indptr[b + 1]):
            at = free[items[k]]
            free[items[k]] += 1
            rows[at] = b
            places[at] = k


@njit(cache=True, nogil=True, parallel=True, fastmath=REORDERED)
def cd_step(
    weights: Floats,
    visible_bias: Floats,
    weights_velocity: Floats,
    bias_velocity: Floats,
    item_indptr: Ints,
    rows: Numbers,
    places: Numbers,
    data_levels: Levels,
    model_levels: Levels,
    data_hidden: Floats,
    model_hidden: Floats,
    learning_rate: np.float32,
    momentum: np.float32,
    weight_decay: np.float32,
) -> None:
    """Move every item's weights and biases along the contrastive divergence of a batch [S07 eq. 6].

    gradient = (⟨v h⟩_data − ⟨v h⟩_model) / n_batch
    velocity = momentum · velocity + learning_rate · (gradient − weight_decay · weights)
    weights += velocity; the biases do not decay.
    """
    n_items, n_levels, n_hidden = weights.shape
    share = ONE / np.float32(data_hidden.shape[0])
    for chunk in prange(CHUNKS):
        gradient = np.empty((n_levels, n_hidden), np.float32)
        bias_gradient = np.empty(n_levels, np.float32)
        for item in range(chunk, n_items, CHUNKS):
            gradient[:] = 0.0
            bias_gradient[:] = 0.0
            for k in range(item_indptr[item], item_indptr[item + 1]):
                row, given, reconstructed = rows[k], data_levels[places[k]], model_levels[places[k]]
                bias_gradient[given] += ONE
                bias_gradient[reconstructed] -= ONE
                for hidden in range(n_hidden):
                    gradient[given, hidden] += data_hidden[row, hidden]
                for hidden in range(n_hidden):
                    gradient[reconstructed, hidden] -= model_hidden[row, hidden]
            for level in range(n_levels):
                for hidden in range(n_hidden):
                    weight = weights[item, level, hidden]
                    pull = share * gradient[level, hidden] - weight_decay * weight
                    step = momentum * weights_velocity[item, level, hidden] + learning_rate * pull
                    weights_velocity[item, level, hidden] = step
                    weights[item, level, hidden] = weight + step
                pull = share * bias_gradient[level]
                step = momentum * bias_velocity[item, level] + learning_rate * pull
                bias_velocity[item, level] = step
                visible_bias[item, level] += step
