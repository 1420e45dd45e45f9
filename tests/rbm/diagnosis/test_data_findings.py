"""Faults of the data are told from the data profile, beyond what a sound data set has."""

import numpy as np
import pytest

from recsvc.rbm.diagnosis import Change, RunRecord, diagnose
from recsvc.rbm.diagnosis.rules import data
from recsvc.rbm.hyperparameters import Hyperparameters

CURVE = [
    {"epoch": n, "validation_nll": 1.4 - 0.0015 * n, "train_nll": 1.35 - 0.0015 * n}
    for n in range(40)
]


LEAVE_OUT = ("odd_values", "odd_raters")


def codes(remarks=None, rows=CURVE, **hyper) -> list[str]:
    usual = {"learning_rate_schedule": "cosine", "epochs": 39}
    return [one.code for one in findings_of(remarks, rows, **{**usual, **hyper})]


def findings_of(remarks=None, rows=CURVE, **hyper):
    return diagnose(RunRecord.from_rows(rows, hyper=Hyperparameters(**hyper), remarks=remarks))


def test_usual_data_issues_are_no_findings():
    movielens = {"random_raters": 0.0018, "contrary_raters": 0.0032, "cold_items": 0.2}
    goodbooks = {"constant_raters": 0.0034, "contrary_raters": 0.0011, "cold_users": 0.33}

    assert codes(movielens) == codes(goodbooks) == codes(None) == []


@pytest.mark.parametrize("code", data.CAUSES)
def test_data_issue_above_threshold_is_a_finding(code):
    (one,) = findings_of({code: 0.9}, learning_rate_schedule="cosine", epochs=39)

    assert (one.code, one.epochs) == (code, (0, 39))
    assert one.evidence[0].value == 0.9 > one.evidence[0].threshold
    assert one.change in (None, *(Change("leave_out", "nobody", to) for to in LEAVE_OUT))


def test_unscaled_counts_finding_suggests_scaling():
    usual = {"learning_rate_schedule": "cosine", "epochs": 39}
    (unscaled,) = findings_of({"unscaled_counts": 0.1}, scaling="widths", **usual)
    (scaled,) = findings_of({"unscaled_counts": 0.1}, **usual)

    assert unscaled.change == Change("scaling", "widths", "quantiles")
    assert scaled.change is None


def test_data_finding_adds_raters_or_values_to_leave_out():
    assert change_for("contrary_raters", "nobody") == Change("leave_out", "nobody", "odd_raters")
    assert change_for("contrary_raters", "odd_values") == Change("leave_out", "odd_values", "odd")
    assert change_for("outliers", "nobody") == Change("leave_out", "nobody", "odd_values")
    assert change_for("outliers", "odd_raters") == Change("leave_out", "odd_raters", "odd")


@pytest.mark.parametrize("leave_out", ["odd_raters", "odd"])
def test_data_finding_suggests_no_repeated_leave_out(leave_out):
    assert change_for("contrary_raters", leave_out) is None


def change_for(code: str, leave_out: str) -> Change | None:
    usual = {"learning_rate_schedule": "cosine", "epochs": 39}
    (one,) = findings_of({code: 0.1}, leave_out=leave_out, **usual)
    return one.change


def test_level_imbalance_suppresses_constant_raters():
    assert codes({"level_imbalance": 0.95, "constant_raters": 0.4}) == ["level_imbalance"]


def test_data_findings_follow_non_finite_finding():
    spoilt = [*CURVE, {"epoch": 40, "validation_nll": np.nan}]

    assert codes({"mixed_scales": 0.05}, spoilt)[:2] == ["not_finite", "mixed_scales"]


def test_finding_no_agreement_is_absent_when_loss_decreases():
    learned = [row | {"validation_nll": 1.4 - 0.003 * row["epoch"]} for row in CURVE]

    assert "no_agreement" not in codes({"no_agreement": 0.9}, learned)


def test_too_few_units_is_found_below_eight_units():
    assert codes(None, n_hidden=7) == ["too_few_units"]
    assert codes(None, n_hidden=8) == []


def test_stopped_too_soon_is_found_when_patience_ends_in_flat_start():
    flat = [{"epoch": n, "validation_nll": 1.4} for n in range(7)]
    impatient = {"warm_up_epochs": 0, "patience": 5}

    assert codes(None, flat, **impatient) == ["stopped_too_soon"]
    assert codes(None, flat, epochs=6, warm_up_epochs=0) == []  # it was asked for so
    assert codes(None, CURVE[:7], **impatient) == []  # it had learned something
