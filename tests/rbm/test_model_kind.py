from dataclasses import fields, replace
from typing import get_args

import numpy as np
import pytest

from recsvc.rbm.auto_hyperparameters import RULES
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.machines.functions import FUNCTIONS, machine_functions
from recsvc.rbm.model_kind import DEFAULT_KIND, MACHINES, Learner, ModelKind
from recsvc.rbm.training.trainer import LEARNERS, TrainerState, TrainingData, train
from tests.factories.machines import STARS, random_ratings

KINDS = get_args(ModelKind)
OTHER_VALUES = {
    "objective": "contrastive",
    "dropout": 0.25,
    "least_input": 0.25,
    "candidates": 10,
    "neighbours": 7,
    "coupling_regularisation": 3.0,
    "rating_epochs": 5,
    "initial_momentum": 0.25,
    "momentum_epoch": 1,
}


def test_register_has_an_entry_for_every_kind():
    assert tuple(MACHINES) == KINDS
    assert MACHINES[DEFAULT_KIND].makes_lists


def test_learners_have_functions_and_learning_rule():
    assert set(FUNCTIONS) == set(LEARNERS) == set(get_args(Learner))


@pytest.mark.parametrize("kind", KINDS)
def test_register_names_only_hyperparameters(kind):
    machine, names = MACHINES[kind], {field.name for field in fields(Hyperparameters)}

    assert {*machine.defaults, *machine.ignored_hyperparameters} <= names
    assert set(machine.hyperparameters_from_data) <= set(RULES)


@pytest.mark.parametrize("kind", KINDS)
def test_ignored_hyperparameters_do_not_change_weights(kind, rng):
    ratings = random_ratings(rng, n_users=12, n_items=9)
    hyper = replace(Hyperparameters.defaults(kind), n_hidden=3, epochs=2)
    expected = _trained_sha256(kind, ratings, hyper)

    for name in MACHINES[kind].ignored_hyperparameters:
        value = OTHER_VALUES[name]
        changed = replace(hyper, **{name: value})
        assert changed != hyper
        assert _trained_sha256(kind, ratings, changed) == expected


def _trained_sha256(kind, ratings, hyper):
    data = TrainingData(ratings, ratings.select(np.zeros(ratings.n_ratings, bool)), STARS)
    rng = np.random.default_rng(0)
    first = machine_functions(kind).initial_params(ratings, STARS.size, hyper, rng=rng)
    *_, (_, state) = train(data, hyper, seed=0, state=TrainerState.initial(first), model_kind=kind)
    return state.params.sha256()
