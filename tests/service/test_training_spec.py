"""The specification of a training job."""

import pytest

from recsvc.service.training_spec import TrainingSpec


@pytest.mark.parametrize("model_kind", ["user_rbm", "item_rbm"])
def test_spec_finds_hyperparameters_of_joint_machines_ignored_by_others(model_kind):
    spec = TrainingSpec({"n_hidden": 8, "dropout": 0.1, "neighbours": 0}, model_kind)

    assert spec.find_ignored() == {"dropout": ["joint_rbm"], "neighbours": ["joint_rbm"]}


def test_spec_finds_initial_momentum_ignored_by_joint_machines():
    spec = TrainingSpec({"initial_momentum": 0.1, "dropout": 0.1}, "joint_rbm")

    assert spec.find_ignored() == {"initial_momentum": ["user_rbm", "item_rbm"]}
