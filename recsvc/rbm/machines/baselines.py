"""Baselines without a machine: means, biases and EASE."""

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
        """Fit in turns: each bias is the mean of the other's residuals, shrunk towards 0.

        values  (n_levels,) the rating that each level stands for
        """
        users, items, rated = ratings.users(), ratings.items, values[ratings.levels]
        mean = float(rated.mean())
        user_bias, item_bias = np.zeros(ratings.n_users), np.zeros(ratings.n_items)
        for _ in range(BIAS_ROUNDS):
            residuals = rated - mean - user_bias[users]
            item_bias = _shrunk_means(items, residuals, ratings.n_items, ITEM_DAMPING)
            residuals = rated - mean - item_bias[items]
            user_bias = _shrunk_means(users, residuals, ratings.n_users, USER_DAMPING)
        item_means = mean + _shrunk_means(items, rated - mean, ratings.n_items, 1e-9)
        return cls(mean, user_bias, item_bias, item_means)

    def predict(self, users: np.ndarray, items: np.ndarray) -> Doubles:
        """Return the expected rating of each (user, item)."""
        expected: Doubles = self.mean + self.user_bias[users] + self.item_bias[items]
        return expected

    def predictions(self, users: np.ndarray, items: np.ndarray) -> dict[str, Doubles]:
        """Return the expected ratings by baseline, from the global mean to both biases."""
        return {
            "global_mean": np.full(users.size, self.mean),
            "item_mean": self.item_means[items],
            "user_item_bias": self.predict(users, items),
        }

    def rmse(self, test: RatingMatrix, values: Doubles) -> dict[str, float]:
        """Return the RMSE of the global mean, the item means and the biases on test ratings."""
        rated = values[test.levels]
        return {
            name: float(np.sqrt(np.mean(np.square(predicted - rated))))
            for name, predicted in self.predictions(test.users(), test.items).items()
        }


def _shrunk_means(groups: np.ndarray, values: Doubles, n_groups: int, damping: float) -> Doubles:
    """Return the mean of each group with `damping` zeros added to its values."""
    sums = np.bincount(groups, weights=values, minlength=n_groups)
    means: Doubles = sums / (np.bincount(groups, minlength=n_groups) + damping)
    return means


def ease_weights(ratings: RatingMatrix, *, regularisation: float = EASE_REGULARISATION) -> Floats:
    """Return the item–item weights B of EASE; a user's scores are Σ B[i, ·] over their items i.

    B = −P / diag(P) with P = (XᵀX + λI)⁻¹ and a zero diagonal, X binary [Steck, WWW 2019, eq. 8].
    XᵀX is counted pair by pair and transformed in place, so that the n_items² float32 numbers of
    the result are the only memory used.

    returns  (n_items, n_items); the time grows with the cube of n_items
    """
    matrix = np.zeros((ratings.n_items, ratings.n_items), dtype=np.float32)
    kernels.count_pairs(ratings.indptr, ratings.items, matrix)
    matrix[np.diag_indices_from(matrix)] += np.float32(regularisation)
    if not _invert_in_place(matrix):
        raise np.linalg.LinAlgError(f"λ = {regularisation:g} is too small for these ratings")
    kernels.scale_inverse(matrix)
    return matrix


def _invert_in_place(matrix: Floats) -> bool:
    """Invert a positive definite matrix in place; return False if it has no inverse.

    Only upper triangles are read and written. LAPACK stores by column and numpy by row, so
    LAPACK's lower triangle is numpy's upper one.
    """
    # imported here because it takes long to load
    from scipy.linalg.lapack import spotrf, spotri  # type: ignore[import-untyped] # see above

    _, failed = spotrf(matrix.T, lower=1, clean=0, overwrite_a=1)
    if failed == 0:
        _, failed = spotri(matrix.T, lower=1, overwrite_c=1)
    return bool(failed == 0)


@dataclass(frozen=True)
class Ease:
    """EASE, a linear item–item model and a strong baseline for lists [Steck, WWW 2019].

    weights  (n_items, n_items) see `ease_weights`
    """

    weights: Floats
    ratings: RatingMatrix

    @classmethod
    def fit(cls, ratings: RatingMatrix, *, regularisation: float = EASE_REGULARISATION) -> "Ease":
        """Fit to the rated (user, item) pairs; the levels have no effect."""
        return cls(ease_weights(ratings, regularisation=regularisation), ratings)

    def scores(self, user: int) -> Doubles:
        """Return the scores of all items for one user, (n_items,)."""
        scores = np.zeros(self.ratings.n_items)
        kernels.add_rows(self.weights, self.ratings.row(user)[0], scores)
        return scores
