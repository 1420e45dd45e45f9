"""What the data's shape decides, where nothing was asked for."""

import pytest

from recsvc.errors import InvalidHyperparameter, UnknownHyperparameter
from recsvc.rbm.auto_hyperparameters import DataShape, choices_from_data, resolve_hyperparameters
from recsvc.rbm.hyperparameters import Hyperparameters

ML_1M = DataShape(6_040, 3_706, 1_000_209, 5)
SPARSE = DataShape(16_554, 10_506, 100_000, 11)
GOODBOOKS = DataShape(53_424, 10_000, 979_478, 5)
TINY = DataShape(12, 12, 120, 2)
HUGE = DataShape(1_000_000, 1_000_000, 10_000_000, 5)
SHAPES = (ML_1M, SPARSE, TINY, HUGE, DataShape(0, 0, 0, 0))


def automatic_hyperparameters(kind, shape, **asked):
    return resolve_hyperparameters(kind, shape, asked)[0]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["user_rbm", "item_rbm", "joint_rbm"])
def test_resolve_hyperparameters_returns_valid_values_with_reasons(kind, shape):
    hyper, made = resolve_hyperparameters(kind, shape, {})

    assert isinstance(hyper, Hyperparameters)
    for name, choice in made.items():
        assert getattr(hyper, name) == choice.value
        assert len(choice.because.split()) > 4


@pytest.mark.parametrize("shape", [SPARSE, GOODBOOKS])
def test_n_hidden_is_smaller_for_few_ratings_per_item_or_user(shape):
    assert (
        automatic_hyperparameters("joint_rbm", shape).n_hidden
        < automatic_hyperparameters("joint_rbm", ML_1M).n_hidden
    )


def test_epochs_decrease_with_number_of_users():
    epochs = [automatic_hyperparameters("joint_rbm", shape).epochs for shape in (TINY, ML_1M, HUGE)]

    assert epochs == sorted(set(epochs), reverse=True)


@pytest.mark.parametrize(("kind", "cases"), [("user_rbm", "users"), ("item_rbm", "items")])
def test_batch_size_grows_with_number_of_cases(kind, cases):
    hyper, made = resolve_hyperparameters(kind, HUGE, {})

    assert hyper.batch_size * 100 >= 1_000_000
    assert f"1,000,000 {cases}" in made["batch_size"].because


def test_candidates_are_bounded_for_any_levels_and_catalogue():
    for shape in SHAPES:
        hyper = automatic_hyperparameters("joint_rbm", shape)
        assert hyper.candidates * max(1, shape.n_levels) <= 30_000 or hyper.candidates <= 1_000


def test_masked_kind_chooses_batch_size_only():
    assert choices_from_data("user_rbm", ML_1M).keys() == {"batch_size"}


def test_requested_hyperparameters_are_kept_and_no_choices():
    hyper, made = resolve_hyperparameters("joint_rbm", ML_1M, {"n_hidden": 7.0, "epochs": 3})

    assert (hyper.n_hidden, hyper.epochs) == (7, 3)
    assert made.keys() == {"candidates"}


def test_resolve_hyperparameters_refuses_unknown_name_and_invalid_value():
    with pytest.raises(UnknownHyperparameter, match="n_hiden"):
        resolve_hyperparameters("joint_rbm", ML_1M, {"n_hiden": 3})
    with pytest.raises(InvalidHyperparameter, match="epochs"):
        resolve_hyperparameters("joint_rbm", ML_1M, {"epochs": 0})
