"""SLIM [Ning, Karypis, ICDM 2011]: each item from others by a non-negative elastic net.

    min over w ≥ 0, w_j = 0 of  ½ ‖x_j − X w‖² + l1 Σ w + ½ l2 Σ w²

over the 500 items that are nearest by cosine (the paper's fsSLIM), by coordinate descent on the
Gram matrix until the largest step of a sweep is below 1e-3 or ten sweeps are done. SLIM's own
package no longer installs; this is the same objective.
"""

import numpy as np
from numba import njit, prange

from benchmarks.system import Peer, System, grid, interactions, item_to_item
from recsvc.rbm.arrays import Floats, Ints
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import RatingScale

CANDIDATES = 500
SWEEPS = 10
SMALL = 1e-3


def fit(
    train: RatingMatrix, scale: RatingScale, *, seed: int, l1: float = 1.0, l2: float = 100.0
) -> Peer:
    given = interactions(train)
    gram = (given.T @ given).toarray().astype(np.float32)
    near = _nearest(gram, min(CANDIDATES, train.n_items - 1))
    weights = np.zeros_like(gram)
    _regress_each(gram, near, np.float32(l1), np.float32(l2), weights)
    return item_to_item(train, weights)


def _nearest(gram: Floats, n: int) -> Ints:
    """(n_items, n) other items, the nearest first."""
    lengths = np.sqrt(np.maximum(1.0, np.diag(gram)))
    near = np.empty((len(gram), n), dtype=np.int64)
    for item, row in enumerate(gram):
        cosines = row / lengths
        cosines[item] = -1.0
        best = np.argpartition(-cosines, n - 1)[:n]
        near[item] = best[np.argsort(-cosines[best], kind="stable")]
    return near


@njit(cache=True, nogil=True, parallel=True, fastmath=True)
def _regress_each(gram: Floats, near: Ints, l1: float, l2: float, weights: Floats) -> None:
    """weights[i, j] = what item i says of item j."""
    n = near.shape[1]
    for item in prange(gram.shape[0]):
        part = np.empty((n, n), dtype=np.float32)
        left = np.empty(n, dtype=np.float32)  # Xᵀ(x_j − X w): what is yet to be explained
        for a in range(n):
            left[a] = gram[item, near[item, a]]
            for b in range(n):
                part[a, b] = gram[near[item, a], near[item, b]]
        own = np.zeros(n, dtype=np.float32)
        _descend(part, left, np.float32(l1), np.float32(l2), own)
        for a in range(n):
            weights[near[item, a], item] = own[a]


@njit(cache=True, nogil=True, fastmath=True)
def _descend(part: Floats, left: Floats, l1: float, l2: float, own: Floats) -> None:
    for _ in range(SWEEPS):
        largest = np.float32(0.0)
        for a in range(own.size):
            size = part[a, a]
            step = max(np.float32(0.0), (left[a] + size * own[a] - l1) / (size + l2)) - own[a]
            if step != 0.0:
                own[a] += step
                for b in range(own.size):
                    left[b] -= step * part[a, b]
                largest = max(largest, abs(step))
        if largest < SMALL:
            break


SYSTEM = System(fit, grid(l1=(1.0,), l2=(20.0, 100.0)))
