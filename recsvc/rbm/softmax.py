"""The softmax over (item, level) pairs of a batch: its partition sum, whole or sampled, and slopes.

Of one batch at a time the fields of all candidate pairs are kept, in chunks of items; each chunk is
worked on by one thread, with matrix products of its own, so the result is the same for any number
of threads.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from recsvc.rbm.batches import Batch
from recsvc.rbm.params import Params
from recsvc.rbm.ratings import Floats, Ints

CHUNK_PAIRS = 1280  # a chunk's fields for a batch of 200 stay in the second cache


@dataclass(frozen=True)
class Candidates:
    """The items whose pairs make up a batch's partition sum.

    items    (n_candidates,) rising; all that anybody in the batch rated are among them
    weights  (n_candidates, n_levels, n_hidden) theirs
    bias     (n_candidates, n_levels) theirs, and log 1/π for an item sampled with chance π
    """

    items: Ints
    weights: Floats
    bias: Floats

    @classmethod
    def of(
        cls, params: Params, batch: Batch, most: int, *, rng: np.random.Generator
    ) -> "Candidates":
        """Take all items, or what the batch rated and a sample of `most` of all.

        Each sampled item stands for 1/π of them, so that the sum's expectation is that over all
        items [Horvitz, Thompson 1952].
        """
        n_items = params.weights.shape[0]
        if n_items <= most:
            return cls(np.arange(n_items), params.weights, params.visible_bias)
        rated = np.flatnonzero(np.diff(batch.item_indptr))
        sampled = rng.choice(n_items, most, replace=False, shuffle=False)
        items = np.union1d(rated, sampled)
        bias = params.visible_bias[items]
        is_rated = np.zeros(n_items, dtype=np.bool_)
        is_rated[rated] = True
        bias[~is_rated[items]] += np.float32(np.log(n_items / most))
        return cls(items, params.weights[items], bias)

    def chunks(self) -> list[slice]:
        """Cut the candidates; where, depends on the shape alone."""
        n_items, n_levels = self.bias.shape
        ends = [*range(0, n_items, max(1, CHUNK_PAIRS // n_levels)), n_items]
        return [slice(first, last) for first, last in pairwise(ends)]


@dataclass(frozen=True)
class Slopes:
    """Of the mean of −log p(a | h) over the batch's ratings.

    weights  (n_candidates, n_levels, n_hidden) through the visible side alone
    bias     (n_candidates, n_levels)
    hidden   (n_batch, n_hidden)
    """

    weights: Floats
    bias: Floats
    hidden: Floats


def slopes(
    candidates: Candidates, batch: Batch, hidden: Floats, pool: ThreadPoolExecutor
) -> Slopes:
    """By a field: Σ_u (N_u p(a | h_u) − n_ua) / N, and on from there [SH09].

    hidden  (n_batch, n_hidden)
    """
    counts = np.diff(batch.indptr).astype(np.float32)
    chunks = candidates.chunks()
    parts, most, sums = zip(
        *pool.map(lambda own: _exponentials(candidates, own, hidden), chunks), strict=True
    )
    scales = np.exp(np.array(most) - np.max(most, axis=0))
    shares = counts / counts.sum() / np.einsum("cu,cu->u", scales, np.array(sums)) * scales
    by_weights, by_bias = np.empty_like(candidates.weights), np.empty_like(candidates.bias)

    def finish(own: slice, part: Floats, share: Floats) -> Floats:
        part *= share[:, np.newaxis]
        _subtract_what_was_rated(part, batch, candidates.items[own], 1 / counts.sum())
        np.matmul(part.T, hidden, out=_pairs(by_weights[own]))
        by_bias[own] = part.sum(axis=0).reshape(by_bias[own].shape)
        by_hidden: Floats = part @ _pairs(candidates.weights[own])
        return by_hidden

    by_hidden = np.sum(list(pool.map(finish, chunks, parts, shares)), axis=0)
    return Slopes(by_weights, by_bias, by_hidden)


def _pairs(weights: Floats) -> Floats:
    """See (n_items, n_levels, n_hidden) as (n_pairs, n_hidden)."""
    return weights.reshape(-1, weights.shape[2])


def _exponentials(
    candidates: Candidates, own: slice, hidden: Floats
) -> tuple[Floats, Floats, Floats]:
    """e^(field − most) of a chunk's pairs, while its fields are in the cache.

    returns  (n_batch, n_pairs), each user's largest field of the chunk, and the sum of the first
    """
    fields: Floats = hidden @ _pairs(candidates.weights[own]).T
    fields += candidates.bias[own].ravel()
    most: Floats = fields.max(axis=1)
    fields -= most[:, np.newaxis]
    np.exp(fields, out=fields)
    return fields, most, fields.sum(axis=1)


def _subtract_what_was_rated(fields: Floats, batch: Batch, items: Ints, weight: np.float32) -> None:
    """Take `weight` from the pairs that the batch's users rated; each has one level an item.

    items  of the chunk, rising; nobody rated those between them
    """
    first, last = batch.item_indptr[items], batch.item_indptr[items + 1]
    entries = slice(first[0], last[-1])
    n_levels = fields.shape[1] // items.size
    places = np.repeat(np.arange(items.size), last - first)
    pairs = places * n_levels + batch.levels[batch.places[entries]]
    fields[batch.rows[entries], pairs] -= weight
