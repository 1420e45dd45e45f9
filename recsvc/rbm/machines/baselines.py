"""What needs no machine: the figures that every training job has to beat."""

from dataclasses import dataclass

import numpy as np

from recsvc.rbm import kernels
from recsvc.rbm.arrays import Doubles, Floats
from recsvc.rbm.rating_matrix import RatingMatrix

BIAS_ROUNDS = 10
ITEM_DAMPING = 3.0
USER_DAMPING = 6.0
EASE_REGULARISATION = 500.0  # λ of EASE that does well on MovieLens


@dataclass(frozen=True)
class Biases:
    """expected rating = mean + user bias + item bias [Koren, Bell, Volinsky 2009].

    mean        of all ratings
    user_bias   (n_users,), 0 for a user without ratings
    item_bias   (n_items,), 0 for an item without ratings
    item_means  (n_items,), the plain mean of an item, the global mean where it has none
    """

    mean: float
    user_bias: Doubles
    item_bias: Doubles
    item_means: Doubles

    @classmethod
    def fit(cls, ratings: RatingMatrix, values: Doubles) -> "Biases":
        """Fit by turns: each bias is the mean of what the other leaves over, shrunk towards 0.

        values  (n_levels,) the rating that each level stands for
        """
        users, items, given = ratings.users(), ratings.items, values[ratings.levels]
        mean = float(given.mean())
        user_bias, item_bias = np.zeros(ratings.n_users), np.zeros(ratings.n_items)
        for _ in range(BIAS_ROUNDS):
            left = given - mean - user_bias[users]
            item_bias = _shrunk_means(items, left, ratings.n_items, ITEM_DAMPING)
            left = given - mean - item_bias[items]
            user_bias = _shrunk_means(users, left, ratings.n_users, USER_DAMPING)
        item_means = mean + _shrunk_means(items, given - mean, ratings.n_items, 1e-9)
        return cls(mean, user_bias, item_bias, item_means)

    def predict(self, users: np.ndarray, items: np.ndarray) -> Doubles:
        """Give the expected rating of each (user, item)."""
        expected: Doubles = self.mean + self.user_bias[users] + self.item_bias[items]
        return expected

    def predictions(self, users: np.ndarray, items: np.ndarray) -> dict[str, Doubles]:
        """Give the ratings that each way expects of each (user, item): from none to both biases."""
        return {
            "global_mean": np.full(users.size, self.mean),
            "item_mean": self.item_means[items],
            "user_item_bias": self.predict(users, items),
        }

    def rmse(self, test: RatingMatrix, values: Doubles) -> dict[str, float]:
        """Give the RMSE of the global mean, the item means and the biases on test ratings."""
        given = values[test.levels]
        return {
            name: float(np.sqrt(np.mean(np.square(predicted - given))))
            for name, predicted in self.predictions(test.users(), test.items).items()
        }


def _shrunk_means(groups: np.ndarray, values: Doubles, n_groups: int, damping: float) -> Doubles:
    """Mean of each group as if `damping` zeros had been among its values."""
    sums = np.bincount(groups, weights=values, minlength=n_groups)
    means: Doubles = sums / (np.bincount(groups, minlength=n_groups) + damping)
    return means


def ease_weights(ratings: RatingMatrix, *, regularisation: float = EASE_REGULARISATION) -> Floats:
    """Item–item weights B of EASE: scores of a user are Σ B[i, ·] over the items i they rated.

    B = −P / diag(P) with P = (XᵀX + λI)⁻¹ and a zero diagonal, X binary [Steck, WWW 2019, eq. 8].
    XᵀX is counted pair by pair and everything else happens in its place, so that the n_items²
    float32 numbers of the answer are all the memory that is taken.

    returns  (n_items, n_items); time grows with its cube
    """
    matrix = np.zeros((ratings.n_items, ratings.n_items), dtype=np.float32)
    kernels.count_pairs(ratings.indptr, ratings.items, matrix)
    matrix[np.diag_indices_from(matrix)] += np.float32(regularisation)
    if not _invert_in_place(matrix):
        raise np.linalg.LinAlgError(f"λ = {regularisation:g} is too small for these ratings")
    kernels.scale_inverse(matrix)
    return matrix


def _invert_in_place(matrix: Floats) -> bool:
    """Put the inverse of a positive definite matrix in its place; only upper triangles count.

    LAPACK reads columns where numpy has rows: its lower triangle is our upper one.
    """
    # here, for it takes long to load, and scipy has no types
    from scipy.linalg.lapack import spotrf, spotri  # type: ignore[import-untyped] # see above

    _, failed = spotrf(matrix.T, lower=1, clean=0, overwrite_a=1)
    if failed == 0:
        _, failed = spotri(matrix.T, lower=1, overwrite_c=1)
    return bool(failed == 0)


@dataclass(frozen=True)
class Ease:
    """EASE, the linear model that is hard to beat by lists [Steck, WWW 2019].

    weights  (n_items, n_items) see `ease_weights`
    """

    weights: Floats
    ratings: RatingMatrix

    @classmethod
    def fit(cls, ratings: RatingMatrix, *, regularisation: float = EASE_REGULARISATION) -> "Ease":
        """Learn from who rated what; how, does not matter."""
        return cls(ease_weights(ratings, regularisation=regularisation), ratings)

    def scores(self, user: int) -> Doubles:
        """Scores of all items for one user, for ranking alone, (n_items,)."""
        scores = np.zeros(self.ratings.n_items)
        kernels.add_rows(self.weights, self.ratings.row(user)[0], scores)
        return scores
