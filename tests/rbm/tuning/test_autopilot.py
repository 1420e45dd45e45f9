"""Autopilot: which change is tried, when it is compared, and whether it is kept."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from recsvc.rbm.diagnosis import Change, Evidence, Finding, RunRecord
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.machines.functions import machine_functions
from recsvc.rbm.training.trainer import TrainerState, TrainingData, train
from recsvc.rbm.tuning import autopilot
from tests.factories.machines import STARS, movielens_100k, random_params

SLOWER, WIDER = Change("learning_rate", 2.0, 0.02), Change("n_hidden", 2.0, 100.0)


def finding(change, severity="problem", code="rate_too_high") -> Finding:
    return Finding(code, severity, (0, 9), (Evidence("x", 1, 0, "own"),), "why", change, 0.9)


def run(*nlls: float, **hyper) -> RunRecord:
    rows = [{"epoch": epoch, "validation_nll": nll} for epoch, nll in enumerate(nlls)]
    return RunRecord.from_rows(rows, hyper=Hyperparameters(**hyper))


def test_next_change_is_first_untried_change():
    found = [finding(SLOWER), finding(WIDER, "warning")]

    assert autopilot.next_change(found, []) == SLOWER
    assert autopilot.next_change(found, [("learning_rate", 0.02)]) == WIDER
    assert autopilot.next_change(found, [("learning_rate", 0.02), ("n_hidden", 100.0)]) is None


def test_changes_to_skip_restart_at_kept_change():
    one, two, three = ("n_hidden", 100), ("momentum", 0.9), ("epochs", 40)

    assert autopilot.changes_to_skip([(one, False), (two, False)]) == [one, two]
    assert autopilot.changes_to_skip([(one, False), (two, True), (three, False)]) == [two, three]
    assert autopilot.changes_to_skip([]) == []


def test_next_change_allows_further_change_of_hyperparameter():
    assert autopilot.next_change([finding(SLOWER)], [("learning_rate", 0.2)]) == SLOWER


@pytest.mark.parametrize(
    "of",
    [
        finding(None),
        finding(SLOWER, "note"),
        finding(Change("model_kind", "user_rbm", "joint_rbm")),
    ],
)
def test_next_change_ignores_findings_without_usable_change(of):
    assert autopilot.next_change([of], []) is None


def test_comparison_epoch_follows_flat_start_and_best_epoch():
    hyper = Hyperparameters(epochs=100, warm_up_epochs=20, patience=15)

    assert autopilot.comparison_epoch(hyper, run(2, 1)) == 35
    assert autopilot.comparison_epoch(hyper, run(*[9.0] * 40, 1)) == 50
    assert autopilot.comparison_epoch(Hyperparameters(epochs=12), run(2, 1)) == 12


def test_comparison_epoch_of_joint_machine_ignores_flat_start():
    rows = [{"epoch": 0, "validation_ndcg": 0.1}, {"epoch": 1, "validation_ndcg": 0.2}]

    before = RunRecord.from_rows(rows, hyper=Hyperparameters(), model_kind="joint_rbm")

    assert autopilot.comparison_epoch(Hyperparameters(), before) == 11


def test_is_better_compares_best_loss_up_to_epoch():
    before = run(2.0, 1.5, 1.9, 1.0)

    assert autopilot.is_better(run(2.0, 1.4), before, epoch=1)
    assert not autopilot.is_better(run(2.0, 1.5), before, epoch=1)
    assert not autopilot.is_better(run(2.0, 1.5 - 1e-9), before, epoch=1), "rounding is no gain"
    assert not autopilot.is_better(run(2.0, 1.4, 1.4, 1.4), before, epoch=3)


def test_is_better_compares_relative_loss_across_scalings():
    crude, fine = run(0.2, 0.19, scaling="widths"), run(2.0, 1.8)

    assert autopilot.is_better(fine, crude, epoch=1)
    assert not autopilot.is_better(run(2.0, 1.91), crude, epoch=1)
    assert not autopilot.is_better(fine, run(0.2, 0.19), epoch=1), "of the same levels they do"


def test_is_better_uses_loss_without_ratings_left_out():
    before = replace(run(1.0, 0.8), loss_without={"odd_raters": 1.2, "odd": 1.1})

    assert autopilot.is_better(run(1.3, 1.15, leave_out="odd_raters"), before, epoch=1)
    assert not autopilot.is_better(run(1.3, 1.15, leave_out="odd"), before, epoch=1)
    assert not autopilot.is_better(run(1.3, 1.15), before, epoch=1), "none was left out"
    assert autopilot.is_better(run(0.7, leave_out="odd_values"), before, epoch=1)
    assert not autopilot.is_better(run(1.3, 0.9, leave_out="odd"), run(0.8), epoch=1)


@pytest.mark.parametrize("kind", ["user_rbm", "item_rbm", "joint_rbm"])
def test_loss_of_params_equals_loss_of_curve(kind, data_dir):
    parts = [movielens_100k(data_dir, name) for name in ("u1.base", "u1.test")]
    if kind == "item_rbm":
        parts = [part.transpose() for part in parts]
    data = TrainingData(*parts, STARS)
    hyper = Hyperparameters.from_changes(kind, {"epochs": 2, "n_hidden": 4})
    first = machine_functions(kind).initial_params(
        data.train, 5, hyper, rng=np.random.default_rng(0)
    )

    for report, state in train(
        data, hyper, seed=1, state=TrainerState.initial(first), model_kind=kind
    ):
        loss = autopilot.loss_of(state.params, data, kind, seed=1)
        curve = RunRecord.from_rows([asdict(report)], model_kind=kind).loss
        assert curve.values.tolist() == [loss]


def test_loss_of_non_finite_params_is_none(data_dir):
    ratings = movielens_100k(data_dir, "u1.base")
    params = random_params(np.random.default_rng(0), n_items=ratings.n_items)
    params.weights[...] = np.nan
    data = TrainingData(ratings, movielens_100k(data_dir, "u1.test"), STARS)

    assert autopilot.loss_of(params, data, "user_rbm", seed=0) is None


def test_is_better_prefers_finite_to_missing_loss():
    spoilt = RunRecord.from_rows([{"epoch": 0, "validation_nll": float("nan")}])

    assert autopilot.is_better(run(9.0), spoilt, epoch=0)
    assert not autopilot.is_better(spoilt, run(9.0), epoch=0)


def test_is_hopeless_after_five_epochs_with_same_problem():
    sick, other = [finding(SLOWER)], [finding(WIDER, code="too_few_units")]

    assert autopilot.is_hopeless([[]] * 5 + [sick] * 5)
    assert not autopilot.is_hopeless([sick] * 9)  # too early to tell a cause
    assert not autopilot.is_hopeless([sick] * 9 + [[]])
    assert not autopilot.is_hopeless([sick] * 9 + [other])
    assert not autopilot.is_hopeless([[finding(SLOWER, "warning")]] * 10)
    assert not autopilot.is_hopeless([[finding(None)]] * 10)
