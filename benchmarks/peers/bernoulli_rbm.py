"""scikit-learn's BernoulliRBM on which items a user rated: what is missing is 0 there.

Trained by persistent contrastive divergence in batches of 100 users; the score of an item is its
visible input given the user's hidden probabilities.
"""

import numpy as np
from sklearn.neural_network import BernoulliRBM

from benchmarks.system import Peer, System, grid, interactions
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import RatingScale

BATCH_SIZE = 100


def fit(
    train: RatingMatrix,
    scale: RatingScale,
    *,
    seed: int,
    n_hidden: int = 100,
    learning_rate: float = 0.01,
    epochs: int = 20,
) -> Peer:
    given = interactions(train)
    machine = BernoulliRBM(
        n_components=n_hidden,
        learning_rate=learning_rate,
        batch_size=BATCH_SIZE,
        n_iter=epochs,
        random_state=seed,
    ).fit(given)
    return Peer(
        lambda users: (
            machine.transform(given[users]) @ machine.components_
            + np.asarray(machine.intercept_visible_)
        )
    )


SYSTEM = System(fit, grid(n_hidden=(100,), learning_rate=(0.05, 0.2), epochs=(20,)))
