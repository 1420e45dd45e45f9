"""Item-kNN: cosine or Jaccard similarity of items' raters, shrunk; k neighbours an item.

As in Dacrema, Cremonesi, Jannach, "Are we really making much progress?", RecSys 2019: the score of
item j is the sum of s(i, j) over the user's items i among whose k nearest j is. `balance` divides
by n_i^balance · n_j^(1 − balance), the asymmetric cosine; ½ is the plain one.
"""

import numpy as np
from scipy import sparse

from benchmarks.system import Peer, System, grid, interactions, item_to_item
from recsvc.rbm.arrays import Floats
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import RatingScale

BLOCK = 1000  # items at once, to bound the memory


def fit(
    train: RatingMatrix,
    scale: RatingScale,
    *,
    seed: int,
    similarity: str = "cosine",
    k: int = 100,
    shrink: float = 10.0,
) -> Peer:
    given = interactions(train)
    counts = train.item_counts().astype(np.float32)
    blocks = []
    for start in range(0, train.n_items, BLOCK):
        columns = slice(start, start + BLOCK)
        both = (given.T @ given[:, columns]).toarray().astype(np.float32)
        similar = both / (_norm(similarity, counts, counts[columns], both) + shrink + 1e-6)
        own = np.arange(both.shape[1])
        similar[start + own, own] = 0.0
        blocks.append(_nearest(similar, k))
    return item_to_item(train, sparse.hstack(blocks, format="csr"))


def _norm(similarity: str, rows: Floats, columns: Floats, both: Floats) -> Floats:
    if similarity == "jaccard":
        return rows[:, None] + columns - both
    balance = float(similarity.removeprefix("cosine") or 0.5)
    return rows[:, None] ** balance * columns ** (1.0 - balance)


def _nearest(similar: Floats, k: int) -> sparse.csc_matrix:
    """Keep the k greatest of each column."""
    if k >= len(similar):
        return sparse.csc_matrix(similar)
    kept = np.argpartition(-similar, k, axis=0)[:k]
    values = np.take_along_axis(similar, kept, axis=0)
    columns = np.broadcast_to(np.arange(similar.shape[1]), kept.shape)
    return sparse.csc_matrix((values.ravel(), (kept.ravel(), columns.ravel())), similar.shape)


SYSTEM = System(
    fit,
    grid(similarity=("cosine",), k=(5,), shrink=(0.0,))
    + grid(similarity=("jaccard",), k=(20,), shrink=(0.0,))
    + grid(similarity=("cosine0.7",), k=(30, 100), shrink=(10.0,)),
)
