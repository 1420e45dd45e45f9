"""How good lists of ten are: one function for every system.

All items that a user has no train rating of are ranked. nDCG@10 is binary, its ideal is
min(10, test items); P@10 divides by ten; both are means over the users with a test item. The same
list is measured twice: every test rating counts as a hit, or only those at a liked level (over the
users with one). Whoever has no train rating at all gets the most-rated items, from every system:
nothing else is known of them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsvc.rbm.arrays import Ints
from recsvc.rbm.rating_matrix import RatingMatrix

N = 10
BLOCK = 500  # users ranked at once: bounds the memory, decides nothing

Scores = Callable[[Ints], NDArray[np.floating]]


@dataclass(frozen=True)
class ListFigures:
    """Means over the users with a test item, and over those with a liked one."""

    ndcg: float
    precision: float
    liked_ndcg: float
    liked_precision: float


def list_figures(
    scores: Scores,
    train: RatingMatrix,
    test: RatingMatrix,
    *,
    first_liked: int,
    users: Ints | None = None,
) -> ListFigures:
    """Rank and count.

    scores       gives users' scores of all items, (len(users), n_items)
    first_liked  the lowest level that counts as liked
    users        those to measure, all of them by default
    """
    asked = np.arange(test.n_users) if users is None else users
    asked = asked[np.diff(test.indptr)[asked] > 0]
    found = [
        _block_figures(scores, train, test, asked[start : start + BLOCK], first_liked)
        for start in range(0, asked.size, BLOCK)
    ]
    # A user without a liked test item is NaN there.
    return ListFigures(*np.nanmean(np.concatenate(found, axis=1), axis=1).tolist())


def _block_figures(
    scores: Scores, train: RatingMatrix, test: RatingMatrix, users: Ints, first_liked: int
) -> NDArray[np.float64]:
    """(4, len(users)) as ListFigures has them."""
    known, wanted = train.rows(users), test.rows(users)
    given = np.array(scores(users), dtype=np.float32)
    if not np.isfinite(given).all():
        raise ValueError("a score is not finite")
    given[np.diff(known.indptr) == 0] = train.item_counts()
    given[known.users(), known.items] = -np.inf
    best = _best(given)
    is_liked = wanted.levels >= first_liked
    return np.concatenate(
        [_ndcg_and_precision(best, part) for part in (wanted, wanted.select(is_liked))]
    )


def _best(scores: NDArray[np.float32]) -> Ints:
    """(n_users, N) items by falling score."""
    rows = np.arange(len(scores))[:, None]
    top = np.sort(np.argpartition(-scores, N, axis=1)[:, :N])  # among equals, the lower number
    return top[rows, np.argsort(-scores[rows, top], axis=1, kind="stable")]


def _ndcg_and_precision(best: Ints, wanted: RatingMatrix) -> NDArray[np.float64]:
    """(2, n_users); NaN for a user who wanted nothing."""
    is_wanted = np.zeros((wanted.n_users, wanted.n_items), dtype=np.bool_)
    is_wanted[wanted.users(), wanted.items] = True
    hits = np.take_along_axis(is_wanted, best, axis=1)
    counts = np.diff(wanted.indptr)
    discounts = 1.0 / np.log2(np.arange(2, N + 2))
    ideals = np.concatenate([[np.nan], np.cumsum(discounts)])[np.minimum(N, counts)]
    precision = np.where(counts > 0, hits.mean(axis=1), np.nan)
    return np.stack([hits @ discounts / ideals, precision])
