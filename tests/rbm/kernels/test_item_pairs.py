"""The kernels of evaluation, each against its naive twin."""

import numpy as np
import pytest

from recsvc.rbm import kernels
from tests import naive
from tests.factories.machines import random_ratings


@pytest.mark.parametrize("n", [1, 3, 10, 40, 100])
def test_top_n_orders_by_score_then_number(rng, n):
    for _ in range(50):
        scores = rng.integers(8, size=40).astype(np.float64)
        scores[rng.random(40) < rng.random()] = -np.inf
        out = np.full(min(n, 40), -7, np.int64)

        found = kernels.top_n(scores, out)

        assert out[:found].tolist() == naive.top_n(scores, n)


@pytest.mark.parametrize("n", [1, 3, 10, 40])
def test_top_n_without_skips_items_and_keeps_scores(rng, n):
    for _ in range(50):
        scores = rng.integers(8, size=40).astype(np.float64)
        left_out = np.flatnonzero(rng.random(40) < rng.random()).astype(np.int32)
        out, before = np.full(n, -7, np.int64), scores.copy()

        found = kernels.top_n_without(scores, left_out, out)

        assert out[:found].tolist() == naive.top_n(scores, n, left_out.tolist())
        assert (out[found:] == -7).all()
        assert (scores == before).all()


def test_top_n_without_returns_none_when_all_are_left_out():
    assert kernels.top_n(np.full(5, -np.inf), np.empty(3, np.int64)) == 0
    assert kernels.top_n(np.empty(0), np.empty(0, np.int64)) == 0
    assert kernels.top_n(np.ones(5), np.empty(0, np.int64)) == 0
    assert (
        kernels.top_n_without(np.ones(5), np.arange(5, dtype=np.int32), np.empty(3, np.int64)) == 0
    )


def test_top_n_skips_items_without_score():
    out = np.full(4, -7, np.int64)

    assert kernels.top_n(np.array([np.nan, 1.0, np.nan, 2.0]), out) == 2
    assert out[:2].tolist() == [3, 1]


def test_count_pairs_fills_upper_triangle(rng):
    ratings = random_ratings(rng, n_users=30, n_items=8)
    counted = np.zeros((8, 8), np.float32)

    kernels.count_pairs(ratings.indptr, ratings.items, counted)

    rows = [{item for item, _ in naive.row_of(ratings, user)} for user in range(30)]
    for i in range(8):
        for j in range(8):
            assert counted[i, j] == (sum({i, j} <= row for row in rows) if i <= j else 0)


def test_scale_inverse_divides_columns_by_diagonal(rng):
    matrix = rng.normal(size=(6, 6)).astype(np.float32)
    matrix += matrix.T
    expected = -matrix / np.diag(matrix)
    np.fill_diagonal(expected, 0)
    upper = np.triu(matrix) + np.tril(np.full((6, 6), 99, np.float32), -1)

    kernels.scale_inverse(upper)

    np.testing.assert_allclose(upper, expected, rtol=1e-6)


def test_add_rows_sums_rows(rng):
    matrix, rows = rng.normal(size=(6, 5)).astype(np.float32), np.array([4, 0, 4], np.int32)
    sums = np.ones(5)

    kernels.add_rows(matrix, rows, sums)

    np.testing.assert_allclose(sums, 1 + sum(matrix[row].astype(float) for row in rows))
