"""What a system is to the benchmarks, ours or a peer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.ranking import Scores
from recsvc.rbm.arrays import Doubles, Floats, Ints
from recsvc.rbm.rating_matrix import RatingMatrix

Choice = dict[str, object]

RATES_ALONE = {"online-retail": "it learns from ratings alone"}


@dataclass(frozen=True)
class Peer:
    """A system fitted to train ratings.

    scores   users (n,) to (n, n_items), for ranking alone; None where it does not rank
    ratings  users and items (n,) to the expected ratings (n,); None where it does not rate
    """

    scores: Scores | None = None
    ratings: Callable[[Ints, Ints], Doubles] | None = None


@dataclass(frozen=True)
class System:
    """How to fit one, and what its tuning tries.

    fit        (train, scale, *, seed, **choice) to a Peer
    grid       the choices that validation decides between
    left_out   data set to the reason why it is not run there
    """

    fit: Callable[..., Peer]
    grid: tuple[Choice, ...] = ({},)
    left_out: Mapping[str, str] = field(default_factory=dict)


def grid(**values: tuple[object, ...]) -> tuple[Choice, ...]:
    """Every combination of the values of each name."""
    choices: list[Choice] = [{}]
    for name, several in values.items():
        choices = [choice | {name: value} for choice in choices for value in several]
    return tuple(choices)


def interactions(ratings: RatingMatrix) -> sparse.csr_matrix:
    """(n_users, n_items), 1 where there is a rating, whatever its level."""
    ones = np.ones(ratings.n_ratings, dtype=np.float32)
    return sparse.csr_matrix(
        (ones, ratings.items, ratings.indptr), shape=(ratings.n_users, ratings.n_items)
    )


def item_to_item(ratings: RatingMatrix, weights: NDArray | sparse.csr_matrix) -> Peer:
    """Score by the sum of the weights from a user's items; equals, as 0 is, by popularity.

    weights  (n_items, n_items), row i what item i says of the others
    """
    given = interactions(ratings)
    counts = ratings.item_counts().astype(np.float32)
    greatest = np.abs(weights).max() if weights.size else 1.0
    little = np.float32(1e-6) * greatest * counts / counts.max()

    def scores(users: Ints) -> Floats:
        summed = given[users] @ weights
        return np.asarray(summed.todense() if sparse.issparse(summed) else summed) + little

    return Peer(scores)


def described(choice: Choice) -> str:
    """Say a choice on one line: `k 100, shrink 10`."""
    shown = (
        f"{name.replace('_', ' ')} {value:g}" if isinstance(value, (int, float)) else str(value)
        for name, value in choice.items()
    )
    return ", ".join(shown)
