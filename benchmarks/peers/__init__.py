"""The systems that recsvc is measured beside, a small file each.

Each has a `fit(train, scale, *, seed, **choice)` that gives a Peer, and the grid that it is tuned
over. LISTS and RATINGS name those that each table has.
"""

from benchmarks.peers import (
    als,
    bernoulli_rbm,
    biases,
    bpr,
    ease,
    item_knn,
    most_rated,
    slim,
    surprise_factors,
    surprise_knn,
)
from benchmarks.system import Peer, System

LISTS: dict[str, System] = {
    "most rated": most_rated.SYSTEM,
    "item-kNN": item_knn.SYSTEM,
    "implicit ALS": als.SYSTEM,
    "implicit BPR": bpr.SYSTEM,
    "EASE": ease.SYSTEM,
    "SLIM": slim.SYSTEM,
    "Surprise SVD": surprise_factors.SVD_SYSTEM,
    "Surprise SVD++": surprise_factors.SVD_PP_SYSTEM,
    "scikit-learn BernoulliRBM": bernoulli_rbm.SYSTEM,
}
RATINGS: dict[str, System] = {
    "user + item bias": biases.SYSTEM,
    "Surprise KNNBaseline": surprise_knn.SYSTEM,
    "Surprise SVD": surprise_factors.SVD_SYSTEM,
    "Surprise SVD++": surprise_factors.SVD_PP_SYSTEM,
}

__all__ = ["LISTS", "RATINGS", "Peer", "System"]
