"""Contrastive divergence on one batch: the Gibbs chain, and the step along what it shows."""

from dataclasses import dataclass

import numpy as np

from recsvc.rbm import kernels
from recsvc.rbm.batches import Batch
from recsvc.rbm.params import Params, vector_width
from recsvc.rbm.ratings import Floats, Levels


@dataclass(frozen=True)
class Chain:
    """Where the chain began and where it has come to.

    data_hidden   (n_batch, n_hidden) P(h = 1 | ratings)
    model_hidden  (n_batch, n_hidden) P(h = 1 | reconstruction)
    model_levels  (n_batch_ratings,) the reconstruction, of the rated items alone
    """

    data_hidden: Floats
    model_hidden: Floats
    model_levels: Levels


def reconstruct(params: Params, batch: Batch, *, seed: int, epoch: int, cd_steps: int) -> Chain:
    """Run the Gibbs chain of CD-k over the items that each user has rated [S07 section 2.2].

    All the chance of training is here. Hidden states are sampled, and levels given them; the last
    half-step keeps probabilities [H10 section 3].
    """
    hidden_shape = (batch.users.size, params.hidden_bias.size)
    states = np.zeros((batch.users.size, vector_width(hidden_shape[1])), dtype=np.float32)
    model_levels = np.empty_like(batch.levels)
    keys = np.empty(batch.users.size, dtype=np.uint64)
    kernels.streams(seed, epoch, batch.users, keys)

    def hidden_given(levels: Levels, step: int) -> Floats:
        probabilities = np.empty(hidden_shape, dtype=np.float32)
        kernels.sample_hidden(
            params.weights, params.hidden_bias, batch.indptr, batch.items, levels,
            keys, step, probabilities, states,
        )  # fmt: skip
        return probabilities

    data_hidden = model_hidden = hidden_given(batch.levels, 0)
    for step in range(cd_steps):
        kernels.sample_levels(
            params.weights, params.visible_bias, batch.item_indptr, batch.rows, batch.places,
            batch.indptr, keys, step, states, model_levels,
        )  # fmt: skip
        model_hidden = hidden_given(model_levels, step + 1)
    return Chain(data_hidden, model_hidden, model_levels)


def take_step(
    params: Params,
    velocity: Params,
    batch: Batch,
    chain: Chain,
    *,
    learning_rate: float,
    momentum: float,
    weight_decay: float,
) -> None:
    """Move parameters and velocity along the chain's contrastive divergence, in place."""
    rate, kept = np.float32(learning_rate), np.float32(momentum)
    kernels.cd_step(
        params.weights, params.visible_bias, velocity.weights, velocity.visible_bias,
        batch.item_indptr, batch.rows, batch.places, batch.levels, chain.model_levels,
        chain.data_hidden, chain.model_hidden, rate, kept, np.float32(weight_decay),
    )  # fmt: skip
    step_hidden_bias(
        params.hidden_bias, velocity.hidden_bias, chain.data_hidden, chain.model_hidden, rate, kept
    )


def step_hidden_bias(
    bias: Floats,
    velocity: Floats,
    data_hidden: Floats,
    model_hidden: Floats,
    learning_rate: np.float32,
    momentum: np.float32,
) -> None:
    """Move the hidden biases as `kernels.cd_step` moves the visible ones.

    velocity = momentum · velocity + learning_rate · mean over the batch of (⟨h⟩_data − ⟨h⟩_model)
    """
    velocity *= momentum
    velocity += learning_rate * (data_hidden - model_hidden).mean(axis=0)
    bias += velocity
