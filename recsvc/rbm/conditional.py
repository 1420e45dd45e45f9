"""Learning of the joint machine: what a user rated, told from a part of it, by Adam.

The objective is the conditional likelihood of all of a user's ratings given a random part of them,

    −Σ_n log p(a_n | h),  h = P(h = 1 | a random part of V), some hidden units left out,

whose partition sum runs over all (item, level) pairs. Of one batch at a time the fields of all
pairs are kept, in chunks of items; each chunk is worked on by one thread, with matrix products of
its own, so the result is the same for any number of threads.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # it has no types

from recsvc.rbm import joint, kernels, units
from recsvc.rbm.batches import Batch, deal
from recsvc.rbm.params import Hyperparameters, Params
from recsvc.rbm.ratings import Floats, Ints, RatingMatrix

CHUNK_PAIRS = 640  # a chunk's fields for a batch of 200 stay in the second cache
SQUARE_KEPT = 0.999
EPSILON = 1e-10


@dataclass(frozen=True)
class Moments:
    """What Adam remembers of past gradients."""

    mean: Params
    square: Params


@dataclass(frozen=True)
class HiddenSide:
    """What the hidden units of a batch were given, and what they say.

    kept      (n_batch_ratings,) 1 where a rating was given
    tempers   (n_batch,) the evidence of each given rating
    slopes    (n_batch, n_hidden) dh/dx, 0 for a unit left out
    hidden    (n_batch, n_hidden) what the visible side sees
    """

    kept: NDArray[np.uint8]
    tempers: Floats
    slopes: Floats
    hidden: Floats


def learn_epoch(
    params: Params,
    moments: Moments,
    ratings: RatingMatrix,
    hyper: Hyperparameters,
    *,
    learning_rate: float,
    seed: int,
    epoch: int,
) -> None:
    """Go through all ratings once, moving parameters and moments in place."""
    with (
        threadpool_limits(1, user_api="blas"),  # more would change the last bits
        ThreadPoolExecutor(kernels.threads()) as pool,
    ):
        visible = VisibleSide.of(params, pool)
        n_batches = ceil(np.count_nonzero(np.diff(ratings.indptr)) / hyper.batch_size)
        batches = deal(ratings, hyper.batch_size, seed=seed, epoch=epoch)
        for n_steps, batch in enumerate(batches, 1 + (epoch - 1) * n_batches):
            side = hidden_side(params, batch, hyper, seed=seed, epoch=epoch)
            by_bias, by_hidden = visible.gradient(params, batch, side.hidden)
            gradient = Params(visible.by_weights, by_bias, by_hidden * side.slopes)
            step = AdamStep.at(n_steps, learning_rate, hyper)
            move(params, moments, batch, side, gradient, step)


def hidden_side(
    params: Params, batch: Batch, hyper: Hyperparameters, *, seed: int, epoch: int
) -> HiddenSide:
    """Give each user's hidden units a random part of the ratings; all the chance is here."""
    n_batch, n_hidden = batch.users.size, params.hidden_bias.size
    keys = np.empty(n_batch, dtype=np.uint64)
    kernels.streams(seed, epoch, batch.users, keys)
    kept = np.empty(batch.levels.size, dtype=np.uint8)
    sums = np.empty((n_batch, n_hidden), dtype=np.float32)
    n_kept = np.empty(n_batch, dtype=np.int64)
    kernels.keep_some(
        params.weights, batch.indptr, batch.items, batch.levels, keys, hyper.least_input,
        kept, sums, n_kept,
    )  # fmt: skip
    tempers = joint.evidence(n_kept)
    sums *= tempers[:, np.newaxis]
    active = units.sigmoid(sums + params.hidden_bias)
    mask = np.empty_like(active)
    kernels.drop_units(keys, 1 + np.diff(batch.indptr), hyper.dropout, mask)
    return HiddenSide(kept, tempers, active * (np.float32(1.0) - active) * mask, active * mask)


@dataclass(frozen=True)
class VisibleSide:
    """The softmax over all pairs, chunk by chunk.

    ends        items of each chunk: from one end to the next
    by_weights  (n_items, n_levels, n_hidden) room for the gradient
    """

    pool: ThreadPoolExecutor
    ends: Ints
    by_weights: Floats

    @classmethod
    def of(cls, params: Params, pool: ThreadPoolExecutor) -> "VisibleSide":
        """Cut the items into chunks; where, depends on the shape alone."""
        n_items, n_levels, _ = params.weights.shape
        width = max(1, CHUNK_PAIRS // n_levels)
        ends = np.append(np.arange(0, n_items, width), n_items)
        return cls(pool, ends, np.empty_like(params.weights))

    def gradient(self, params: Params, batch: Batch, hidden: Floats) -> tuple[Floats, Floats]:
        """Fill `by_weights`; give the gradient by the biases and by the hidden units.

        Of the mean over the batch's ratings of −log p(a | h):  Σ_u (N_u p(a | h_u) − n_ua) / N.

        hidden   (n_batch, n_hidden)
        returns  (n_items, n_levels) and (n_batch, n_hidden)
        """
        counts = np.diff(batch.indptr).astype(np.float32)
        chunks = [slice(a, b) for a, b in pairwise(self.ends.tolist())]
        fields = list(self.pool.map(lambda own: _fields(params, own, hidden), chunks))
        most = np.max([part.max(axis=1) for part in fields], axis=0)[:, np.newaxis]
        sums = list(self.pool.map(lambda part: _exponentials(part, most), fields))
        shares = (counts / counts.sum() / np.sum(sums, axis=0))[:, np.newaxis]
        by_bias = np.empty(params.visible_bias.shape, dtype=np.float32)

        def finish(own: slice, part: Floats) -> Floats:
            part *= shares
            _subtract_what_was_rated(part, batch, own, np.float32(1.0) / counts.sum())
            np.matmul(part.T, hidden, out=_pairs(self.by_weights[own]))
            by_bias[own] = part.sum(axis=0).reshape(by_bias[own].shape)
            by_hidden: Floats = part @ _pairs(params.weights[own])
            return by_hidden

        return by_bias, np.sum(list(self.pool.map(finish, chunks, fields)), axis=0)


def _pairs(weights: Floats) -> Floats:
    """See (n_items, n_levels, n_hidden) as (n_pairs, n_hidden)."""
    return weights.reshape(-1, weights.shape[2])


def _fields(params: Params, own: slice, hidden: Floats) -> Floats:
    """Log p(a | h) of a chunk's pairs, but for each user's constant, (n_batch, n_pairs)."""
    fields: Floats = hidden @ _pairs(params.weights[own]).T
    fields += params.visible_bias[own].ravel()
    return fields


def _exponentials(fields: Floats, most: Floats) -> Floats:
    """Turn fields into e^(field − most) in place; give each user's sum."""
    fields -= most
    np.exp(fields, out=fields)
    sums: Floats = fields.sum(axis=1)
    return sums


def _subtract_what_was_rated(fields: Floats, batch: Batch, own: slice, weight: np.float32) -> None:
    """Take `weight` from the pairs that the batch's users rated; each has one level an item."""
    indptr = batch.item_indptr[own.start : own.stop + 1]
    entries = slice(indptr[0], indptr[-1])
    n_items = own.stop - own.start
    n_levels = fields.shape[1] // n_items
    items = np.repeat(np.arange(n_items), np.diff(indptr))
    pairs = items * n_levels + batch.levels[batch.places[entries]]
    fields[batch.rows[entries], pairs] -= weight


@dataclass(frozen=True)
class AdamStep:
    """The numbers of one step, corrected for moments that started at zero [Kingma, Ba 2015]."""

    rate: np.float32
    epsilon: np.float32
    decay: np.float32
    mean_kept: np.float32
    square_kept: np.float32

    @classmethod
    def at(cls, n_steps: int, learning_rate: float, hyper: Hyperparameters) -> "AdamStep":
        """Give those of step `n_steps`, counted from 1."""
        started = sqrt(1.0 - SQUARE_KEPT**n_steps)
        return cls(
            np.float32(learning_rate * started / (1.0 - hyper.momentum**n_steps)),
            np.float32(EPSILON * started),
            np.float32(learning_rate * hyper.weight_decay),
            np.float32(hyper.momentum),
            np.float32(SQUARE_KEPT),
        )


def step_size(mean: Floats, square: Floats) -> float:
    """RMS of mean / √square: how large Adam's last step was, in units of the learning rate."""
    steps = mean / (np.sqrt(square) + np.float32(EPSILON))
    return float(np.sqrt(np.mean(np.square(steps, dtype=np.float64))))


def move(
    params: Params,
    moments: Moments,
    batch: Batch,
    side: HiddenSide,
    gradient: Params,
    step: AdamStep,
) -> None:
    """Take one step down the gradient, in place.

    gradient  by weights through the visible side alone, which is added to; by visible biases; and
              (n_batch, n_hidden) by each user's hidden inputs in place of that by hidden biases
    """
    by_inputs = gradient.hidden_bias
    kernels.adam_step(
        params.weights, moments.mean.weights, moments.square.weights, gradient.weights,
        batch.item_indptr, batch.rows, batch.places, batch.levels, side.kept,
        by_inputs * side.tempers[:, np.newaxis],
        step.rate, step.epsilon, step.decay, step.mean_kept, step.square_kept,
    )  # fmt: skip
    for name, slope in (
        ("visible_bias", gradient.visible_bias),
        ("hidden_bias", by_inputs.sum(axis=0)),
    ):
        mean, square = getattr(moments.mean, name), getattr(moments.square, name)
        mean *= step.mean_kept
        mean += (1 - step.mean_kept) * slope
        square *= step.square_kept
        square += (1 - step.square_kept) * slope * slope
        bias = getattr(params, name)
        bias -= step.rate * mean / (np.sqrt(square) + step.epsilon)
