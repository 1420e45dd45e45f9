"""The softmax over (item, level) pairs of a batch: its items, whole or sampled, and its slopes.

The fields of all pairs of one batch are kept at a time, in chunks of items. One thread works on a
chunk, with matrix products of its own, so the result is the same for any number of threads.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

import numpy as np

from recsvc.rbm import kernels
from recsvc.rbm.arrays import Doubles, Floats, Ints
from recsvc.rbm.params import Params
from recsvc.rbm.rating_matrix import RatingMatrix

CHUNK_PAIRS = 1280  # at most; a chunk's fields for a batch of 200 stay in the second cache
POPULARITY_POWER = 0.75  # of how often an item was chosen, in its chance to be sampled


@dataclass(frozen=True)
class SampledItems:
    """The items whose pairs make up a batch's partition sum.

    items    (n_candidates,) rising
    weights  (n_candidates, n_levels, n_hidden) theirs
    bias     (n_candidates, n_levels) theirs, and log 1/π for an item sampled with chance π
    """

    items: Ints
    weights: Floats
    bias: Floats

    def chunks(self) -> list[slice]:
        """Cut the candidates evenly; where, depends on the shape alone.

        An even number of chunks keeps two threads, or four, equally busy.
        """
        n_items, n_levels = self.bias.shape
        n_chunks = min(n_items, 2 * ceil(n_items * n_levels / (2 * CHUNK_PAIRS)))
        ends = [n_items * n // n_chunks for n in range(n_chunks + 1)]
        return [slice(first, last) for first, last in pairwise(ends)]


@dataclass(frozen=True)
class ItemSampler:
    """How an epoch's candidates are drawn: all items, or what is popular rather than what is not.

    Item i is drawn with chance π_i ~ (times it was chosen)^¾, at most 1, and stands for 1/π_i of
    its like, so that the expectation of the sum is that over all items [Horvitz, Thompson 1952].
    The draw is systematic: the items lie in a random order on a line, each as long as its chance,
    and the candidates are those at a random start and every 1 from there.

    chances  (n_items,) π, all 1 where all items are candidates
    order    (n_items,) the items along the line
    ends     (n_items,) where they end
    """

    chances: Doubles
    order: Ints
    ends: Doubles

    @classmethod
    def of(cls, ratings: RatingMatrix, most: int, *, rng: np.random.Generator) -> "ItemSampler":
        """Take all items, or about `most` of them."""
        n_items = ratings.n_items
        if n_items <= most:
            return cls(np.ones(n_items), np.arange(n_items), np.arange(1.0, 1.0 + n_items))
        popularity = np.power(ratings.item_counts() + 1.0, POPULARITY_POWER).astype(np.float64)
        chances = _cap_chances(popularity, most)
        order = rng.permutation(n_items)
        return cls(chances, order, np.cumsum(chances[order]))

    def candidates(self, params: Params, *, rng: np.random.Generator) -> SampledItems:
        """Draw those of one batch."""
        if self.chances.min() == 1.0:
            return SampledItems(self.order, params.weights, params.visible_bias)
        points = np.arange(rng.random(), self.ends[-1], 1.0)
        items = np.unique(self.order[np.searchsorted(self.ends, points, side="right")])
        bias = params.visible_bias[items] - np.log(self.chances[items, np.newaxis])
        return SampledItems(items, params.weights[items], bias.astype(np.float32))


def _cap_chances(sizes: Doubles, total: float) -> Doubles:
    """Give chances proportional to `sizes`, none above 1, that add up to `total`."""
    chances = np.zeros_like(sizes)
    free = np.ones(sizes.size, dtype=np.bool_)
    while True:
        chances[free] = sizes[free] * ((total - np.count_nonzero(~free)) / sizes[free].sum())
        above = free & (chances >= 1.0)
        if not above.any():
            return chances
        chances[above] = 1.0
        free &= ~above


@dataclass(frozen=True)
class PartitionGradient:
    """Of the mean of log Σ_a e^(field of a) over the batch's ratings.

    weights  (n_candidates, n_levels, n_hidden)
    bias     (n_candidates, n_levels)
    hidden   (n_batch, n_hidden)
    """

    weights: Floats
    bias: Floats
    hidden: Floats


def partition_gradient(
    candidates: SampledItems, indptr: Ints, hidden: Floats, pool: ThreadPoolExecutor
) -> PartitionGradient:
    """By a field: Σ_u N_u p(a | h_u) / N, and on from there [SH09].

    indptr  (n_batch + 1,) user b of the batch has the ratings indptr[b] : indptr[b + 1]
    hidden  (n_batch, n_hidden)
    """
    shares = np.diff(indptr).astype(np.float32) / np.float32(indptr[-1])
    chunks = candidates.chunks()
    parts, most, sums = zip(
        *pool.map(lambda own: chunk_exponentials(candidates, own, hidden), chunks), strict=True
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
    return PartitionGradient(by_weights, by_bias, by_hidden)


def _pairs(weights: Floats) -> Floats:
    """See (n_items, n_levels, n_hidden) as (n_pairs, n_hidden)."""
    return weights.reshape(-1, weights.shape[2])


def chunk_exponentials(
    candidates: SampledItems, own: slice, hidden: Floats
) -> tuple[Floats, Floats, Floats]:
    """e^(field − most) of a chunk's pairs, while its fields are in the cache.

    returns  (n_batch, n_pairs), each user's largest field of the chunk, and the sum of the first
    """
    fields: Floats = hidden @ _pairs(candidates.weights[own]).T
    most, sums = np.empty_like(fields[:, 0]), np.empty_like(fields[:, 0])
    kernels.exponentials(fields, candidates.bias[own].ravel(), most, sums)
    return fields, most, sums
