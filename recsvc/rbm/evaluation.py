"""How good it is: the split, the figures of ratings and of lists, and a model's own."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from recsvc.rbm import inference, kernels
from recsvc.rbm.folded import Folded
from recsvc.rbm.monitoring import mean_nll
from recsvc.rbm.ratings import Doubles, Ints, RatingMatrix, Vocabulary

LIST_LENGTH = 10


def validation_share(
    ratings: RatingMatrix, users: Vocabulary, items: Vocabulary, *, share: float, split_seed: int
) -> NDArray[np.bool_]:
    """Tell which ratings belong to validation, (n_ratings,).

    A rating's place depends on its user id, item id and the split seed alone, so it is the same
    in every later snapshot, and model versions can be compared on the same ratings.
    """
    user_hash = _id_hashes(users.ids, split_seed)[ratings.users()]
    item_hash = _id_hashes(items.ids, split_seed + 1)[ratings.items]
    mixed = _mix(_mix(user_hash) + item_hash)
    return mixed.astype(np.float64) < share * 2.0**64


def _id_hashes(ids: Iterable[str], seed: int) -> NDArray[np.uint64]:
    salt = seed.to_bytes(8, "little", signed=True)
    digests = b"".join(blake2b(id_.encode(), digest_size=8, salt=salt).digest() for id_ in ids)
    return np.frombuffer(digests, dtype="<u8")


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser, over an array."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


@dataclass(frozen=True)
class RankingFigures:
    """Mean over the users with at least one test item; 0 where there is none.

    precision_at_n  test items among the list, over n
    ndcg_at_n       binary gains, discounted by 1 / log2(place + 1); the ideal has min(n, test) hits
    n_users         users measured
    """

    precision_at_n: float
    ndcg_at_n: float
    n_users: int


def ranking_figures(
    scores_of: Callable[[int], Doubles],
    train: RatingMatrix,
    test: RatingMatrix,
    users: Ints,
    *,
    n: int = LIST_LENGTH,
) -> RankingFigures:
    """Rank all items that a user has no train rating of, and look for their test items.

    scores_of  gives one user's scores of all items, (n_items,); they are overwritten
    users      the users to measure; those without test items are passed over
    """
    discounts = 1.0 / np.log2(np.arange(2, n + 2))
    ideals = np.cumsum(discounts)
    precisions, ndcgs = [], []
    for user in users[np.diff(test.indptr)[users] > 0].tolist():
        wanted, _ = test.row(user)
        best = inference.top_n(scores_of(user), n, left_out=train.row(user)[0])
        hits = np.isin(best, wanted)
        precisions.append(hits.sum() / n)
        ndcgs.append(discounts[: hits.size][hits].sum() / ideals[min(n, wanted.size) - 1])
    if not ndcgs:
        return RankingFigures(0.0, 0.0, 0)
    return RankingFigures(float(np.mean(precisions)), float(np.mean(ndcgs)), len(ndcgs))


def most_rated_figures(
    train: RatingMatrix, test: RatingMatrix, users: Ints, *, n: int = LIST_LENGTH
) -> RankingFigures:
    """Give everybody the items with the most train ratings."""
    counts = train.item_counts().astype(np.float64)
    return ranking_figures(lambda _: counts.copy(), train, test, users, n=n)


def model_figures(
    folded: Folded, train: RatingMatrix, test: RatingMatrix, users: Ints
) -> dict[str, float | int]:
    """Measure a model on test ratings, its users folded in from their train ratings alone.

    train, test  rows are users, columns the model's items
    users        those whose lists are measured; ratings are measured for everybody
    """
    lists = ranking_figures(folded.scores, train, test, users)
    shares = folded.level_probabilities(test.users(), test.items)
    values = np.array(folded.model.scale.values)
    errors = inference.expected_ratings(folded.model, shares) - values[test.levels]
    return {
        "validation_nll": mean_nll(shares, test.levels),
        "validation_rmse": float(np.sqrt(np.mean(np.square(errors)))),
        "validation_mae": float(np.mean(np.abs(errors))),
        "ndcg_at_10": lists.ndcg_at_n,
        "precision_at_10": lists.precision_at_n,
        "n_ratings": test.n_ratings,
        "n_users_ranked": lists.n_users,
    }


def sampled_users(test: RatingMatrix, most: int) -> Ints:
    """Choose users with test items, all or an even spread of `most` of them."""
    users = np.flatnonzero(np.diff(test.indptr))
    return users[np.linspace(0, users.size - 1, min(most, users.size)).astype(np.int64)]


def use_threads(n_threads: int) -> None:
    """Let evaluation and training use so many threads."""
    kernels.use_threads(n_threads)
