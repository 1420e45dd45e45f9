"""A joint machine whose learning rate is far too large: told in words, not in warnings."""

import numpy as np
import pytest

from recsvc.errors import Diverged
from recsvc.rbm.machine import machine_of
from recsvc.rbm.params import Hyperparameters
from recsvc.rbm.training import TrainerState, TrainingData, train
from tests.rbm.machines import STARS


def epochs_of(ratings, **changes):
    """Reports of a joint machine that learns from ratings, and is judged by the same."""
    changes = {"n_hidden": 4, "batch_size": 3, "epochs": 60, "patience": 10_000, **changes}
    hyper = Hyperparameters.chosen("joint_rbm", changes)
    rng = np.random.default_rng(0)
    params = machine_of("joint_rbm").initial_params(ratings, STARS.size, hyper, rng=rng)
    data, state = TrainingData(ratings, ratings, STARS), TrainerState.initial(params)
    for report, _ in train(data, hyper, seed=0, state=state):
        yield report


@pytest.mark.parametrize("objective", ["conditional", "contrastive"])
@pytest.mark.parametrize(("rate", "decay"), [(1.0, 10.0), (10.0, 10.0), (100.0, 0.3)])
def test_parameters_that_explode_raise_diverged_and_nothing_before_it_is_infinite(
    ratings, objective, rate, decay
):
    run = epochs_of(ratings, objective=objective, learning_rate=rate, weight_decay=decay)
    told = []
    with pytest.raises(Diverged, match="Train again with learning_rate") as caught:
        told.extend(run)

    assert caught.value.facts["epoch"] == len(told)
    assert all(report.is_finite() for report in told)
