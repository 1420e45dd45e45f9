"""implicit's alternating least squares [Hu, Koren, Volinsky 2008], 15 sweeps.

A rating that is not there weighs 1, one that is weighs alpha.
"""

import numpy as np
from implicit.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from benchmarks.system import Peer, System, grid, interactions
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import RatingScale

SWEEPS = 15


def fit(
    train: RatingMatrix,
    scale: RatingScale,
    *,
    seed: int,
    factors: int = 64,
    regularisation: float = 0.01,
    alpha: float = 1.0,
    threads: int = 0,
) -> Peer:
    model = AlternatingLeastSquares(
        factors=factors,
        regularization=regularisation,
        alpha=alpha,
        iterations=SWEEPS,
        random_state=seed,
        num_threads=threads,
    )
    with threadpool_limits(1, "blas"):  # as implicit asks: it divides the work among threads itself
        model.fit(interactions(train), show_progress=False)
    users, items = np.array(model.user_factors), np.array(model.item_factors)
    return Peer(lambda asked: users[asked] @ items.T)


# What is learned weighs more with alpha, so what holds it back is tried in proportion.
SYSTEM = System(
    fit,
    grid(factors=(128,), alpha=(3.0,), regularisation=(30.0,))
    + grid(factors=(128,), alpha=(10.0,), regularisation=(100.0,))
    + grid(factors=(128,), alpha=(30.0,), regularisation=(30.0, 300.0)),
)
