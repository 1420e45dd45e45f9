"""The memory that a training job is estimated to need."""

import pytest

from recsvc.compute.estimates import estimate_bytes
from recsvc.rbm.auto_hyperparameters import DataShape
from recsvc.rbm.hyperparameters import Hyperparameters

MOVIELENS_1M = {"n_users": 6040, "n_items": 3706, "n_ratings": 1_000_209, "n_levels": 5}


def memory_estimate(*, model_kind="user_rbm", n_hidden=100, **sizes) -> int:
    hyper = Hyperparameters(n_hidden=n_hidden)
    return estimate_bytes(DataShape(**{**MOVIELENS_1M, **sizes}), model_kind, hyper)


@pytest.mark.parametrize("model_kind", ["user_rbm", "item_rbm"])
@pytest.mark.parametrize("size", [*MOVIELENS_1M, "n_hidden"])
def test_memory_estimate_grows_in_proportion_to_each_size(model_kind, size):
    one, two, three = (
        memory_estimate(
            model_kind=model_kind, **{size: times * {"n_hidden": 100, **MOVIELENS_1M}[size]}
        )
        for times in (1, 2, 3)
    )

    assert one < two < three
    assert three - two == two - one  # in proportion


def test_memory_estimate_of_joint_machines_includes_item_pairs():
    one, large = (
        memory_estimate(model_kind="joint_rbm", n_items=n_items) - memory_estimate(n_items=n_items)
        for n_items in (10_000, 1_000_000)
    )

    assert 3 * 4 * 10_000**2 < one < 2_000_000_000
    assert large < 3_000_000_000  # no pairs, a sample of the choices, nothing beside


def test_memory_estimate_of_a_million_ratings_is_at_most_700_megabytes():
    assert 300_000_000 < memory_estimate() <= 700_000_000


def test_memory_estimate_of_item_machines_depends_on_the_number_of_users():
    few_items = {"n_users": 100_000, "n_items": 100}

    assert memory_estimate(model_kind="item_rbm", **few_items) > 3 * memory_estimate(**few_items)
