"""Unit figures say what is so: counted by hand, against a naive twin, on real training."""

import numpy as np
import pytest

from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.monitoring.epoch_evaluator import UnitMetrics, unit_similarity
from recsvc.rbm.params import initial_params
from recsvc.rbm.training.trainer import TrainerState, TrainingData, train
from tests.factories.machines import STARS


def figures_of(hidden: np.ndarray, weights: np.ndarray) -> UnitMetrics:
    return UnitMetrics.from_activity(hidden.astype(np.float32), weights)


def test_unit_metrics_distinguish_units():
    always, never = np.full(100, 0.99), np.full(100, 0.01)
    halves, asleep = np.repeat([0.0, 1.0], 50), np.full(100, 0.3)
    weights = np.zeros((2, 2, 4), np.float32)
    weights[0, 1] = [3.0, -7.0, 1.0, 2.0]

    figures = figures_of(np.stack([always, never, halves, asleep], axis=1), weights)

    assert figures.saturated_units == 0.5
    assert figures.dead_units == 0.75, "a jammed unit is asleep as well"
    assert figures.hidden_activity == pytest.approx((0.99 + 0.01 + 0.5 + 0.3) / 4)
    assert figures.hidden_certainty == pytest.approx((0.49 + 0.49 + 0.5 + 0.2) / 4)


def greatest_cosine(weights: np.ndarray) -> float:
    """Greatest |cosine| between the weights of two units; weights (n_items, n_levels, n_hidden)."""
    units = weights.astype(float).reshape(-1, weights.shape[-1]).T
    return max(
        abs(float(a @ b)) / float(np.linalg.norm(a) * np.linalg.norm(b))
        for at, a in enumerate(units)
        for b in units[at + 1 :]
    )


@pytest.mark.parametrize("n_hidden", [2, 3, 17])
def test_unit_similarity_is_greatest_cosine(n_hidden):
    weights = np.random.default_rng(n_hidden).normal(size=(6, 5, n_hidden)).astype(np.float32)

    expected = greatest_cosine(weights)

    assert unit_similarity(weights) == pytest.approx(expected, abs=1e-6)
    assert 0.0 < expected < 1.0


@pytest.mark.parametrize("scale", [1e-30, 1.0, -2.0, 1e30])
def test_unit_similarity_is_one_for_multiples(scale):
    weights = np.random.default_rng(0).normal(size=(300, 5, 4)).astype(np.float32)
    weights[..., 3] = scale * weights[..., 1]

    assert unit_similarity(weights) == pytest.approx(1.0, abs=1e-5)


def test_unit_similarity_of_zero_weights_and_of_one_unit():
    assert unit_similarity(np.zeros((3, 5, 2), np.float32)) == 1.0
    assert unit_similarity(np.ones((3, 5, 1), np.float32)) == 0.0


def test_training_activates_and_separates_units(movielens):
    ratings = movielens("u.data")
    held_out = np.random.default_rng(0).random(ratings.n_ratings) < 0.1
    data = TrainingData(ratings.select(~held_out), ratings.select(held_out), STARS)
    hyper = Hyperparameters(epochs=30, n_hidden=32)
    first = initial_params(data.train, 5, hyper, rng=np.random.default_rng(0))

    reports = [
        r
        for r, _ in train(
            data, hyper, seed=0, state=TrainerState.initial(first), model_kind="user_rbm"
        )
    ]

    start, end = reports[0], reports[-1]
    assert start.hidden_certainty < 0.03 < 0.1 < end.hidden_certainty
    assert (start.saturated_units, end.saturated_units) == (0.0, 0.0)
    assert end.largest_weight > start.largest_weight
    assert start.kept_levels is None
    assert 0.2 < reports[1].kept_levels < end.kept_levels < 0.9
    assert 0.3 < start.prediction_spread < end.prediction_spread < 1.0
