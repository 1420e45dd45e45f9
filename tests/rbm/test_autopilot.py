"""Autopilot: which change is tried, when it is compared, and whether it is kept."""

import pytest

from recsvc.rbm import autopilot
from recsvc.rbm.diagnosis import Change, Evidence, Finding, Run
from recsvc.rbm.params import Hyperparameters

SLOWER, WIDER = Change("learning_rate", 2.0, 0.02), Change("n_hidden", 2.0, 100.0)


def finding(change, severity="problem", code="rate_too_high") -> Finding:
    return Finding(code, severity, (0, 9), (Evidence("x", 1, 0, "own"),), "why", change, 0.9)


def run(*nlls: float, **hyper) -> Run:
    rows = [{"epoch": epoch, "validation_nll": nll} for epoch, nll in enumerate(nlls)]
    return Run.of(rows, hyper=Hyperparameters(**hyper))


def test_the_first_change_that_was_not_tried_is_next():
    found = [finding(SLOWER), finding(WIDER, "warning")]

    assert autopilot.next_change(found, []) == SLOWER
    assert autopilot.next_change(found, [("learning_rate", 0.02)]) == WIDER
    assert autopilot.next_change(found, [("learning_rate", 0.02), ("n_hidden", 100.0)]) is None


def test_what_failed_may_be_tried_again_once_something_else_was_kept():
    one, two, three = ("n_hidden", 100), ("momentum", 0.9), ("epochs", 40)

    assert autopilot.not_again([(one, False), (two, False)]) == [one, two]
    assert autopilot.not_again([(one, False), (two, True), (three, False)]) == [two, three]
    assert autopilot.not_again([]) == []


def test_the_same_hyperparameter_may_be_changed_further():
    assert autopilot.next_change([finding(SLOWER)], [("learning_rate", 0.2)]) == SLOWER


@pytest.mark.parametrize(
    "of",
    [
        finding(None),
        finding(SLOWER, "note"),
        finding(Change("model_kind", "user_rbm", "joint_rbm")),
    ],
)
def test_what_suggests_nothing_or_another_question_is_passed_over(of):
    assert autopilot.next_change([of], []) is None


def test_runs_are_compared_once_the_flat_start_and_the_best_epoch_before_are_over():
    hyper = Hyperparameters(epochs=100, warm_up_epochs=20)

    assert autopilot.compared_at(hyper, run(2, 1)) == 30
    assert autopilot.compared_at(hyper, run(*[9.0] * 40, 1)) == 50
    assert autopilot.compared_at(Hyperparameters(epochs=12), run(2, 1)) == 12


def test_lists_have_no_flat_start():
    rows = [{"epoch": 0, "validation_ndcg": 0.1}, {"epoch": 1, "validation_ndcg": 0.2}]

    before = Run.of(rows, hyper=Hyperparameters(), model_kind="joint_rbm")

    assert autopilot.compared_at(Hyperparameters(), before) == 11


def test_a_change_is_kept_if_the_best_so_far_is_better_at_the_same_epoch():
    before = run(2.0, 1.5, 1.9, 1.0)

    assert autopilot.is_better(run(2.0, 1.4), before, epoch=1)
    assert not autopilot.is_better(run(2.0, 1.5), before, epoch=1)
    assert not autopilot.is_better(run(2.0, 1.5 - 1e-9), before, epoch=1), "rounding is no gain"
    assert not autopilot.is_better(run(2.0, 1.4, 1.4, 1.4), before, epoch=3)


def test_likelihoods_of_other_levels_are_compared_by_what_is_left_of_their_first():
    crude, fine = run(0.2, 0.19, scaling="widths"), run(2.0, 1.8)

    assert autopilot.is_better(fine, crude, epoch=1)
    assert not autopilot.is_better(run(2.0, 1.91), crude, epoch=1)
    assert not autopilot.is_better(fine, run(0.2, 0.19), epoch=1), "of the same levels they do"


def test_whatever_can_be_measured_is_better_than_what_never_was():
    spoilt = Run.of([{"epoch": 0, "validation_nll": float("nan")}])

    assert autopilot.is_better(run(9.0), spoilt, epoch=0)
    assert not autopilot.is_better(spoilt, run(9.0), epoch=0)


def test_a_run_is_hopeless_when_the_same_curable_problem_has_stood_for_five_epochs():
    sick, other = [finding(SLOWER)], [finding(WIDER, code="too_few_units")]

    assert autopilot.is_hopeless([[]] * 5 + [sick] * 5)
    assert not autopilot.is_hopeless([sick] * 9)  # too early to tell a cause
    assert not autopilot.is_hopeless([sick] * 9 + [[]])
    assert not autopilot.is_hopeless([sick] * 9 + [other])
    assert not autopilot.is_hopeless([[finding(SLOWER, "warning")]] * 10)
    assert not autopilot.is_hopeless([[finding(None)]] * 10)
