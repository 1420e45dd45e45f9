"""Learning of the joint machine: what a user rated, told from a part of it, by Adam.

The objective is the conditional likelihood of all of a user's ratings given a random part of them,

    −Σ_n log p(a_n | h),  h = P(h = 1 | a random part of V), some hidden units left out,

whose partition sum runs over all (item, level) pairs. Of one batch at a time the fields of all
pairs are kept, see `softmax`.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # it has no types

from recsvc.rbm import adam, joint, kernels, pools, softmax, sparsity, units
from recsvc.rbm.adam import AdamStep, Moments
from recsvc.rbm.batches import Batch, deal
from recsvc.rbm.params import Hyperparameters, Params
from recsvc.rbm.ratings import Floats, RatingMatrix
from recsvc.rbm.softmax import Candidates


@dataclass(frozen=True)
class HiddenSide:
    """What the hidden units of a batch were given, and what they say.

    kept      (n_batch_ratings,) 1 where a rating was given
    tempers   (n_batch,) the evidence of each given rating
    slopes    (n_batch, n_hidden) dh/dx, 0 for a unit left out
    hidden    (n_batch, n_hidden) what the visible side sees
    active    (n_batch, n_hidden) P(h = 1 | given ratings), none left out
    """

    kept: NDArray[np.uint8]
    tempers: Floats
    slopes: Floats
    hidden: Floats
    active: Floats


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
        pools.pool() as pool,
    ):
        n_batches = ceil(np.count_nonzero(np.diff(ratings.indptr)) / hyper.batch_size)
        batches = deal(ratings, hyper.batch_size, seed=seed, epoch=epoch)
        for n_steps, batch in enumerate(batches, 1 + (epoch - 1) * n_batches):
            side = hidden_side(params, batch, hyper, seed=seed, epoch=epoch)
            rng = np.random.default_rng([seed, epoch, 2, n_steps])
            candidates = Candidates.of(params, batch, hyper.candidates, rng=rng)
            slopes = softmax.slopes(candidates, batch, side.hidden, pool)
            step = AdamStep.at(n_steps, learning_rate, hyper)
            _move(params, moments, batch, side, candidates, slopes, step)
            sparsity.pull(params.hidden_bias, side.active, hyper, learning_rate=learning_rate)


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
    slopes = active * (np.float32(1.0) - active) * mask
    return HiddenSide(kept, tempers, slopes, active * mask, active)


def _move(
    params: Params,
    moments: Moments,
    batch: Batch,
    side: HiddenSide,
    candidates: Candidates,
    slopes: softmax.Slopes,
    step: AdamStep,
) -> None:
    """Take one step down the gradient, in place; what is no candidate stays as it is."""
    by_inputs = slopes.hidden * side.slopes
    items = candidates.items
    kernels.adam_step(
        params.weights, moments.mean.weights, moments.square.weights, items, slopes.weights,
        batch.item_indptr, batch.rows, batch.places, batch.levels, side.kept,
        by_inputs * side.tempers[:, np.newaxis],
        step.rate, step.epsilon, step.decay, step.mean_kept, step.square_kept,
    )  # fmt: skip
    adam.move(params.visible_bias, moments, "visible_bias", slopes.bias, step, rows=items)
    adam.move(params.hidden_bias, moments, "hidden_bias", by_inputs.sum(axis=0), step)
