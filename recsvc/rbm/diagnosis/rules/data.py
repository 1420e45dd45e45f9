"""Checks of what was learned from: the remarks of the data profile, where they spoil a model."""

from functools import partial
from typing import NamedTuple

from recsvc.rbm.diagnosis.finding import Change, Evidence, Finding, Severity
from recsvc.rbm.diagnosis.rule import rule
from recsvc.rbm.diagnosis.run import MUCH_LEARNED, RunRecord
from recsvc.rbm.hyperparameters import LeaveOut


class Cause(NamedTuple):
    """What a remark on more than a share of the users, or ratings, means for the loss.

    leave_out  the choice that leaves out what it remarks on, if there is one
    """

    share: float
    severity: Severity
    cause: str
    leave_out: LeaveOut = "nobody"


CAUSES = {
    "mixed_scales": Cause(
        0.0,
        "problem",
        "Ratings are given on two scales: one opinion becomes two levels.",
        "odd_values",
    ),
    "unscaled_counts": Cause(
        0.0, "warning", "The values are counts or amounts, which say little of what is liked."
    ),
    "outliers": Cause(
        0.0, "warning", "A few values lie far outside and stretch the scale.", "odd_values"
    ),
    "level_imbalance": Cause(
        0.0, "warning", "Nearly all ratings are the same: there is little to tell apart."
    ),
    "no_agreement": Cause(
        0.0,
        "problem",
        "Ratings have nothing to do with what others think of the same items: "
        "their rows may have been mixed up.",
    ),
    "duplicate_users": Cause(
        0.005,
        "warning",
        "Users are there twice: validation ratings of one are known from the other.",
        "odd_raters",
    ),
    "constant_raters": Cause(
        0.03,
        "warning",
        "Many users always give the same: their ratings tell nothing.",
        "odd_raters",
    ),
    "suspicious_raters": Cause(
        0.002,
        "warning",
        "Users who did far more than all others pull the weights to them.",
        "odd_raters",
    ),
    "random_raters": Cause(
        0.01, "warning", "Users who rate at random blur what the weights learn.", "odd_raters"
    ),
    "contrary_raters": Cause(
        0.02,
        "warning",
        "Users rate against all others: their scale may be turned over.",
        "odd_raters",
    ),
    "few_users": Cause(0.0, "warning", "There are too few users to learn from."),
    "cold_users": Cause(0.5, "warning", "Most users have told too little to be learned from."),
}

REFUTED_BY_LEARNING = {"no_agreement"}  # of tastes that are opposite, no item's mean tells
EXPLAINED_BY = {"constant_raters": "level_imbalance"}


def _check(code: str, run: RunRecord) -> Finding | None:
    """Return a finding if an issue concerns more than the share that sound data have."""
    issues, cause = run.remarks or {}, CAUSES[code]
    share = issues.get(code, 0.0)
    if share <= cause.share or EXPLAINED_BY.get(code) in issues:
        return None
    if code in REFUTED_BY_LEARNING and _has_learned(run):
        return None
    seen = Evidence(f"share of {code}", share, cause.share, "own")
    change = _change(code, cause, run)
    return Finding(code, cause.severity, (0, run.last_epoch), (seen,), cause.cause, change, 0.7)


for _place, _code in enumerate(CAUSES):
    rule(code=_code, family="data", order=100 + _place, after_divergence=True)(
        partial(_check, _code)
    )


def _has_learned(run: RunRecord) -> bool:
    nll = run.series("validation_nll")
    return nll.values.size > 0 and nll.total_gain > MUCH_LEARNED


def _change(code: str, cause: Cause, run: RunRecord) -> Change | None:
    if code == "unscaled_counts":
        return run.default_change("scaling")
    if cause.leave_out == "nobody" or run.hyper is None:
        return None
    before = run.hyper.leave_out
    if before in (cause.leave_out, "odd"):
        return None
    return Change("leave_out", before, cause.leave_out if before == "nobody" else "odd")
