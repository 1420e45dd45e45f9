"""Choose a peer's settings on a validation part of its train ratings, never on test ratings."""

from collections.abc import Callable

import numpy as np

from benchmarks.data import random_split
from benchmarks.ranking import list_figures
from benchmarks.system import Choice, Peer, System
from recsvc.rbm.arrays import Ints
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import RatingScale

VALIDATION_SHARE = 0.1
VALIDATION_SEED = 1000  # apart from the seeds of the splits
MOST_USERS = 10_000  # whose lists are looked at for each choice

Measure = Callable[[Peer, RatingMatrix, RatingMatrix, RatingScale], float]


def best_choice(
    system: System,
    train: RatingMatrix,
    scale: RatingScale,
    measure: Measure,
    *,
    seed: int,
    tried: Callable[[Choice, float | None], object] = lambda choice, figure: None,
) -> Choice:
    """Fit every choice of the grid to nine tenths of train; take what measures best on the rest.

    measure  greater is better
    tried    is told of every choice and its figure; of a grid of one there is nothing to measure
    """
    if len(system.grid) == 1:
        tried(system.grid[0], None)
        return system.grid[0]
    learn, validation = random_split(
        train, seed=VALIDATION_SEED + seed, test_share=VALIDATION_SHARE
    )
    figures = []
    for choice in system.grid:
        peer = system.fit(learn, scale, seed=seed, **choice)
        figures.append(measure(peer, learn, validation, scale))
        tried(choice, figures[-1])
    return system.grid[int(np.argmax(figures))]


def by_ndcg(peer: Peer, learn: RatingMatrix, validation: RatingMatrix, scale: RatingScale) -> float:
    """nDCG@10 of (at most 10,000) users' lists."""
    users = np.flatnonzero(np.diff(validation.indptr))
    spread = np.linspace(0, users.size - 1, min(MOST_USERS, users.size)).astype(np.int64)
    figures = list_figures(
        peer.scores, learn, validation, first_liked=scale.first_liked, users=users[spread]
    )
    return figures.ndcg


def by_rmse(peer: Peer, learn: RatingMatrix, validation: RatingMatrix, scale: RatingScale) -> float:
    """Minus the RMSE."""
    return -rmse(peer, validation, scale)


def rmse(peer: Peer, test: RatingMatrix, scale: RatingScale) -> float:
    users: Ints = test.users().astype(np.int64)
    expected = peer.ratings(users, test.items.astype(np.int64))
    return float(np.sqrt(np.mean(np.square(expected - np.array(scale.values)[test.levels]))))
