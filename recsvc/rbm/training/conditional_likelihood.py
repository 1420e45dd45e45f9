"""Learning of the joint machine by conditional likelihood and Adam.

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
    """The hidden units of a batch, computed from a random part of each user's ratings.

    is_input  (n_batch_ratings,) 1 for a rating of the input
    evidence  (n_batch,) the weight of each rating of the input
    slopes    (n_batch, n_hidden) dh/dx, 0 for a unit left out
    hidden    (n_batch, n_hidden) P(h = 1 | input) after dropout
    active    (n_batch, n_hidden) P(h = 1 | input) before dropout
    """

    is_input: NDArray[np.uint8]
    evidence: Floats
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
    """Train on all ratings once; parameters and moments change in place."""
    rate = learning_rate
    for joint_batch in iter_joint_batches(
        params, ratings, hyper, learning_rate=rate, seed=seed, epoch=epoch
    ):
        forward = run_forward_pass(params, joint_batch.batch, hyper, seed=seed, epoch=epoch)
        _take_adam_step(params, moments, joint_batch, forward)
        sparsity.apply_sparsity_penalty(
            params.hidden_bias, forward.active, hyper, learning_rate=rate
        )


def run_forward_pass(
    params: Params, batch: Batch, hyper: Hyperparameters, *, seed: int, epoch: int
) -> ForwardPass:
    """Compute the hidden units from random inputs; the step has no other randomness."""
    n_batch, n_hidden = batch.users.size, params.hidden_bias.size
    keys = np.empty(n_batch, dtype=np.uint64)
    kernels.streams(seed, epoch, batch.users, keys)
    is_input = np.empty(batch.levels.size, dtype=np.uint8)
    sums = np.empty((n_batch, n_hidden), dtype=np.float32)
    n_inputs = np.empty(n_batch, dtype=np.int64)
    kernels.sample_inputs(
        params.weights,
        batch.indptr,
        batch.items,
        batch.levels,
        keys,
        hyper.least_input,
        is_input,
        sums,
        n_inputs,
    )
    evidence = joint.evidence(n_inputs)
    sums *= evidence[:, np.newaxis]
    active = masked.sigmoid(sums + params.hidden_bias)
    mask = np.empty_like(active)
    kernels.drop_units(keys, 1 + np.diff(batch.indptr), hyper.dropout, mask)
    slopes = active * (np.float32(1.0) - active) * mask
    return ForwardPass(is_input, evidence, slopes, active * mask, active)


def _take_adam_step(
    params: Params, moments: Moments, joint_batch: JointBatch, forward: ForwardPass
) -> None:
    """Step down the gradient of log partition sum − fields of the ratings, in place."""
    batch, step, items = joint_batch.batch, joint_batch.step, joint_batch.items
    share = np.float32(1.0 / batch.items.size)
    slopes = sampled_softmax.partition_gradient(
        joint_batch.sampled, batch.indptr, forward.hidden, joint_batch.pool
    )
    rated_weights = np.empty_like(forward.hidden)
    nothing = np.zeros_like(params.hidden_bias)
    kernels.hidden_inputs(
        params.weights, nothing, batch.indptr, batch.items, batch.levels, rated_weights
    )
    by_inputs = (slopes.hidden - share * rated_weights) * forward.slopes
    by_bias = np.empty((items.size, params.visible_bias.shape[1]), dtype=np.float32)
    kernels.adam_step(
        params.weights,
        moments.mean.weights,
        moments.square.weights,
        items,
        _places(items, joint_batch.sampled.items),
        slopes.weights,
        slopes.bias,
        batch.item_indptr,
        batch.rows,
        batch.places,
        batch.levels,
        forward.is_input,
        by_inputs * forward.evidence[:, np.newaxis],
        -share * forward.hidden,
        share,
        step.rate,
        step.epsilon,
        step.decay,
        step.beta1,
        step.beta2,
        by_bias,
    )
    optimizer.move_bias(params.visible_bias, moments, "visible_bias", by_bias, step, rows=items)
    optimizer.move_bias(params.hidden_bias, moments, "hidden_bias", by_inputs.sum(axis=0), step)


def _places(items: Ints, sampled: Ints) -> Ints:
    """Return the place of each item among the sampled ones; −1 for an item not sampled."""
    places = np.full(items.size, -1)
    places[np.searchsorted(items, sampled)] = np.arange(sampled.size)
    return places
