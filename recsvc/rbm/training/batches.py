"""Batches of users in a new order every epoch, and what a step of the joint machine needs."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil

import numpy as np

from recsvc.rbm import kernels, thread_pool
from recsvc.rbm.arrays import Ints, Levels, Numbers
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.kernels import BatchLayout
from recsvc.rbm.params import Params
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.training.optimizer import AdamStep
from recsvc.rbm.training.sampled_softmax import ItemSampler, SampledItems

N_CHUNKS, CHUNKS_OF_LARGE_BATCHES = 16, 4  # each has its own hidden inputs for a whole batch
LARGE_BATCH = 4096
WORK_SAMPLING_STEP = 16  # every 16th rating suffices to estimate the work
VISIT_COST = 3  # of reading and moving an item's weights, in ratings


@dataclass(frozen=True)
class Batch:
    """Some users and their n_batch_ratings ratings.

    users        (n_batch,) rows of the whole matrix, which select the random streams
    indptr       (n_batch + 1,) user b of the batch has the ratings indptr[b] : indptr[b + 1]
    items        (n_batch_ratings,)
    levels       (n_batch_ratings,)
    item_indptr  (n_items + 1,) item i has the entries item_indptr[i] : item_indptr[i + 1] of
    rows         (n_batch_ratings,) the users' places in the batch, and of
    places       (n_batch_ratings,) the ratings' places in `items` and `levels`
    """

    users: Ints
    indptr: Ints
    items: Numbers
    levels: Levels
    item_indptr: Ints
    rows: Numbers
    places: Numbers

    @classmethod
    def build(
        cls, users: Ints, indptr: Ints, items: Numbers, levels: Levels, *, n_items: int
    ) -> "Batch":
        """Build a batch from ratings that are ordered by user."""
        item_indptr = np.empty(n_items + 1, dtype=np.int64)
        rows, places = np.empty((2, items.size), dtype=np.int32)
        kernels.group_by_item(indptr, items, item_indptr, rows, places)
        return cls(users, indptr, items, levels, item_indptr, rows, places)


def iter_batches(
    ratings: RatingMatrix, batch_size: int, *, seed: int, epoch: int
) -> Iterator[Batch]:
    """Yield batches of the users who have ratings, in random order; the last may be smaller."""
    users = _shuffle_users(ratings, seed=seed, epoch=epoch)
    counts = np.diff(ratings.indptr)[users]
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    items = np.empty(ratings.n_ratings, dtype=np.int32)
    levels = np.empty(ratings.n_ratings, dtype=np.uint8)
    kernels.gather_rows(ratings.indptr, ratings.items, ratings.levels, users, indptr, items, levels)
    for start in range(0, users.size, batch_size):
        own = indptr[start : start + batch_size + 1]
        some = slice(own[0], own[-1])
        yield Batch.build(
            users[start : start + batch_size],
            own - own[0],
            items[some],
            levels[some],
            n_items=ratings.n_items,
        )


def build_epoch_layout(
    ratings: RatingMatrix, batch_size: int, *, seed: int, epoch: int
) -> BatchLayout:
    """Return the batches of `iter_batches` in one layout, each of them ordered by item."""
    users = _shuffle_users(ratings, seed=seed, epoch=epoch)
    return build_layout(ratings, users, batch_size, seed=seed, epoch=epoch)


def build_layout(
    ratings: RatingMatrix, users: Ints, batch_size: int, *, seed: int, epoch: int
) -> BatchLayout:
    """Return the layout of the batches of some users, in this order; each has ratings."""
    starts = np.append(np.arange(0, users.size, batch_size), users.size)
    counts = np.diff(ratings.indptr)[users]
    first = np.concatenate([[0], np.cumsum(counts)])[starts].astype(np.int64)
    n_batches, n_ratings = starts.size - 1, int(counts.sum())
    keys = np.empty(users.size, dtype=np.uint64)
    kernels.streams(seed, epoch, users, keys)
    bounds = _chunk_bounds(ratings, n_batches, min(batch_size, users.size))
    layout = BatchLayout(
        bounds=bounds,
        keys=keys,
        starts=starts,
        rows=np.empty(n_ratings, dtype=np.int32),
        levels=np.empty(n_ratings, dtype=np.uint8),
        group_items=np.empty(n_ratings + n_batches, dtype=np.int32),
        group_starts=np.empty(n_ratings + n_batches, dtype=np.int64),
        chunk_groups=np.empty((n_batches, bounds.size), dtype=np.int64),
    )
    kernels.fill_layout(ratings.indptr, ratings.items, ratings.levels, users, first, layout)
    return layout


def _shuffle_users(ratings: RatingMatrix, *, seed: int, epoch: int) -> Ints:
    """Return the users who have ratings in the order of an epoch."""
    users = np.flatnonzero(np.diff(ratings.indptr))
    return np.random.default_rng([seed, epoch]).permutation(users)


def _chunk_bounds(ratings: RatingMatrix, n_batches: int, batch_size: int) -> Ints:
    """Return the bounds of chunks of items of about equal work, (n_chunks + 1,)."""
    n_chunks = N_CHUNKS if batch_size <= LARGE_BATCH else CHUNKS_OF_LARGE_BATCHES
    n_rated = WORK_SAMPLING_STEP * np.bincount(
        ratings.items[::WORK_SAMPLING_STEP], minlength=ratings.n_items
    )
    work = np.cumsum(n_rated + VISIT_COST * np.minimum(n_rated, n_batches))
    shares = np.arange(1, n_chunks) / n_chunks
    cuts = np.searchsorted(work, shares * work[-1])
    return np.concatenate([[0], cuts, [ratings.n_items]]).astype(np.int64)


@dataclass(frozen=True)
class JointBatch:
    """A batch of the joint machine, with everything that its step needs.

    sampled  the items of the partition sum
    items    (n,) rising: the items that move, sampled or rated in the batch
    """

    batch: Batch
    sampled: SampledItems
    items: Ints
    step: AdamStep
    pool: ThreadPoolExecutor


def iter_joint_batches(
    params: Params,
    ratings: RatingMatrix,
    hyper: Hyperparameters,
    *,
    learning_rate: float,
    seed: int,
    epoch: int,
) -> Iterator[JointBatch]:
    """Yield the batches of an epoch; the sampled items have the weights after the last step."""
    with thread_pool.open_pool() as pool:
        sampler = ItemSampler.build(
            ratings, hyper.candidates, rng=np.random.default_rng([seed, epoch, 4])
        )
        n_batches = ceil(np.count_nonzero(np.diff(ratings.indptr)) / hyper.batch_size)
        batches = iter_batches(ratings, hyper.batch_size, seed=seed, epoch=epoch)
        for n_steps, batch in enumerate(batches, 1 + (epoch - 1) * n_batches):
            rng = np.random.default_rng([seed, epoch, 2, n_steps])
            sampled = sampler.sample(params, rng=rng)
            rated = np.flatnonzero(np.diff(batch.item_indptr))
            items = np.union1d(sampled.items, rated)
            yield JointBatch(
                batch, sampled, items, AdamStep.at(n_steps, learning_rate, hyper), pool
            )
