"""EASE [Steck, WWW 2019]: item–item weights in closed form, B = −P / diag(P), P = (XᵀX + λI)⁻¹."""

import numpy as np
from scipy.linalg import lapack

from benchmarks.system import Peer, System, grid, interactions, item_to_item
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import RatingScale


def fit(
    train: RatingMatrix, scale: RatingScale, *, seed: int, regularisation: float = 500.0
) -> Peer:
    given = interactions(train)
    gram = (given.T @ given).toarray().astype(np.float64, order="F")
    gram[np.diag_indices_from(gram)] += regularisation
    factor, _ = lapack.dpotrf(gram, overwrite_a=True)
    precision, _ = lapack.dpotri(factor, overwrite_c=True)  # above the diagonal
    weights = np.triu(precision, 1).astype(np.float32)
    weights += weights.T
    weights /= -np.diag(precision).astype(np.float32)
    return item_to_item(train, weights)


SYSTEM = System(fit, grid(regularisation=(50.0, 100.0, 300.0, 1000.0)))
