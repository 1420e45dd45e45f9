"""Contrastive divergence: an epoch of Gibbs chains, and the steps along what they show."""

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
    now: EpochSettings,
    *,
    seed: int,
    epoch: int,
) -> Ints:
    """Go through all ratings once, moving parameters and velocity in place.

    Returns how often each level was reconstructed as each other, (n_levels, n_levels).
    """
    deal = build_epoch_layout(ratings, hyper.batch_size, seed=seed, epoch=epoch)
    learner = CDLearner.of(
        params,
        velocity,
        deal,
        learning_rate=now.learning_rate,
        momentum=now.momentum,
        weight_decay=hyper.weight_decay,
    )
    learner.begin()
    for batch in range(deal.starts.size - 1):
        learner.reconstruct(batch, cd_steps=now.cd_steps)
        learner.take_step(batch)
        data_hidden = learner.data_hidden(batch)
        sparsity.apply_sparsity_penalty(
            params.hidden_bias, data_hidden, hyper, learning_rate=now.learning_rate
        )
    learner.finish()
    confusions: Ints = learner.chain.confusions.sum(axis=0)
    return confusions


@dataclass(frozen=True)
class CDLearner:
    """One epoch on its way: begin, then reconstruct and take a step with each batch, finish.

    maps       (n_batches + 1, 4) what idle steps make of a weight, see `kernels.idle_maps`
    bias_maps  (n_batches + 1, 4) and of a visible bias, which does not decay
    """

    machine: CDArrays
    deal: BatchLayout
    chain: GibbsChain
    stride: StepSize
    maps: Floats
    bias_maps: Floats

    @classmethod
    def of(
        cls,
        params: Params,
        velocity: Params,
        deal: BatchLayout,
        *,
        learning_rate: float,
        momentum: float,
        weight_decay: float,
    ) -> "CDLearner":
        """Make ready to move parameters and velocity in place."""
        machine = CDArrays(
            params.weights,
            params.visible_bias,
            params.hidden_bias,
            velocity.weights,
            velocity.visible_bias,
            velocity.hidden_bias,
        )
        n_batches = deal.starts.size - 1
        return cls(
            machine=machine,
            deal=deal,
            chain=_allocate_chain(machine, deal),
            stride=StepSize(
                np.float32(learning_rate), np.float32(momentum), np.float32(weight_decay)
            ),
            maps=_idle_maps(n_batches, momentum, learning_rate * weight_decay),
            bias_maps=_idle_maps(n_batches, momentum, 0.0),
        )

    def data_hidden(self, batch: int) -> Floats:
        """P(h = 1 | ratings) of the batch that was reconstructed last, (n_batch, n_hidden)."""
        return self.chain.data_hidden[: self.deal.starts[batch + 1] - self.deal.starts[batch]]

    def begin(self) -> None:
        """Sum up what the first batch's ratings add to the hidden inputs."""
        self._step_and_look(-1)

    def reconstruct(self, batch: int, *, cd_steps: int) -> None:
        """Run the Gibbs chain of CD-k over the items that each user has rated [S07 section 2.2].

        All the chance of training is here. Hidden states are sampled, and levels given them; the
        last half-step keeps probabilities [H10 section 3].
        """
        arrays = self.machine, self.deal, self.chain, batch
        kernels.sample_hidden(*arrays, 0, self.chain.data_hidden)
        for step in range(cd_steps):
            kernels.sample_levels(*arrays, step)
            kernels.sample_hidden(*arrays, step + 1, self.chain.model_hidden)

    def take_step(self, batch: int) -> None:
        """Move along the chain's contrastive divergence; sum up the next batch's ratings."""
        data = self.data_hidden(batch)
        kernels.step_hidden_bias(
            self.machine.hidden_bias,
            self.machine.hidden_velocity,
            data,
            self.chain.model_hidden[: data.shape[0]],
            self.stride,
        )
        self._step_and_look(batch)

    def finish(self) -> None:
        """Let the items that were idle in the last batches catch up."""
        n_batches = self.deal.starts.size - 1
        kernels.apply_idle_steps(self.machine, self.chain, n_batches, self.maps, self.bias_maps)

    def _step_and_look(self, batch: int) -> None:
        kernels.step_and_accumulate(
            self.machine, self.deal, self.chain, batch, self.stride, self.maps, self.bias_maps
        )


def _allocate_chain(machine: CDArrays, deal: BatchLayout) -> GibbsChain:
    """Give the arrays that the batches use one after another."""
    n_items, n_levels, n_hidden = machine.weights.shape
    n_batch, n_chunks = int(np.diff(deal.starts).max(initial=0)), deal.bounds.size - 1
    sums = np.empty((n_chunks, n_batch, n_hidden), dtype=np.float32)
    data_hidden, model_hidden, states = np.empty((3, n_batch, n_hidden), dtype=np.float32)
    confusions = np.zeros((n_chunks, n_levels, n_levels), dtype=np.int64)
    return GibbsChain(
        sums,
        data_hidden,
        model_hidden,
        states,
        np.empty_like(deal.levels),
        np.zeros(n_items, dtype=np.int64),
        confusions,
    )


def _idle_maps(n_steps: int, momentum: float, drag: float) -> Floats:
    maps = np.empty((n_steps + 1, 4))
    kernels.idle_maps(momentum, drag, maps)
    return maps.astype(np.float32)
