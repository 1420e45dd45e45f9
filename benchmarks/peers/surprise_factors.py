"""Surprise's SVD and SVD++ [Koren 2008]: they rate, and rank by the expected rating."""

import numpy as np
from surprise import SVD, SVDpp

from benchmarks.peers.surprise_data import trainset
from benchmarks.system import RATES_ALONE, Peer, System, grid, interactions
from recsvc.rbm.arrays import Doubles, Floats, Ints
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import RatingScale

SLOW = "ten minutes a fit and more, reckoned from ml-100k"


def fit_svd(
    train: RatingMatrix,
    scale: RatingScale,
    *,
    seed: int,
    factors: int = 100,
    regularisation: float = 0.02,
    learning_rate: float = 0.005,
    epochs: int = 20,
) -> Peer:
    model = SVD(
        n_factors=factors,
        reg_all=regularisation,
        lr_all=learning_rate,
        n_epochs=epochs,
        random_state=seed,
    ).fit(trainset(train, scale))
    return _peer(model, model.pu, train, scale)


def fit_svd_pp(
    train: RatingMatrix,
    scale: RatingScale,
    *,
    seed: int,
    factors: int = 20,
    regularisation: float = 0.02,
    learning_rate: float = 0.007,
    epochs: int = 20,
) -> Peer:
    model = SVDpp(
        n_factors=factors,
        reg_all=regularisation,
        lr_all=learning_rate,
        n_epochs=epochs,
        random_state=seed,
        cache_ratings=True,
    ).fit(trainset(train, scale))
    shares = 1.0 / np.sqrt(np.maximum(1, np.diff(train.indptr)))
    return _peer(model, model.pu + shares[:, None] * (interactions(train) @ model.yj), train, scale)


def _peer(
    model: SVD | SVDpp, users_factors: Doubles, train: RatingMatrix, scale: RatingScale
) -> Peer:
    """Answer for many at once as Surprise's `estimate` does for one; who is new has no factors."""
    mean = model.trainset.global_mean
    known_users = (np.diff(train.indptr) > 0)[:, None]
    known_items = (train.item_counts() > 0)[:, None]
    own, of_items = users_factors * known_users, model.qi * known_items

    def scores(users: Ints) -> Floats:
        return model.bi + own[users] @ of_items.T

    def ratings(users: Ints, items: Ints) -> Doubles:
        found = mean + model.bu[users] + model.bi[items]
        found = found + np.einsum("nf,nf->n", own[users], of_items[items])
        return np.clip(found, scale.values[0], scale.values[-1])

    return Peer(scores, ratings)


SVD_SYSTEM = System(
    fit_svd,
    grid(factors=(100,), regularisation=(0.02, 0.06), learning_rate=(0.005,), epochs=(50,)),
    left_out=RATES_ALONE,
)
SVD_PP_SYSTEM = System(
    fit_svd_pp,
    grid(factors=(20,), regularisation=(0.02, 0.06), learning_rate=(0.007,), epochs=(20,)),
    left_out={**dict.fromkeys(("ml-1m", "goodbooks", "movietweetings"), SLOW), **RATES_ALONE},
)
