import dataclasses
import math

import numpy as np
import pytest

from recsvc.errors import InvalidHyperparameter, InvalidInput, UnknownHyperparameter
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.params import Params, base_rates, initial_params, initial_weights
from tests.factories.machines import random_params, random_ratings, ratings_of


def test_unknown_hyperparameter_is_refused_with_known_names():
    with pytest.raises(UnknownHyperparameter, match="'n_hiden'") as caught:
        Hyperparameters.from_changes("user_rbm", {"n_hidden": 8, "n_hiden": 8})

    assert caught.value.facts["field"] == "hyperparameters.n_hiden"
    assert "n_hidden" in caught.value.facts["known"]
    assert isinstance(caught.value, InvalidInput)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("n_hidden", 0, "whole number from 1 to 4096"),
        ("n_hidden", 4097, "whole number from 1 to 4096"),
        ("n_hidden", 7.5, "whole number from 1 to 4096"),
        ("n_hidden", "100", "whole number"),
        ("n_hidden", None, "whole number"),
        ("n_hidden", [100], "whole number"),
        ("epochs", True, "whole number from 1 to 10000"),
        ("epochs", math.inf, "whole number"),
        ("learning_rate", False, "number from 1e-09 to 100"),
        ("learning_rate", 0, "number from 1e-09 to 100"),
        ("learning_rate", math.nan, "number from 1e-09 to 100"),
        ("learning_rate", -0.1, "number from 1e-09 to 100"),
        ("momentum", 1.0, "number from 0 to 0.9999"),
        ("weight_decay", "none", "number from 0 to 10"),
        ("initialisation", "xavier", "one of normal, glorot"),
        ("initialisation", 3, "one of normal, glorot"),
        ("initialisation", ["normal"], "one of normal, glorot"),
    ],
)
def test_hyperparameter_out_of_bounds_names_field_and_bounds(name, value, allowed):
    with pytest.raises(InvalidHyperparameter) as caught:
        Hyperparameters.from_changes("item_rbm", {name: value})

    assert str(caught.value).startswith(f"hyperparameters.{name} is {value!r}")
    assert allowed in str(caught.value)
    assert caught.value.facts["field"] == f"hyperparameters.{name}"


def test_whole_floats_are_accepted_as_integers():
    hyper = Hyperparameters.from_changes("user_rbm", {"n_hidden": 50.0, "learning_rate": 1})

    assert hyper.n_hidden == 50
    assert isinstance(hyper.n_hidden, int)
    assert hyper.learning_rate == 1


def test_unset_hyperparameters_keep_defaults_of_kind():
    user, item = (
        Hyperparameters.from_changes(kind, {"epochs": 3}) for kind in ("user_rbm", "item_rbm")
    )

    assert user.epochs == item.epochs == 3
    assert user == dataclasses.replace(Hyperparameters.defaults("user_rbm"), epochs=3)
    assert item.weight_decay == Hyperparameters.defaults("item_rbm").weight_decay
    assert user.weight_decay != item.weight_decay


def test_hyperparameters_round_trip_through_dictionary():
    hyper = Hyperparameters.from_changes("item_rbm", {"initialisation": "glorot", "patience": 4})

    assert Hyperparameters.from_changes("user_rbm", hyper.as_dict()) == hyper


def test_normal_weights_have_requested_deviation(rng):
    ratings = random_ratings(rng, n_items=200)
    weights = initial_weights(ratings, 5, Hyperparameters(initial_weight=0.03), rng=rng)

    assert weights.shape == (200, 5, 100)
    assert weights.dtype == np.float32
    assert weights.std() == pytest.approx(0.03, rel=0.02)
    assert abs(weights.mean()) < 1e-3


def test_constant_weights_equal_initial_weight(rng):
    hyper = Hyperparameters(initialisation="constant", initial_weight=0.3, n_hidden=3)

    weights = initial_weights(random_ratings(rng), 5, hyper, rng=rng)

    assert set(weights.ravel().tolist()) == {np.float32(0.3)}


def test_glorot_weights_are_scaled_by_ratings_per_user(rng):
    ratings = random_ratings(rng, n_users=50, n_items=200)
    hyper = Hyperparameters(initialisation="glorot", n_hidden=60)

    weights = initial_weights(ratings, 5, hyper, rng=rng)

    assert weights.std() == pytest.approx(math.sqrt(2 / (ratings.n_ratings / 50 + 60)), rel=0.02)


def test_initial_weights_depend_on_seed(rng):
    ratings = random_ratings(rng)
    one, two, other = (
        initial_params(ratings, 5, Hyperparameters(), rng=np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )

    assert one.sha256() == two.sha256() != other.sha256()


def test_visible_biases_start_at_smoothed_log_base_rates():
    ratings = ratings_of([{0: 1, 1: 1}, {0: 0}, {0: 1}], n_items=3)
    everywhere = np.array([1 + 1, 3 + 1, 0 + 1]) / 7

    expected = [(np.array([1, 2, 0]) + everywhere) / 4, (np.array([0, 1, 0]) + everywhere) / 2]
    np.testing.assert_allclose(base_rates(ratings, 3), [*expected, everywhere])
    params = initial_params(ratings, 3, Hyperparameters(), rng=np.random.default_rng(0))
    np.testing.assert_allclose(params.visible_bias, np.log([*expected, everywhere]), rtol=1e-6)
    assert (params.hidden_bias == 0).all()


def test_params_hash_changes_with_any_array(params):
    hashes = {params.sha256()}
    for name in params.arrays():
        changed = params.copy()
        flat = changed.arrays()[name].reshape(-1)
        flat[-1] = np.nextafter(flat[-1], np.float32(9))
        hashes.add(changed.sha256())

    assert len(hashes) == 4
    assert params.copy().sha256() == params.sha256()
    backwards = Params(*(array[::-1][::-1] for array in params.arrays().values()))
    assert backwards.sha256() == params.sha256()


def test_params_with_non_finite_number_are_not_finite(rng):
    for name in ("weights", "visible_bias", "hidden_bias"):
        for bad in (np.nan, np.inf, -np.inf):
            params = random_params(rng)
            assert params.is_finite()
            params.arrays()[name].reshape(-1)[-1] = bad
            assert not params.is_finite()


def test_copies_and_zeros_share_no_memory(params):
    for other in (params.copy(), params.zeros_like()):
        for one, two in zip(params.arrays().values(), other.arrays().values(), strict=True):
            assert not np.shares_memory(one, two)
            assert (one.shape, one.dtype) == (two.shape, two.dtype)
    assert all((array == 0).all() for array in params.zeros_like().arrays().values())


@pytest.mark.parametrize("n_weights", [1, 63, 64, 65, 5_000])
def test_largest_weight_is_greatest_magnitude(n_weights):
    params = random_params(
        np.random.default_rng(n_weights), n_items=n_weights, n_levels=1, n_hidden=1
    )

    assert params.largest_weight() == np.abs(params.weights).max()


@pytest.mark.parametrize("name", ["weights", "visible_bias", "hidden_bias"])
@pytest.mark.parametrize("number", [np.nan, -np.nan, np.inf, -np.inf])
def test_is_finite_detects_nan_and_infinity_of_either_sign(name, number):
    params = random_params(np.random.default_rng(0))
    assert params.is_finite()

    getattr(params, name).flat[-1] = number

    assert not params.is_finite()
