"""implicit's Bayesian personalised ranking [Rendle et al. 2009], 100 epochs."""

import numpy as np
from implicit.bpr import BayesianPersonalizedRanking
from threadpoolctl import threadpool_limits

from benchmarks.system import Peer, System, grid, interactions
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import RatingScale

EPOCHS = 100


def fit(
    train: RatingMatrix,
    scale: RatingScale,
    *,
    seed: int,
    factors: int = 64,
    learning_rate: float = 0.01,
    regularisation: float = 0.01,
    threads: int = 1,
) -> Peer:
    """Fit in one thread: in several it is another model every time."""
    model = BayesianPersonalizedRanking(
        factors=factors,
        learning_rate=learning_rate,
        regularization=regularisation,
        iterations=EPOCHS,
        random_state=seed,
        num_threads=threads,
    )
    with threadpool_limits(1, "blas"):
        model.fit(interactions(train), show_progress=False)
    users, items = np.array(model.user_factors), np.array(model.item_factors)
    return Peer(lambda asked: users[asked] @ items.T)


SYSTEM = System(
    fit,
    grid(factors=(64,), learning_rate=(0.01,), regularisation=(0.03,))
    + grid(factors=(128,), learning_rate=(0.05,), regularisation=(0.01,)),
)
