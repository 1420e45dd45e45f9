"""The figures of lists: what was found, how much of the catalogue came, how little known it is."""

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
    """Means over users, each of whom counts alike; 0 where nobody can be measured.

    precision_at_n  test items in the list, over n
    recall_at_n     test items in the list, over all of the user's test items
    ndcg_at_n       each hit counts 1 / log2(place + 1), over what the best list would have: one
                    of min(n, test items) hits [Järvelin, Kekäläinen 2002, with gains 0 and 1]
    liked_…         the same where only liked test items count, over users who have any
    coverage_at_n   share of all items that come in any of the lists
    novelty_at_n    mean −log2 of the share of users who rated a listed item, in bits [Zhou et
                    al. 2010]; an item that nobody rated counts as if one user had
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
        """Give the figures by the names they have on a card: `ndcg_at_10` for n = 10."""
        return {
            name.replace("_at_n", f"_at_{self.n}"): figure
            for name, figure in asdict(self).items()
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
    """Rank all items that a user has no train rating of, and look for their test items.

    scores_of    gives one user's scores of all items, (n_items,)
    users        the users to measure; those without test items are passed over
    first_liked  the lowest liked level; 0: every test rating is liked

    Raises RatingsLeaked where a test rating is among the train ratings.
    """
    check_leakage(train, test)
    users = users[np.diff(test.indptr)[users] > 0]
    if users.size == 0:
        return RankingMetrics(n)
    lists = _lists(scores_of, train, users, n)
    found = _find_hits(lists, wanted := test.rows(users), first_liked)
    any_, liked = (_means(*hits, n) for hits in found)
    return RankingMetrics(
        n,
        *any_,
        *liked,
        coverage_at_n=_coverage(lists, train.n_items),
        novelty_at_n=_novelty(lists, train),
        n_users=wanted.n_users,
        n_liked_users=int(np.count_nonzero(found[1][1])),
    )


def _lists(
    scores_of: Callable[[int], Doubles | Floats], train: RatingMatrix, users: Ints, n: int
) -> Ints:
    """Give the n best items of each user, best first, −1 where there are no more, (n_users, n)."""
    lists = np.full((users.size, n), NO_ITEM)
    for row, user in enumerate(users.tolist()):
        scores = np.ascontiguousarray(scores_of(user), dtype=np.float64)
        kernels.top_n_without(scores, train.row(user)[0], lists[row])  # leaves the other places
    return lists


def _find_hits(
    lists: Ints, wanted: RatingMatrix, first_liked: int
) -> list[tuple[NDArray[np.bool_], Ints]]:
    """Mark the hits and count what there was to find: of all test items, of the liked ones.

    returns  twice: (n_users, n) whether a place holds a test item, (n_users,) test items
    """
    n_columns = max(wanted.n_items, int(lists.max()) + 1)
    sought = wanted.users().astype(np.int64) * n_columns + wanted.items
    listed = np.arange(wanted.n_users)[:, np.newaxis] * n_columns + lists
    places = np.minimum(np.searchsorted(sought, listed), sought.size - 1)
    hits = (sought[places] == listed) & (lists != NO_ITEM)
    is_liked = wanted.levels >= first_liked
    n_liked = np.bincount(wanted.users()[is_liked], minlength=wanted.n_users)
    return [(hits, np.diff(wanted.indptr)), (hits & is_liked[places], n_liked)]


def _means(hits: NDArray[np.bool_], n_wanted: Ints, n: int) -> tuple[float, float, float]:
    """P@n, recall@n and nDCG@n, means over the users who have something to find."""
    hits, n_wanted = hits[n_wanted > 0], n_wanted[n_wanted > 0]
    if n_wanted.size == 0:
        return 0.0, 0.0, 0.0
    shares = discounts(n)
    ideals = np.cumsum(shares)[np.minimum(n, n_wanted) - 1]
    n_found = hits.sum(axis=1)
    ndcg = np.mean(hits @ shares / ideals)
    return float(np.mean(n_found / n)), float(np.mean(n_found / n_wanted)), float(ndcg)


def _coverage(lists: Ints, n_items: int) -> float:
    return np.unique(lists[lists != NO_ITEM]).size / n_items


def _novelty(lists: Ints, train: RatingMatrix) -> float:
    """Mean over all places that hold an item."""
    listed = lists[lists != NO_ITEM]
    if listed.size == 0:
        return 0.0
    n_users = max(1, np.count_nonzero(np.diff(train.indptr)))
    shares = np.maximum(train.item_counts(), 1) / n_users
    return float(-np.log2(shares[listed]).mean())


def sample_users(test: RatingMatrix, most: int | None) -> Ints:
    """Choose users with test items, all (None) or an even spread of at most `most` of them."""
    users = np.flatnonzero(np.diff(test.indptr))
    if most is None:
        return users
    return users[np.linspace(0, users.size - 1, min(most, users.size)).astype(np.int64)]
