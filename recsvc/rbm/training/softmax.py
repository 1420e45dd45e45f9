"""The softmax over (item, level) pairs of a batch: its partition sum, whole or sampled, and slopes.

Of one batch at a time the fields of all candidate pairs are kept, in chunks of items; each chunk is
worked on by one thread, with matrix products of its own, so the result is the same for any number
of threads.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from recsvc.rbm import kernels
from recsvc.rbm.arrays import Floats
from recsvc.rbm.training.batches import Batch
from recsvc.rbm.training.sampled_softmax import Candidates


@dataclass(frozen=True)
class Slopes:
    """Of the mean of log Σ_a e^(field of a) over the batch's ratings.

    weights  (n_candidates, n_levels, n_hidden)
    bias     (n_candidates, n_levels)
    hidden   (n_batch, n_hidden)
    """

    weights: Floats
    bias: Floats
    hidden: Floats


def slopes(
    candidates: Candidates, batch: Batch, hidden: Floats, pool: ThreadPoolExecutor
) -> Slopes:
    """By a field: Σ_u N_u p(a | h_u) / N, and on from there [SH09].

    hidden  (n_batch, n_hidden)
    """
    shares = np.diff(batch.indptr).astype(np.float32) / np.float32(batch.items.size)
    chunks = candidates.chunks()
    parts, most, sums = zip(
        *pool.map(lambda own: exponentials(candidates, own, hidden), chunks), strict=True
    )
    scales = np.exp(np.array(most) - np.max(most, axis=0))
    scales *= shares / np.einsum("cu,cu->u", scales, np.array(sums))
    by_weights, by_bias = np.empty_like(candidates.weights), np.empty_like(candidates.bias)

    def finish(own: slice, part: Floats, scale: Floats) -> Floats:
        kernels.scale_rows(part, scale, by_bias[own].reshape(-1))
        np.matmul(part.T, hidden, out=_pairs(by_weights[own]))
        by_hidden: Floats = part @ _pairs(candidates.weights[own])
        return by_hidden

    by_hidden = np.sum(list(pool.map(finish, chunks, parts, scales)), axis=0)
    return Slopes(by_weights, by_bias, by_hidden)


def _pairs(weights: Floats) -> Floats:
    """See (n_items, n_levels, n_hidden) as (n_pairs, n_hidden)."""
    return weights.reshape(-1, weights.shape[2])


def exponentials(
    candidates: Candidates, own: slice, hidden: Floats
) -> tuple[Floats, Floats, Floats]:
    """e^(field − most) of a chunk's pairs, while its fields are in the cache.

    returns  (n_batch, n_pairs), each user's largest field of the chunk, and the sum of the first
    """
    fields: Floats = hidden @ _pairs(candidates.weights[own]).T
    most, sums = np.empty_like(fields[:, 0]), np.empty_like(fields[:, 0])
    kernels.exponentials(fields, candidates.bias[own].ravel(), most, sums)
    return fields, most, sums
