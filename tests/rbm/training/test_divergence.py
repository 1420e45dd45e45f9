"""Training whose learning rate is far too large: it goes on lower, or says so in words."""

import numpy as np
import pytest

from recsvc.errors import Diverged
from recsvc.rbm import checkpoint
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.machines.functions import machine_functions
from recsvc.rbm.training.trainer import TrainerState, TrainingData, train
from tests.factories.machines import STARS


def epochs_of(ratings, kind="joint_rbm", state=None, **changes):
    """Reports and states of a machine that learns from ratings, and is judged by the same."""
    changes = {
        "n_hidden": 4,
        "batch_size": 3,
        "epochs": 60,
        "patience": 10_000,
        "rollbacks": 0,
        **changes,
    }
    hyper = Hyperparameters.from_changes(kind, changes)
    rng = np.random.default_rng(0)
    params = machine_functions(kind).initial_params(ratings, STARS.size, hyper, rng=rng)
    data, first = TrainingData(ratings, ratings, STARS), TrainerState.initial(params)
    yield from train(data, hyper, seed=0, state=state or first, model_kind=kind)


@pytest.mark.parametrize("objective", ["conditional", "contrastive"])
@pytest.mark.parametrize(("rate", "decay"), [(1.0, 10.0), (10.0, 10.0), (100.0, 0.3)])
def test_train_raises_diverged_after_finite_epochs(ratings, objective, rate, decay):
    run = epochs_of(ratings, objective=objective, learning_rate=rate, weight_decay=decay)
    told = []
    with pytest.raises(Diverged, match="Train again with learning_rate") as caught:
        told.extend(report for report, _ in run)

    assert caught.value.facts["epoch"] == len(told)
    assert all(report.is_finite() for report in told)


HOT = {
    "user_rbm": {"learning_rate": 10.0, "weight_decay": 10.0},
    "joint_rbm": {"learning_rate": 10.0, "weight_decay": 10.0},
}


@pytest.mark.parametrize("kind", HOT)
def test_train_resumes_from_best_epoch_after_divergence(ratings, kind):
    run = list(epochs_of(ratings, kind, rollbacks=3, epochs=40, **HOT[kind]))

    reports = [report for report, _ in run]
    backs = [report.rollbacks for report in reports]
    at = next(epoch for epoch, back in enumerate(backs) if back)
    best = reports[run[at][1].best_epoch]
    assert backs == sorted(backs)
    assert 1 <= backs[-1] <= 3
    assert all(report.is_finite() for report in reports)
    assert reports[at].validation_nll == best.validation_nll, "it stands where it was best"
    assert reports[at].update_to_weight_ratio is None
    assert [report.epoch for report in reports] == list(range(41))
    assert reports[at + 1].learning_rate <= 0.11 * reports[at].learning_rate


@pytest.mark.parametrize("kind", HOT)
def test_resumed_run_has_same_bits_after_rollback(ratings, kind):
    whole = epochs_of(ratings, kind, rollbacks=3, epochs=30, **HOT[kind])
    kept, expected = None, None
    for _, state in whole:
        if kept is None and state.rollbacks == 1:
            kept = checkpoint.write_state(state)
        expected = {name: part.copy() for name, part in state.params.arrays().items()}

    taken_up = epochs_of(
        ratings, kind, checkpoint.read_state(kept), rollbacks=3, epochs=30, **HOT[kind]
    )
    *_, (_, last) = taken_up

    for name, part in last.params.arrays().items():
        np.testing.assert_array_equal(part, expected[name])


def test_train_raises_diverged_after_all_rollbacks(ratings):
    told, run = [], epochs_of(ratings, rollbacks=1, learning_rate=100.0, weight_decay=10.0)
    with pytest.raises(Diverged) as caught:
        told.extend(report for report, _ in run)

    assert told[-1].rollbacks == 1
    assert caught.value.facts["learning_rate"] == pytest.approx(10.0, rel=0.2)
