"""The memory that a training job is estimated to need."""

import pytest

from recsvc.compute.estimates import estimate_bytes
from recsvc.rbm.auto_hyperparameters import DataShape
from recsvc.rbm.hyperparameters import Hyperparameters

MOVIELENS_1M = {"n_users": 6040, "n_items": 3706, "n_ratings": 1_000_209, "n_levels": 5}


def needed(*, model_kind="user_rbm", n_hidden=100, **sizes) -> int:
    hyper = Hyperparameters(n_hidden=n_hidden)
    return estimate_bytes(DataShape(**{**MOVIELENS_1M, **sizes}), model_kind, hyper)


@pytest.mark.parametrize("model_kind", ["user_rbm", "item_rbm"])
@pytest.mark.parametrize("size", [*MOVIELENS_1M, "n_hidden"])
def test_more_of_anything_takes_more_memory(model_kind, size):
    one, two, three = (
        needed(model_kind=model_kind, **{size: times * {"n_hidden": 100, **MOVIELENS_1M}[size]})
        for times in (1, 2, 3)
    )

    assert one < two < three
    assert three - two == two - one  # in proportion


def test_a_joint_machine_needs_room_for_pairs_of_items_and_for_a_batchs_choices():
    one, large = (
        needed(model_kind="joint_rbm", n_items=n_items) - needed(n_items=n_items)
        for n_items in (10_000, 1_000_000)
    )

    assert 3 * 4 * 10_000**2 < one < 2_000_000_000
    assert large < 3_000_000_000  # no pairs, a sample of the choices, nothing beside


def test_a_million_ratings_fit_in_what_is_promised_for_them():
    assert 300_000_000 < needed() <= 700_000_000


def test_an_item_oriented_machine_has_a_weight_for_each_user_instead_of_each_item():
    few_items = {"n_users": 100_000, "n_items": 100}

    assert needed(model_kind="item_rbm", **few_items) > 3 * needed(**few_items)
