"""Contrastive divergence: an epoch of Gibbs chains, and the steps along their statistics."""

from dataclasses import dataclass

import numpy as np

from recsvc.rbm import kernels
from recsvc.rbm.arrays import Floats, Ints
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.kernels import BatchLayout, CDArrays, GibbsChain, StepSize
from recsvc.rbm.params import Params
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.training import sparsity
from recsvc.rbm.training.batches import build_epoch_layout
from recsvc.rbm.training.schedules import EpochSettings


def learn_epoch(
    params: Params,
    velocity: Params,
    ratings: RatingMatrix,
    hyper: Hyperparameters,
    settings: EpochSettings,
    *,
    seed: int,
    epoch: int,
) -> Ints:
    """Train on all ratings once; parameters and velocity change in place.

    Returns how often each level was reconstructed as each other level, (n_levels, n_levels).
    """
    layout = build_epoch_layout(ratings, hyper.batch_size, seed=seed, epoch=epoch)
    learner = CDLearner.build(
        params,
        velocity,
        layout,
        learning_rate=settings.learning_rate,
        momentum=settings.momentum,
        weight_decay=hyper.weight_decay,
    )
    learner.begin()
    for batch in range(layout.starts.size - 1):
        learner.reconstruct(batch, cd_steps=settings.cd_steps)
        learner.take_step(batch)
        data_hidden = learner.data_hidden(batch)
        sparsity.apply_sparsity_penalty(
            params.hidden_bias, data_hidden, hyper, learning_rate=settings.learning_rate
        )
    learner.finish()
    confusions: Ints = learner.chain.confusions.sum(axis=0)
    return confusions


@dataclass(frozen=True)
class CDLearner:
    """The state of an epoch: begin, reconstruct and step for each batch, then finish.

    maps       (n_batches + 1, 4) effect of idle steps on a weight, see `kernels.idle_maps`
    bias_maps  (n_batches + 1, 4) the same for a visible bias, which does not decay
    """

    arrays: CDArrays
    layout: BatchLayout
    chain: GibbsChain
    step_size: StepSize
    maps: Floats
    bias_maps: Floats

    @classmethod
    def build(
        cls,
        params: Params,
        velocity: Params,
        layout: BatchLayout,
        *,
        learning_rate: float,
        momentum: float,
        weight_decay: float,
    ) -> "CDLearner":
        """Build the state of an epoch; its steps change parameters and velocity in place."""
        arrays = CDArrays(
            params.weights,
            params.visible_bias,
            params.hidden_bias,
            velocity.weights,
            velocity.visible_bias,
            velocity.hidden_bias,
        )
        n_batches = layout.starts.size - 1
        return cls(
            arrays=arrays,
            layout=layout,
            chain=_allocate_chain(arrays, layout),
            step_size=StepSize(
                np.float32(learning_rate), np.float32(momentum), np.float32(weight_decay)
            ),
            maps=_idle_maps(n_batches, momentum, learning_rate * weight_decay),
            bias_maps=_idle_maps(n_batches, momentum, 0.0),
        )

    def data_hidden(self, batch: int) -> Floats:
        """Return P(h = 1 | ratings) of the last reconstructed batch, (n_batch, n_hidden)."""
        return self.chain.data_hidden[: self.layout.starts[batch + 1] - self.layout.starts[batch]]

    def begin(self) -> None:
        """Sum the contributions of the first batch's ratings to the hidden inputs."""
        self._step_and_accumulate(-1)

    def reconstruct(self, batch: int, *, cd_steps: int) -> None:
        """Run the Gibbs chain of CD-k over the items that each user has rated [S07 section 2.2].

        Training has no other randomness. Hidden states are sampled, then levels from the states.
        The last half-step keeps probabilities [H10 section 3].
        """
        state = self.arrays, self.layout, self.chain, batch
        kernels.sample_hidden(*state, 0, self.chain.data_hidden)
        for step in range(cd_steps):
            kernels.sample_levels(*state, step)
            kernels.sample_hidden(*state, step + 1, self.chain.model_hidden)

    def take_step(self, batch: int) -> None:
        """Step along the contrastive divergence; sum the inputs of the next batch."""
        data = self.data_hidden(batch)
        kernels.step_hidden_bias(
            self.arrays.hidden_bias,
            self.arrays.hidden_velocity,
            data,
            self.chain.model_hidden[: data.shape[0]],
            self.step_size,
        )
        self._step_and_accumulate(batch)

    def finish(self) -> None:
        """Apply the outstanding idle steps to all items."""
        n_batches = self.layout.starts.size - 1
        kernels.apply_idle_steps(self.arrays, self.chain, n_batches, self.maps, self.bias_maps)

    def _step_and_accumulate(self, batch: int) -> None:
        kernels.step_and_accumulate(
            self.arrays, self.layout, self.chain, batch, self.step_size, self.maps, self.bias_maps
        )


def _allocate_chain(arrays: CDArrays, layout: BatchLayout) -> GibbsChain:
    """Allocate the arrays that all batches share."""
    n_items, n_levels, n_hidden = arrays.weights.shape
    n_batch, n_chunks = int(np.diff(layout.starts).max(initial=0)), layout.bounds.size - 1
    sums = np.empty((n_chunks, n_batch, n_hidden), dtype=np.float32)
    data_hidden, model_hidden, states = np.empty((3, n_batch, n_hidden), dtype=np.float32)
    confusions = np.zeros((n_chunks, n_levels, n_levels), dtype=np.int64)
    return GibbsChain(
        sums,
        data_hidden,
        model_hidden,
        states,
        np.empty_like(layout.levels),
        np.zeros(n_items, dtype=np.int64),
        confusions,
    )


def _idle_maps(n_steps: int, momentum: float, drag: float) -> Floats:
    maps = np.empty((n_steps + 1, 4))
    kernels.idle_maps(momentum, drag, maps)
    return maps.astype(np.float32)
