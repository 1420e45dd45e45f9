"""The machine against the truth: every hidden state of a tiny machine, summed one by one."""

import math

import numpy as np
import pytest

from recsvc.rbm.machines import masked
from recsvc.rbm.params import Params
from tests import naive
from tests.factories.machines import random_params, random_ratings, ratings_of, run_chain, run_step

N_ITEMS, N_LEVELS = 5, 3


@pytest.fixture(params=[1, 4, 6])
def params(request, rng):
    return random_params(rng, n_items=N_ITEMS, n_levels=N_LEVELS, n_hidden=request.param, spread=1)


@pytest.fixture
def ratings(rng):
    return random_ratings(rng, n_users=6, n_items=N_ITEMS, n_levels=N_LEVELS)


@pytest.fixture
def rows(ratings):
    return [naive.row_of(ratings, user) for user in range(ratings.n_users)]


def test_hidden_probabilities_are_those_of_every_hidden_state(params, ratings, rows):
    expected = [naive.hidden_given_visible(params, row) for row in rows]

    np.testing.assert_allclose(masked.hidden_probabilities(params, ratings), expected, rtol=1e-5)


def test_free_energy_is_the_sum_over_every_hidden_state(params, ratings, rows):
    expected = [naive.free_energy(params, row) for row in rows]

    energies = masked.free_energy(params, ratings, masked.hidden_inputs(params, ratings))
    np.testing.assert_allclose(energies, expected, rtol=1e-5)


def test_the_predictive_is_the_exact_conditional_of_an_unrated_item(params, ratings, rows):
    hidden, predictor = (
        masked.hidden_probabilities(params, ratings),
        masked.Predictor.from_params(params),
    )
    for user, row in enumerate(rows):
        unrated = np.array([i for i in range(N_ITEMS) if i not in dict(row)])
        shares = predictor.level_probabilities(hidden, np.full_like(unrated, user), unrated)

        expected = [naive.level_given_visible(params, row, item) for item in unrated]
        np.testing.assert_allclose(shares, expected, rtol=1e-4)


def test_the_leave_one_out_conditional_is_exact(params, ratings, rows):
    shares = masked.Predictor.from_params(params).leave_one_out_probabilities(
        masked.hidden_probabilities(params, ratings),
        ratings.users().astype(np.int64),
        ratings.items.astype(np.int64),
        ratings.levels,
    )

    expected = [
        naive.level_given_visible(params, row[:place] + row[place + 1 :], row[place][0])
        for row in rows
        for place in range(len(row))
    ]
    np.testing.assert_allclose(shares, expected, rtol=1e-3)


@pytest.mark.parametrize("copies", [20_000])
def test_the_mean_step_is_the_exact_expected_contrastive_divergence(rng, copies):
    """Users who all rated alike draw independently, so a batch of them is an average."""
    params = random_params(rng, n_items=4, n_levels=3, n_hidden=3, spread=1)
    row = {0: 2, 1: 0, 3: 1}
    ratings = ratings_of([row] * copies, n_items=4)
    weights, visible, hidden = naive.expected_cd1(params, list(row.items()))
    sums = params.zeros_like()
    seeds, rate = range(5), 0.01
    hidden_gap = 0.0
    for seed in seeds:
        moved = params.copy()
        users = np.arange(copies)
        run_step(moved, moved.zeros_like(), ratings, users, rate=rate, seed=seed)
        sums.weights[:] += (moved.weights - params.weights) / (rate * len(seeds))
        sums.visible_bias[:] += (moved.visible_bias - params.visible_bias) / (rate * len(seeds))
        data, model, *_ = run_chain(params, ratings, users, seed=seed)
        hidden_gap = hidden_gap + (data - model).mean(axis=0, dtype=np.float64) / len(seeds)

    spread = 4 / math.sqrt(copies * len(seeds))  # four standard errors of a mean in [−1, 1]
    assert np.abs(weights).max() > 0.2
    assert np.abs(visible).max() > 0.2
    assert np.abs(hidden).max() > 0.05
    np.testing.assert_allclose(sums.weights, weights, atol=spread)
    np.testing.assert_allclose(sums.visible_bias, visible, atol=spread)
    np.testing.assert_allclose(hidden_gap, hidden, atol=spread)


# ---------------------------------------------------------------------------------- large weights


@pytest.fixture
def large(rng):
    """Weights of ±20 and 400 hidden units whose states are unsure."""
    weights = (20 * rng.choice([-1, 1], size=(3, 5, 400))).astype(np.float32)
    bias = rng.normal(0, 3, (3, 5)).astype(np.float32)
    hidden = rng.uniform(0.001, 0.999, (4, 400)).astype(np.float32)
    return Params(weights, bias, np.zeros(400, np.float32)), hidden


def in_extended_precision(
    predictor: masked.Predictor, hidden: np.ndarray, cases: np.ndarray, items: np.ndarray
) -> np.ndarray:
    """The same product of factors, in logarithms of 80-bit numbers."""
    p = predictor.pad_hidden(hidden).astype(np.longdouble)[cases, np.newaxis]
    factors = 1 + p * predictor.expm1_weights.astype(np.longdouble)[items]
    logs = np.log(factors).sum(axis=2) + np.log(predictor.visible_odds.astype(np.longdouble))[items]
    shares = np.exp(logs - logs.max(axis=1, keepdims=True))
    return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float64)


def test_large_weights_and_many_units_agree_with_extended_precision(large):
    params, hidden = large
    predictor = masked.Predictor.from_params(params)
    cases, items = (grid.ravel() for grid in np.indices((4, 3)))

    shares = predictor.level_probabilities(hidden, cases, items)

    # a factor 1 + p(e^−20 − 1) keeps five digits, and 400 of them are multiplied
    expected = in_extended_precision(predictor, hidden, cases, items)
    np.testing.assert_allclose(np.log(shares), np.log(expected), atol=1e-2)
    np.testing.assert_allclose(shares.sum(axis=1), 1)


def test_products_that_leave_the_range_of_numbers_are_done_in_logarithms(rng):
    """Far more than e^±640 between the levels: no product of doubles holds them."""
    weights = np.stack([np.full((1, 400), w, np.float32) for w in (15, 15.01, -15)], axis=1)
    params = Params(weights, np.zeros((1, 3), np.float32), np.zeros(400, np.float32))
    predictor = masked.Predictor.from_params(params)
    hidden, one = np.full((1, 400), 0.5, np.float32), np.zeros(1, np.int64)

    shares = predictor.level_probabilities(hidden, one, one)

    expected = in_extended_precision(predictor, hidden, one, one)
    np.testing.assert_allclose(shares, expected, rtol=1e-6)
    assert 0.97 < shares[0, 1] < 0.99
    assert 0.01 < shares[0, 0] < 0.03


@pytest.mark.parametrize("size", [17, 20, 80, 1e4])
def test_certain_units_under_huge_weights_never_give_a_number_that_is_none(rng, size):
    """σ(x) is exactly 0 or 1 there, and e^−w − 1 exactly −1: factors of 0, quotients of 0 by 0."""
    weights = (size * rng.choice([-1, 1], size=(9, 5, 400))).astype(np.float32)
    params = Params(weights, np.zeros((9, 5), np.float32), np.zeros(400, np.float32))
    ratings = random_ratings(rng)
    hidden, predictor = (
        masked.hidden_probabilities(params, ratings),
        masked.Predictor.from_params(params),
    )
    cases, items = (grid.ravel() for grid in np.indices((12, 9)))
    own = ratings.users().astype(np.int64), ratings.items.astype(np.int64), ratings.levels

    shares = predictor.level_probabilities(hidden, cases, items)
    left_out = predictor.leave_one_out_probabilities(hidden, *own)

    for found in (shares, left_out):
        assert np.isfinite(found).all()
        assert (found >= 0).all()
        np.testing.assert_allclose(found.sum(axis=1), 1)


@pytest.mark.parametrize("spread", [0.1, 1.0, 4.0])
def test_splitting_the_product_into_blocks_changes_nothing(rng, spread):
    params = random_params(rng, n_hidden=100, spread=spread)
    hidden = rng.random((6, 100), dtype=np.float32)
    cases, items = (grid.ravel() for grid in np.indices((6, 9)))
    whole = masked.Predictor.from_params(params)
    expected = in_extended_precision(whole, hidden, cases, items)

    for block in {1, 7, 50, whole.block}:
        split = masked.Predictor(whole.expm1_weights, whole.visible_odds, block)
        shares = split.level_probabilities(hidden, cases, items)
        np.testing.assert_allclose(shares, expected, rtol=2e-3 if spread > 1 else 2e-5)


def test_no_block_can_leave_the_range_of_a_float(rng):
    for n_hidden, spread in [(1, 500), (7, 30), (100, 5), (100, 0.1), (401, 2)]:
        params = random_params(rng, n_hidden=n_hidden, spread=spread)
        predictor = masked.Predictor.from_params(params)
        sizes = np.minimum(np.abs(params.weights.astype(np.float64)), 80)
        for start in range(0, n_hidden, predictor.block):
            assert sizes[:, :, start : start + predictor.block].sum(axis=2).max() <= 80
    whole = masked.Predictor.from_params(random_params(rng, n_hidden=100, spread=0.01))
    assert whole.block == whole.expm1_weights.shape[2] == 128  # small weights: never split


def test_sigmoid_keeps_the_digits_of_small_results_and_cannot_overflow():
    x = np.array([-1e30, -100, -87, -30, -5, 0, 5, 30, 100, 1e30], np.float32)

    expected = [naive.sigmoid(max(float(v), -700.0)) for v in x]
    np.testing.assert_allclose(masked.sigmoid(x), expected, rtol=1e-6, atol=1e-40)
    assert masked.sigmoid(x).dtype == np.float32
