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

CHUNK_PAIRS = 1280  # at most; a chunk's fields for a batch of 200 fit into the L2 cache
POPULARITY_POWER = 0.75  # exponent of an item's count in its chance to be sampled


@dataclass(frozen=True)
class SampledItems:
    """The items whose pairs form a batch's partition sum: all items or a sample.

    items    (n_sampled,) rising
    weights  (n_sampled, n_levels, n_hidden) of these items
    bias     (n_sampled, n_levels) of these items, plus log 1/π for an item sampled with chance π
    """

    items: Ints
    weights: Floats
    bias: Floats

    def chunks(self) -> list[slice]:
        """Return slices of about equal length; they depend on the shape alone.

        An even number of chunks keeps two threads, or four, equally busy.
        """
        n_items, n_levels = self.bias.shape
        n_chunks = min(n_items, 2 * ceil(n_items * n_levels / (2 * CHUNK_PAIRS)))
        ends = [n_items * n // n_chunks for n in range(n_chunks + 1)]
        return [slice(first, last) for first, last in pairwise(ends)]


@dataclass(frozen=True)
class ItemSampler:
    """Samples the items of an epoch's partition sums: all items, or popular ones more often.

    Item i is sampled with chance π_i ~ (times it was chosen)^¾, at most 1, and weighted by 1/π_i.
    The expectation of the sum is then the sum over all items [Horvitz, Thompson 1952].

    The sampling is systematic. The items lie in a random order on a line, each with the length of
    its chance. The items at a random start and at every distance 1 from there are sampled.

    chances  (n_items,) π, all 1 if all items are used
    order    (n_items,) the items along the line
    ends     (n_items,) their ends on the line
    """

    chances: Doubles
    order: Ints
    ends: Doubles

    @classmethod
    def build(cls, ratings: RatingMatrix, most: int, *, rng: np.random.Generator) -> "ItemSampler":
        """Build a sampler of all items, or of about `most` of them."""
        n_items = ratings.n_items
        if n_items <= most:
            return cls(np.ones(n_items), np.arange(n_items), np.arange(1.0, 1.0 + n_items))
        popularity = np.power(ratings.item_counts() + 1.0, POPULARITY_POWER).astype(np.float64)
        chances = _cap_chances(popularity, most)
        order = rng.permutation(n_items)
        return cls(chances, order, np.cumsum(chances[order]))

    def sample(self, params: Params, *, rng: np.random.Generator) -> SampledItems:
        """Sample the items of one batch."""
        if self.chances.min() == 1.0:
            return SampledItems(self.order, params.weights, params.visible_bias)
        points = np.arange(rng.random(), self.ends[-1], 1.0)
        items = np.unique(self.order[np.searchsorted(self.ends, points, side="right")])
        bias = params.visible_bias[items] - np.log(self.chances[items, np.newaxis])
        return SampledItems(items, params.weights[items], bias.astype(np.float32))


def _cap_chances(sizes: Doubles, total: float) -> Doubles:
    """Return chances proportional to `sizes`, at most 1, with the sum `total`."""
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
    """The gradient of the mean of log Σ_a e^(field of a) over the batch's ratings.

    weights  (n_sampled, n_levels, n_hidden)
    bias     (n_sampled, n_levels)
    hidden   (n_batch, n_hidden)
    """

    weights: Floats
    bias: Floats
    hidden: Floats


def partition_gradient(
    sampled: SampledItems, indptr: Ints, hidden: Floats, pool: ThreadPoolExecutor
) -> PartitionGradient:
    """Return the gradient; its slope by a field is Σ_u N_u p(a | h_u) / N [SH09].

    indptr  (n_batch + 1,) user b of the batch has the ratings indptr[b] : indptr[b + 1]
    hidden  (n_batch, n_hidden)
    """
    shares = np.diff(indptr).astype(np.float32) / np.float32(indptr[-1])
    chunks = sampled.chunks()
    parts, most, sums = zip(
        *pool.map(lambda own: chunk_exponentials(sampled, own, hidden), chunks), strict=True
    )
    scales = np.exp(np.array(most) - np.max(most, axis=0))
    scales *= shares / np.einsum("cu,cu->u", scales, np.array(sums))
    by_weights, by_bias = np.empty_like(sampled.weights), np.empty_like(sampled.bias)

    def finish(own: slice, part: Floats, scale: Floats) -> Floats:
        kernels.scale_rows(part, scale, by_bias[own].reshape(-1))
        np.matmul(part.T, hidden, out=_pairs(by_weights[own]))
        by_hidden: Floats = part @ _pairs(sampled.weights[own])
        return by_hidden

    by_hidden = np.sum(list(pool.map(finish, chunks, parts, scales)), axis=0)
    return PartitionGradient(by_weights, by_bias, by_hidden)


def _pairs(weights: Floats) -> Floats:
    """View (n_items, n_levels, n_hidden) as (n_pairs, n_hidden)."""
    return weights.reshape(-1, weights.shape[2])


def chunk_exponentials(
    sampled: SampledItems, own: slice, hidden: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return e^(field − most) of a chunk's pairs, with most and sums of each user.

    One pass computes all three while the chunk's fields are in the cache.

    returns  (n_batch, n_pairs), each user's largest field of the chunk, and the row sums of the
             first
    """
    fields: Floats = hidden @ _pairs(sampled.weights[own]).T
    most, sums = np.empty_like(fields[:, 0]), np.empty_like(fields[:, 0])
    kernels.exponentials(fields, sampled.bias[own].ravel(), most, sums)
    return fields, most, sums
