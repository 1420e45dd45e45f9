"""User + item bias: mean + what the user and the item add, damped."""

import numpy as np

from benchmarks.system import Peer, System
from recsvc.rbm.machines.baselines import Biases
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import RatingScale


def fit(train: RatingMatrix, scale: RatingScale, *, seed: int) -> Peer:
    return Peer(ratings=Biases.fit(train, np.array(scale.values)).predict)


SYSTEM = System(fit)
