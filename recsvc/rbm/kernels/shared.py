"""Kernels that several machines share: random streams, hidden inputs, batches."""

import numpy as np
from numba import prange
from numpy.typing import NDArray

from recsvc.rbm.arrays import Floats, Ints, Keys, Levels, Numbers
from recsvc.rbm.kernels.compilation import REORDERED, STRICT, inline_function, kernel
from recsvc.rbm.kernels.scalars import GOLDEN, ONE, mix

# Chunk c has every CHUNKS-th item from c on, so that popular items are spread evenly.
CHUNKS = 64

MAGNITUDE_BITS = np.int32(0x7FFFFFFF)


@kernel(fastmath=STRICT, error_model="numpy", inline="always")
def stream(seed: int, epoch: int, case: int) -> np.uint64:
    """Return the key of one case's uniforms in one epoch."""
    key = mix(np.uint64(seed) + GOLDEN)
    key = mix(key + np.uint64(epoch) * GOLDEN)
    return mix(key + np.uint64(case) * GOLDEN)


@inline_function
def _add_rated_weights(weights: Floats, items: Numbers, levels: Levels, out: Floats) -> None:
    """Add to `out`, (n_hidden,), the sum of weights[i, r] over some ratings (i, r)."""
    for k in range(items.size):
        row = weights[items[k], levels[k]]
        for hidden in range(out.size):
            out[hidden] += row[hidden]


@inline_function
def _sigmoid(inputs: Floats, out: Floats) -> None:
    """Set `out` = 1 / (1 + e^−x); an infinite e^−x leads to 0, not NaN."""
    for hidden in range(inputs.size):
        out[hidden] = ONE / (ONE + np.exp(-inputs[hidden]))


@kernel(parallel=True, fastmath=REORDERED, error_model="numpy")
def hidden_inputs(
    weights: Floats, hidden_bias: Floats, indptr: Ints, items: Numbers, levels: Levels, out: Floats
) -> None:
    """Set `out[u]` = hidden_bias + the sum of weights[i, r] over the ratings (i, r) of user u.

    weights  (n_items, n_levels, n_hidden)
    out      (n_users, n_hidden)
    """
    for user in prange(indptr.size - 1):
        for hidden in range(hidden_bias.size):
            out[user, hidden] = hidden_bias[hidden]
        rated = slice(indptr[user], indptr[user + 1])
        _add_rated_weights(weights, items[rated], levels[rated], out[user])


@kernel(parallel=True, fastmath=STRICT, error_model="numpy")
def largest_magnitude(bits: NDArray[np.int32]) -> np.int32:
    """Return the greatest magnitude of float32 numbers, as bits; NaN is above infinity.

    Magnitudes have the order of their bits [IEEE 754], and integers are compared in vector lanes.

    bits  (n,) the numbers, viewed as int32
    """
    found = np.zeros(CHUNKS, np.int32)
    apart = (bits.size + CHUNKS - 1) // CHUNKS
    for chunk in prange(CHUNKS):
        largest = np.int32(0)
        for n in range(chunk * apart, min((chunk + 1) * apart, bits.size)):
            largest = max(largest, bits[n] & MAGNITUDE_BITS)
        found[chunk] = largest
    greatest = np.int32(0)
    for chunk in range(CHUNKS):
        greatest = max(greatest, found[chunk])
    return greatest


@kernel(fastmath=REORDERED, error_model="numpy")
def row_products(rows: Floats, out: Floats) -> None:
    """Set `out[a, b]` = Σ_n rows[a, n] · rows[b, n] for b < a; the rest of `out` is 0.

    A library would split this product between threads, and round by their number.

    rows  (n_rows, n_columns);  out (n_rows, n_rows)
    """
    out[:] = 0
    for a in range(rows.shape[0]):
        for b in range(a):
            product = np.float32(0)
            for n in range(rows.shape[1]):
                product += rows[a, n] * rows[b, n]
            out[a, b] = product


@kernel(fastmath=REORDERED, error_model="numpy")
def fold_in_one(
    weights: Floats, hidden_bias: Floats, items: Numbers, levels: Levels, out: Floats
) -> None:
    """Set `out` = P(h = 1 | one user's ratings), (n_hidden,), on one thread."""
    for hidden in range(hidden_bias.size):
        out[hidden] = hidden_bias[hidden]
    _add_rated_weights(weights, items, levels, out)
    _sigmoid(out, out)


@kernel(fastmath=STRICT, error_model="numpy")
def streams(seed: int, epoch: int, users: Ints, out: Keys) -> None:
    """Set `out[b]` to the key of the uniforms of users[b] in this epoch, (n_batch,)."""
    for b in range(users.size):
        out[b] = stream(seed, epoch, users[b])


@kernel(parallel=True, fastmath=STRICT, error_model="numpy")
def gather_rows(
    indptr: Ints,
    items: Numbers,
    levels: Levels,
    users: Ints,
    out_indptr: Ints,
    out_items: Numbers,
    out_levels: Levels,
) -> None:
    """Copy some users' rows, in the order of `users`, to the places of out_indptr."""
    for b in prange(users.size):
        start, length = indptr[users[b]], out_indptr[b + 1] - out_indptr[b]
        for k in range(length):
            out_items[out_indptr[b] + k] = items[start + k]
            out_levels[out_indptr[b] + k] = levels[start + k]


@kernel(fastmath=STRICT, error_model="numpy")
def group_by_item(
    indptr: Ints, items: Numbers, item_indptr: Ints, rows: Numbers, places: Numbers
) -> None:
    """Order a batch's ratings by item, and within an item in the order of the batch.

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
