"""What needs no machine: the figures that every training job has to beat."""

from dataclasses import dataclass

import numpy as np

from recsvc.rbm.ratings import Doubles, RatingMatrix

BIAS_ROUNDS = 10
ITEM_DAMPING = 3.0
USER_DAMPING = 6.0


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

    def rmse(self, test: RatingMatrix, values: Doubles) -> dict[str, float]:
        """Give the RMSE of the global mean, the item means and the biases on test ratings."""
        users, items, given = test.users(), test.items, values[test.levels]
        predictions = {
            "global_mean": np.full(given.size, self.mean),
            "item_mean": self.item_means[items],
            "user_item_bias": self.predict(users, items),
        }
        return {
            name: float(np.sqrt(np.mean(np.square(predicted - given))))
            for name, predicted in predictions.items()
        }


def _shrunk_means(groups: np.ndarray, values: Doubles, n_groups: int, damping: float) -> Doubles:
    """Mean of each group as if `damping` zeros had been among its values."""
    sums = np.bincount(groups, weights=values, minlength=n_groups)
    means: Doubles = sums / (np.bincount(groups, minlength=n_groups) + damping)
    return means


def ease_weights(ratings: RatingMatrix, *, regularisation: float) -> Doubles:
    """Item–item weights B of EASE: scores of a user are Σ B[i, ·] over the items i they rated.

    B = −P / diag(P) with P = (XᵀX + λI)⁻¹ and a zero diagonal, X binary [Steck, WWW 2019, eq. 8].

    returns  (n_items, n_items); memory and time grow with its square and cube
    """
    interactions = np.zeros((ratings.n_users, ratings.n_items), dtype=np.float32)
    interactions[ratings.users(), ratings.items] = 1.0
    gram = (interactions.T @ interactions).astype(np.float64)
    gram[np.diag_indices_from(gram)] += regularisation
    precision = np.linalg.inv(gram)
    weights: Doubles = precision / -np.diag(precision)
    np.fill_diagonal(weights, 0.0)
    return weights
