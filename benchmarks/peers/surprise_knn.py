"""Surprise's item-based KNNBaseline: neighbours' ratings around the biases [Koren 2010]."""

import numpy as np
from surprise import KNNBaseline

from benchmarks.peers.surprise_data import trainset
from benchmarks.system import Peer, System, grid
from recsvc.rbm.arrays import Doubles, Ints
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import RatingScale


def fit(
    train: RatingMatrix, scale: RatingScale, *, seed: int, k: int = 40, shrinkage: int = 100
) -> Peer:
    similarity = {"name": "pearson_baseline", "user_based": False, "shrinkage": shrinkage}
    model = KNNBaseline(k=k, sim_options=similarity, verbose=False).fit(trainset(train, scale))

    def ratings(users: Ints, items: Ints) -> Doubles:
        pairs = zip(users.tolist(), items.tolist(), strict=True)
        return np.array([model.predict(user, item).est for user, item in pairs])

    return Peer(ratings=ratings)


SYSTEM = System(fit, grid(k=(20, 40, 80), shrinkage=(100,)))
