import time
import tracemalloc

import numpy as np
import pytest

from recsvc.rbm.machines.baselines import (
    BIAS_ROUNDS,
    ITEM_DAMPING,
    USER_DAMPING,
    Biases,
    Ease,
    ease_weights,
)
from tests import naive
from tests.factories.machines import STARS, random_ratings, ratings_of


def biases_one_by_one(rows, n_items):
    """Mean, user biases and item biases by turns, a rating at a time."""
    given = [STARS[level] for row in rows for _, level in row]
    mean = sum(given) / len(given)
    users, items = [0.0] * len(rows), [0.0] * n_items
    for _ in range(BIAS_ROUNDS):
        for item in range(n_items):
            left = [
                STARS[level] - mean - users[user]
                for user, row in enumerate(rows)
                for rated, level in row
                if rated == item
            ]
            items[item] = sum(left) / (len(left) + ITEM_DAMPING)
        for user, row in enumerate(rows):
            left = [STARS[level] - mean - items[item] for item, level in row]
            users[user] = sum(left) / (len(left) + USER_DAMPING)
    return mean, users, items


def test_biases_equal_loop(ratings):
    rows = [naive.row_of(ratings, user) for user in range(ratings.n_users)]
    mean, users, items = biases_one_by_one(rows, ratings.n_items)

    biases = Biases.fit(ratings, STARS)

    assert biases.mean == pytest.approx(mean)
    np.testing.assert_allclose(biases.user_bias, users, atol=1e-12)
    np.testing.assert_allclose(biases.item_bias, items, atol=1e-12)
    assert biases.user_bias[0] == biases.item_bias[-1] == 0  # who rated nothing, what nobody rated
    np.testing.assert_allclose(
        biases.predict(np.array([2]), np.array([5])), mean + users[2] + items[5]
    )


def test_item_means_are_global_mean_for_unrated_items(ratings):
    biases = Biases.fit(ratings, STARS)

    for item in range(8):
        assert biases.item_means[item] == pytest.approx(
            STARS[ratings.levels[ratings.items == item]].mean()
        )
    assert biases.item_means[8] == pytest.approx(biases.mean)


def test_baseline_rmse_equals_loop(rng, ratings):
    test = random_ratings(rng)
    biases = Biases.fit(ratings, STARS)
    squared = {"global_mean": 0.0, "item_mean": 0.0, "user_item_bias": 0.0}
    for user in range(test.n_users):
        for item, level in naive.row_of(test, user):
            predicted = (
                biases.mean,
                biases.item_means[item],
                biases.mean + biases.user_bias[user] + biases.item_bias[item],
            )
            for name, value in zip(squared, predicted, strict=True):
                squared[name] += (STARS[level] - value) ** 2 / test.n_ratings

    rmse = biases.rmse(test, STARS)

    assert rmse == pytest.approx({name: value**0.5 for name, value in squared.items()})


def test_biases_reach_known_rmse_on_official_folds(movielens):
    expected_rmse = (0.935, 0.948)
    rmse = [
        Biases.fit(movielens(f"u{fold}.base"), STARS).rmse(movielens(f"u{fold}.test"), STARS)
        for fold in range(1, 6)
    ]

    means = {name: np.mean([figures[name] for figures in rmse]) for name in rmse[0]}
    assert expected_rmse[0] <= means["user_item_bias"] <= expected_rmse[1]
    assert means["user_item_bias"] < means["item_mean"] < means["global_mean"]


def test_ease_solves_ridge_regression_with_zero_diagonal(rng):
    """Column i of B minimises ‖x_i − X b‖² + λ‖b‖² over the other items."""
    ratings = random_ratings(rng, n_users=30, n_items=8)
    x = np.zeros((30, 8))
    x[ratings.users(), ratings.items] = 1

    weights = ease_weights(ratings, regularisation=2.0)

    assert weights.dtype == np.float32
    assert (np.diag(weights) == 0).all()
    for item in range(8):
        others = np.delete(np.arange(8), item)
        rest = x[:, others]
        expected = np.linalg.solve(rest.T @ rest + 2.0 * np.eye(7), rest.T @ x[:, item])
        np.testing.assert_allclose(weights[others, item], expected, rtol=1e-3, atol=1e-5)


def test_ease_agrees_with_double_precision(movielens):
    ratings = movielens("u1.base")

    weights = ease_weights(ratings, regularisation=500.0)

    expected = naive.ease(ratings, 500.0)
    np.testing.assert_allclose(weights, expected, atol=1e-5)
    row = ratings.row(7)[0]
    np.testing.assert_allclose(Ease.fit(ratings).scores(7), expected[row].sum(axis=0), atol=1e-4)


def test_ease_raises_when_matrix_is_singular():
    one_unrated = ratings_of([{0: 1, 1: 1}, {0: 1}], n_items=3)

    with pytest.raises(np.linalg.LinAlgError, match="λ = 0 is too small"):
        ease_weights(one_unrated, regularisation=0.0)


def test_ease_needs_memory_of_result_only(million):
    Ease.fit(million.rows(np.arange(3)))  # what is loaded once
    tracemalloc.start()
    began = time.process_time()

    weights = ease_weights(million)

    took, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert weights.nbytes < peak < 1.2 * weights.nbytes < 100e6
    assert took < 10  # 2 s on a machine that has nothing else to do
