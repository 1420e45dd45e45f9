"""docs/explanation/training.md documents every schedule and scaling."""

import re
from dataclasses import fields
from typing import get_args

import pytest

from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.rating_scale import Scaling
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "explanation" / "training.md").read_text()
FIRST_CELLS = re.findall(r"^\| (`.+?) \|", PAGE, re.MULTILINE)
IN_TABLES = set(re.findall(r"`(\w+)`", " ".join(FIRST_CELLS)))


def test_training_page_lists_learning_rate_schedules():
    [schedule] = [f for f in fields(Hyperparameters) if f.name == "learning_rate_schedule"]

    assert set(schedule.metadata["choices"]) - IN_TABLES == set()


def test_training_page_lists_scalings():
    assert set(get_args(Scaling)) - IN_TABLES == set()


@pytest.mark.parametrize(
    "name",
    [
        "patience",
        "warm_up_epochs",
        "cd_steps",
        "final_cd_steps",
        "sparsity_target",
        "scaling",
        "leave_out",
    ],
)
def test_training_page_names_hyperparameter(name):
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("kind", ["user_rbm", "joint_rbm"])
def test_training_page_has_default_sparsity_costs(kind):
    cost = Hyperparameters.defaults(kind).sparsity_cost
    said = {"user_rbm": "is {} for masked models", "joint_rbm": "and {} for a\n`joint_rbm`"}

    assert said[kind].format(f"{cost:g}") in PAGE
