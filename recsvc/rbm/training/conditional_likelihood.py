"""Learning of the joint machine: what a user rated, told from a part of it, by Adam.

The objective is the conditional likelihood of all of a user's ratings given a random part of them,

    −Σ_n log p(a_n | h),  h = P(h = 1 | a random part of V), some hidden units left out,

whose partition sum runs over all (item, level) pairs or those of sampled items: see
`sampled_softmax`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsvc.rbm import kernels
from recsvc.rbm.arrays import Floats, Ints
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.machines import joint, masked
from recsvc.rbm.params import Params
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.training import optimizer, sampled_softmax, sparsity
from recsvc.rbm.training.batches import Batch, JointBatch, iter_joint_batches
from recsvc.rbm.training.optimizer import Moments


@dataclass(frozen=True)
class ForwardPass:
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
    rate = learning_rate
    for minibatch in iter_joint_batches(
        params, ratings, hyper, learning_rate=rate, seed=seed, epoch=epoch
    ):
        side = run_forward_pass(params, minibatch.batch, hyper, seed=seed, epoch=epoch)
        _take_adam_step(params, moments, minibatch, side)
        sparsity.apply_sparsity_penalty(params.hidden_bias, side.active, hyper, learning_rate=rate)


def run_forward_pass(
    params: Params, batch: Batch, hyper: Hyperparameters, *, seed: int, epoch: int
) -> ForwardPass:
    """Give each user's hidden units a random part of the ratings; all the chance is here."""
    n_batch, n_hidden = batch.users.size, params.hidden_bias.size
    keys = np.empty(n_batch, dtype=np.uint64)
    kernels.streams(seed, epoch, batch.users, keys)
    kept = np.empty(batch.levels.size, dtype=np.uint8)
    sums = np.empty((n_batch, n_hidden), dtype=np.float32)
    n_kept = np.empty(n_batch, dtype=np.int64)
    kernels.sample_inputs(
        params.weights,
        batch.indptr,
        batch.items,
        batch.levels,
        keys,
        hyper.least_input,
        kept,
        sums,
        n_kept,
    )
    tempers = joint.evidence(n_kept)
    sums *= tempers[:, np.newaxis]
    active = masked.sigmoid(sums + params.hidden_bias)
    mask = np.empty_like(active)
    kernels.drop_units(keys, 1 + np.diff(batch.indptr), hyper.dropout, mask)
    slopes = active * (np.float32(1.0) - active) * mask
    return ForwardPass(kept, tempers, slopes, active * mask, active)


def _take_adam_step(
    params: Params, moments: Moments, minibatch: JointBatch, side: ForwardPass
) -> None:
    """Take one step down the gradient, in place: log of the partition sum − what was rated."""
    batch, step, items = minibatch.batch, minibatch.step, minibatch.items
    share = np.float32(1.0 / batch.items.size)
    slopes = sampled_softmax.partition_gradient(
        minibatch.candidates, batch.indptr, side.hidden, minibatch.pool
    )
    rated_weights = np.empty_like(side.hidden)
    nothing = np.zeros_like(params.hidden_bias)
    kernels.hidden_inputs(
        params.weights, nothing, batch.indptr, batch.items, batch.levels, rated_weights
    )
    by_inputs = (slopes.hidden - share * rated_weights) * side.slopes
    by_bias = np.empty((items.size, params.visible_bias.shape[1]), dtype=np.float32)
    kernels.adam_step(
        params.weights,
        moments.mean.weights,
        moments.square.weights,
        items,
        _places(items, minibatch.candidates.items),
        slopes.weights,
        slopes.bias,
        batch.item_indptr,
        batch.rows,
        batch.places,
        batch.levels,
        side.kept,
        by_inputs * side.tempers[:, np.newaxis],
        -share * side.hidden,
        share,
        step.rate,
        step.epsilon,
        step.decay,
        step.mean_kept,
        step.square_kept,
        by_bias,
    )
    optimizer.move_bias(params.visible_bias, moments, "visible_bias", by_bias, step, rows=items)
    optimizer.move_bias(params.hidden_bias, moments, "hidden_bias", by_inputs.sum(axis=0), step)


def _places(items: Ints, candidates: Ints) -> Ints:
    """Give the place of each item among the candidates, which are some of them; −1 for none."""
    places = np.full(items.size, -1)
    places[np.searchsorted(items, candidates)] = np.arange(candidates.size)
    return places
