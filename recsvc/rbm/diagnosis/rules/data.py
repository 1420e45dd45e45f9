"""Rules on the data: issues of the data profile that spoil a model."""

from functools import partial
from typing import NamedTuple

from recsvc.rbm.diagnosis.finding import Change, Evidence, Finding, Severity
from recsvc.rbm.diagnosis.rule import rule
from recsvc.rbm.diagnosis.run import MUCH_LEARNED, RunRecord
from recsvc.rbm.hyperparameters import LeaveOut


class Cause(NamedTuple):
    """The effect of a data issue that concerns more than a share of the users or ratings.

    leave_out  the value that excludes the users or ratings with the issue, if there is one
    """

    share: float
    severity: Severity
    cause: str
    leave_out: LeaveOut = "nobody"


CAUSES = {
    "mixed_scales": Cause(
        0.0,
        "problem",
        "Ratings are on two scales: one opinion becomes two levels.",
        "odd_values",
    ),
    "unscaled_counts": Cause(
        0.0, "warning", "The values are counts or amounts, which hardly measure liking."
    ),
    "outliers": Cause(
        0.0, "warning", "A few values lie far outside and stretch the scale.", "odd_values"
    ),
    "level_imbalance": Cause(
        0.0, "warning", "Nearly all ratings are the same: there is little to learn."
    ),
    "no_agreement": Cause(
        0.0,
        "problem",
        "Ratings are unrelated to other ratings of the same items: the rows may be shuffled.",
    ),
    "duplicate_users": Cause(
        0.005,
        "warning",
        "Users are duplicated: one copy reveals the validation ratings of the other.",
        "odd_raters",
    ),
    "constant_raters": Cause(
        0.03,
        "warning",
        "Many users give only one value: their ratings are uninformative.",
        "odd_raters",
    ),
    "suspicious_raters": Cause(
        0.002,
        "warning",
        "Users with far more activity than all others dominate the weights.",
        "odd_raters",
    ),
    "random_raters": Cause(
        0.01, "warning", "Users who rate at random add noise to the weights.", "odd_raters"
    ),
    "contrary_raters": Cause(
        0.02,
        "warning",
        "Users rate opposite to all others: their scale may be reversed.",
        "odd_raters",
    ),
    "few_users": Cause(0.0, "warning", "There are too few users to learn from."),
    "cold_users": Cause(
        0.5, "warning", "Most users have too few ratings and interactions to learn from."
    ),
}

REFUTED_BY_LEARNING = {"no_agreement"}  # opposite tastes can be learned
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
