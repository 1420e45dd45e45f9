"""An epoch of the joint machine: minibatches, each with the candidates of its partition sum."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil

import numpy as np

from recsvc.rbm import thread_pool
from recsvc.rbm.arrays import Ints
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.params import Params
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.training.batches import Batch, deal
from recsvc.rbm.training.optimizer import AdamStep
from recsvc.rbm.training.sampled_softmax import Candidates, Sampling


@dataclass(frozen=True)
class Minibatch:
    """What a batch's step is taken with.

    items  (n,) rising: those that move, the candidates and what anybody in the batch rated
    """

    batch: Batch
    candidates: Candidates
    items: Ints
    step: AdamStep
    pool: ThreadPoolExecutor


def minibatches(
    params: Params,
    ratings: RatingMatrix,
    hyper: Hyperparameters,
    *,
    learning_rate: float,
    seed: int,
    epoch: int,
) -> Iterator[Minibatch]:
    """Go through all ratings once; the candidates have the weights that the last step left."""
    with thread_pool.pool() as pool:
        sampling = Sampling.of(
            ratings, hyper.candidates, rng=np.random.default_rng([seed, epoch, 4])
        )
        n_batches = ceil(np.count_nonzero(np.diff(ratings.indptr)) / hyper.batch_size)
        batches = deal(ratings, hyper.batch_size, seed=seed, epoch=epoch)
        for n_steps, batch in enumerate(batches, 1 + (epoch - 1) * n_batches):
            rng = np.random.default_rng([seed, epoch, 2, n_steps])
            candidates = sampling.candidates(params, rng=rng)
            rated = np.flatnonzero(np.diff(batch.item_indptr))
            items = np.union1d(candidates.items, rated)
            yield Minibatch(
                batch, candidates, items, AdamStep.at(n_steps, learning_rate, hyper), pool
            )
