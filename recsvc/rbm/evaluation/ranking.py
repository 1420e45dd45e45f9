"""Ranking metrics: hits, coverage of the catalogue, novelty."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from recsvc.rbm import kernels
from recsvc.rbm.arrays import Doubles, Floats, Ints
from recsvc.rbm.evaluation.leakage import check_leakage
from recsvc.rbm.ndcg import LIST_LENGTH, NO_ITEM, discounts
from recsvc.rbm.rating_matrix import RatingMatrix


@dataclass(frozen=True)
class RankingMetrics:
    """Means over users with equal weights; 0 if there are no users.

    precision_at_n  test items in the list, over n
    recall_at_n     test items in the list, over all of the user's test items
    ndcg_at_n       each hit counts 1 / log2(place + 1), over the sum of the ideal list, which has
                    min(n, test items) hits [Järvelin, Kekäläinen 2002, with gains 0 and 1]
    liked_…         the same for liked test items only, over users who have any
    coverage_at_n   share of all items that are in any of the lists
    novelty_at_n    mean −log2 of the share of users who rated a listed item, in bits [Zhou et
                    al. 2010]; an item without ratings counts as if one user had rated it
    n_users         users with a test item
    n_liked_users   users with a liked one
    """

    n: int
    precision_at_n: float = 0.0
    recall_at_n: float = 0.0
    ndcg_at_n: float = 0.0
    liked_precision_at_n: float = 0.0
    liked_recall_at_n: float = 0.0
    liked_ndcg_at_n: float = 0.0
    coverage_at_n: float = 0.0
    novelty_at_n: float = 0.0
    n_users: int = 0
    n_liked_users: int = 0

    def as_dict(self) -> dict[str, float]:
        """Return the metrics by their names on a model card: `ndcg_at_10` for n = 10."""
        return {
            name.replace("_at_n", f"_at_{self.n}"): value
            for name, value in asdict(self).items()
            if name.endswith("_at_n")
        }


def ranking_metrics(
    scores_of: Callable[[int], Doubles | Floats],
    train: RatingMatrix,
    test: RatingMatrix,
    users: Ints,
    *,
    n: int = LIST_LENGTH,
    first_liked: int = 0,
) -> RankingMetrics:
    """Rank all items without a train rating of the user; return the metrics of the lists.

    scores_of    returns one user's scores of all items, (n_items,)
    users        the users to measure; those without test items are skipped
    first_liked  the lowest liked level; 0: every test rating is liked

    Raises RatingsLeaked if a test rating is among the train ratings.
    """
    check_leakage(train, test)
    users = users[np.diff(test.indptr)[users] > 0]
    if users.size == 0:
        return RankingMetrics(n)
    lists = _lists(scores_of, train, users, n)
    hits = _find_hits(lists, targets := test.rows(users), first_liked)
    all_, liked = (_means(*one, n) for one in hits)
    return RankingMetrics(
        n,
        *all_,
        *liked,
        coverage_at_n=_coverage(lists, train.n_items),
        novelty_at_n=_novelty(lists, train),
        n_users=targets.n_users,
        n_liked_users=int(np.count_nonzero(hits[1][1])),
    )


def _lists(
    scores_of: Callable[[int], Doubles | Floats], train: RatingMatrix, users: Ints, n: int
) -> Ints:
    """Return the n best items of each user, best first, padded with −1, (n_users, n)."""
    lists = np.full((users.size, n), NO_ITEM)
    for row, user in enumerate(users.tolist()):
        scores = np.ascontiguousarray(scores_of(user), dtype=np.float64)
        kernels.top_n_without(scores, train.row(user)[0], lists[row])
    return lists


def _find_hits(
    lists: Ints, targets: RatingMatrix, first_liked: int
) -> list[tuple[NDArray[np.bool_], Ints]]:
    """Return hits and numbers of test items, for all test items and for the liked ones.

    returns  twice: (n_users, n) whether a place has a test item, (n_users,) number of test items
    """
    n_columns = max(targets.n_items, int(lists.max()) + 1)
    pairs = targets.users().astype(np.int64) * n_columns + targets.items
    listed = np.arange(targets.n_users)[:, np.newaxis] * n_columns + lists
    places = np.minimum(np.searchsorted(pairs, listed), pairs.size - 1)
    hits = (pairs[places] == listed) & (lists != NO_ITEM)
    is_liked = targets.levels >= first_liked
    n_liked = np.bincount(targets.users()[is_liked], minlength=targets.n_users)
    return [(hits, np.diff(targets.indptr)), (hits & is_liked[places], n_liked)]


def _means(hits: NDArray[np.bool_], n_targets: Ints, n: int) -> tuple[float, float, float]:
    """Return P@n, recall@n and nDCG@n, as means over the users with test items."""
    hits, n_targets = hits[n_targets > 0], n_targets[n_targets > 0]
    if n_targets.size == 0:
        return 0.0, 0.0, 0.0
    shares = discounts(n)
    ideals = np.cumsum(shares)[np.minimum(n, n_targets) - 1]
    n_found = hits.sum(axis=1)
    ndcg = np.mean(hits @ shares / ideals)
    return float(np.mean(n_found / n)), float(np.mean(n_found / n_targets)), float(ndcg)


def _coverage(lists: Ints, n_items: int) -> float:
    return np.unique(lists[lists != NO_ITEM]).size / n_items


def _novelty(lists: Ints, train: RatingMatrix) -> float:
    """Return the mean novelty over all places with an item."""
    listed = lists[lists != NO_ITEM]
    if listed.size == 0:
        return 0.0
    n_users = max(1, np.count_nonzero(np.diff(train.indptr)))
    shares = np.maximum(train.item_counts(), 1) / n_users
    return float(-np.log2(shares[listed]).mean())


def sample_users(test: RatingMatrix, most: int | None) -> Ints:
    """Return users with test items: all (None), or at most `most` of them, evenly spread."""
    users = np.flatnonzero(np.diff(test.indptr))
    if most is None:
        return users
    return users[np.linspace(0, users.size - 1, min(most, users.size)).astype(np.int64)]
