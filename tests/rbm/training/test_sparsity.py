"""A wanted activity of hidden units: the hidden biases, and they alone, are pulled towards it."""

import os

import numpy as np
import pytest

from recsvc.errors import InvalidHyperparameter
from recsvc.rbm import kernels
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.machines import joint, masked
from recsvc.rbm.machines.functions import machine_functions
from recsvc.rbm.training import conditional_likelihood
from recsvc.rbm.training.batches import iter_batches
from recsvc.rbm.training.trainer import TrainerState, TrainingData, train
from tests.factories.machines import STARS, random_ratings

KINDS = pytest.mark.parametrize("kind", ["user_rbm", "joint_rbm"])
HYPER = {"n_hidden": 8, "epochs": 1, "batch_size": 1000, "learning_rate": 0.05}
TARGET, COST = 0.1, 2.0


@pytest.fixture(scope="module")
def data():
    ratings = random_ratings(np.random.default_rng(5), n_users=60, n_items=30)
    return TrainingData(ratings, ratings.select(np.zeros(ratings.n_ratings, bool)), STARS)


def train_last(data, kind, **changes):
    """The last report and the parameters then."""
    hyper = Hyperparameters.from_changes(kind, HYPER | changes)
    rng = np.random.default_rng(0)
    first = machine_functions(kind).initial_params(data.train, 5, hyper, rng=rng)
    state = TrainerState.initial(first)
    *_, (report, state) = train(data, hyper, seed=0, state=state, model_kind=kind)
    return report, state.params


def activity_before(data, kind) -> np.ndarray:
    """The mean activity of each unit at the first parameters, over the one batch of all users."""
    hyper = Hyperparameters.from_changes(kind, HYPER)
    first = machine_functions(kind).initial_params(
        data.train, 5, hyper, rng=np.random.default_rng(0)
    )
    [batch] = iter_batches(data.train, 1000, seed=0, epoch=1)
    if kind == "joint_rbm":
        return conditional_likelihood.run_forward_pass(
            first, batch, hyper, seed=0, epoch=1
        ).active.mean(axis=0)
    return masked.hidden_probabilities(first, data.train.rows(batch.users)).mean(axis=0)


@KINDS
def test_sparsity_penalty_moves_hidden_biases_by_formula(data, kind):
    _, plain = train_last(data, kind)
    report, sparse = train_last(data, kind, sparsity_target=TARGET, sparsity_cost=COST)

    pull = report.learning_rate * COST * (TARGET - activity_before(data, kind))
    assert (pull < 0).all()
    np.testing.assert_allclose(sparse.hidden_bias - plain.hidden_bias, pull, atol=1e-7)
    np.testing.assert_array_equal(sparse.weights, plain.weights)
    np.testing.assert_array_equal(sparse.visible_bias, plain.visible_bias)


@KINDS
def test_sparsity_cost_has_no_effect_without_target(data, kind):
    assert (
        train_last(data, kind)[1].sha256()
        == train_last(data, kind, sparsity_target=0.0, sparsity_cost=50.0)[1].sha256()
        == train_last(data, kind, sparsity_target=0.2, sparsity_cost=0.0)[1].sha256()
    )


@KINDS
@pytest.mark.parametrize("target", [0.1, 0.3])
def test_sparsity_brings_activity_closer_to_target(data, kind, target):
    changes = {"epochs": 30, "batch_size": 10, "warm_up_epochs": 0}
    free, _ = train_last(data, kind, **changes)
    cost = Hyperparameters.defaults(kind).sparsity_cost
    gently, _ = train_last(data, kind, **changes, sparsity_target=target, sparsity_cost=cost / 10)
    pulled, _ = train_last(data, kind, **changes, sparsity_target=target)

    distances = [abs(report.hidden_activity - target) for report in (free, gently, pulled)]
    assert distances[0] > distances[1] > distances[2]
    assert distances[2] < 0.03


@KINDS
def test_sparsity_target_above_activity_raises_activity(data, kind):
    changes = {"epochs": 30, "batch_size": 10}
    free, _ = train_last(data, kind, **changes)
    woken, _ = train_last(data, kind, **changes, sparsity_target=0.8)

    assert woken.hidden_activity > free.hidden_activity + 0.05


@KINDS
def test_sparsity_penalty_has_same_bits_with_any_threads(data, kind):
    hashes = []
    for n_threads in (1, 2):
        kernels.use_threads(n_threads)
        _, params = train_last(data, kind, epochs=3, batch_size=16, sparsity_target=TARGET)
        hashes.append(params.sha256())
    kernels.use_threads(os.cpu_count() or 1)

    assert hashes[0] == hashes[1]


def test_sparsity_penalty_sees_activity_before_dropout(data):
    """Units left out of a step are pulled as well, by what they would have been."""
    hyper = Hyperparameters.from_changes("joint_rbm", HYPER)
    rng = np.random.default_rng(0)
    params = joint.initial_params(data.train, 5, hyper, rng=rng)
    [batch] = iter_batches(data.train, 1000, seed=0, epoch=1)

    side = conditional_likelihood.run_forward_pass(params, batch, hyper, seed=0, epoch=1)

    assert (side.hidden == 0).any()
    assert (side.active > 0).all()
    kept = side.hidden > 0
    np.testing.assert_allclose(side.active[kept], side.hidden[kept] * 0.35, rtol=1e-5)


@pytest.mark.parametrize("target", [-0.1, 1.0])
def test_sparsity_target_is_a_share(target):
    with pytest.raises(InvalidHyperparameter):
        Hyperparameters(sparsity_target=target)
