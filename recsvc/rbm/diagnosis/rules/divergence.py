"""Rules on parameters that grow without bound."""

import numpy as np

from recsvc.rbm.diagnosis.finding import Evidence, Finding
from recsvc.rbm.diagnosis.rule import rule
from recsvc.rbm.diagnosis.run import WARM_UP, RunRecord
from recsvc.rbm.training.schedules import ROLLBACK_RATE_FACTOR

EXPLODED = 5.0  # a hidden unit this strong multiplies a level's odds by 150
GROWN = 2.0  # times what it was at the end of the warm-up
STUCK = 0.95


@rule(code="not_finite", family="divergence", order=10, after_divergence=True)
def not_finite(run: RunRecord) -> Finding | None:
    """A metric or a parameter is not finite, or was not before a rollback."""
    if run.non_finite_at is None:
        return _rollbacks(run)
    seen = Evidence("epoch with a number that is not finite", run.non_finite_at, 0, "own")
    cause = "Steps were so long that a parameter became infinite or NaN."
    at = (run.non_finite_at, run.non_finite_at)
    change = run.scale_change("learning_rate", ROLLBACK_RATE_FACTOR)
    if run.non_finite_at == 0:
        cause, change = (
            "The initial parameters are not finite.",
            run.cold_start_change(),
        )
    return Finding("not_finite", "problem", at, (seen,), cause, change, 0.95)


def _rollbacks(run: RunRecord) -> Finding | None:
    back = run.series("rollbacks")
    if back.values.size == 0 or back.values[-1] == 0:
        return None
    seen = Evidence("rollbacks", float(back.values[-1]), 0, "own")
    cause = (
        "A parameter became infinite or NaN: training resumed from its best epoch at a lower rate."
    )
    at = back.epochs[np.diff(back.values, prepend=0.0) > 0]
    change = run.scale_change("learning_rate", ROLLBACK_RATE_FACTOR ** float(back.values[-1]))
    epochs = int(at[0]), int(at[-1])
    return Finding("not_finite", "warning", epochs, (seen,), cause, change, 0.95)


@rule(code="exploding_weights", family="divergence", order=350)
def exploding_weights(run: RunRecord) -> Finding | None:
    """A weight has grown far beyond the values that ratings require."""
    largest = run.series("largest_weight").after(WARM_UP)
    if largest.values.size < WARM_UP or largest.values[-1] <= EXPLODED:
        return None
    if largest.values[-1] <= GROWN * largest.values[0]:
        return None  # it was large at the start: bad_start
    seen = Evidence("largest_weight", float(largest.values[-1]), EXPLODED, "own")
    cause = "Weights grow without bound: the weight decay is too weak."
    change = run.scale_change("weight_decay", 10.0)
    return Finding("exploding_weights", "problem", largest.span, (seen,), cause, change, 0.7)


@rule(code="poor_mixing", family="divergence", order=360)
def poor_mixing(run: RunRecord) -> Finding | None:
    """The Gibbs chain ends where it began, so a step learns almost nothing."""
    kept = run.series("kept_levels")
    if kept.values.size < WARM_UP or kept.values[-WARM_UP:].min() <= STUCK:
        return None
    seen = Evidence("kept_levels", float(kept.values[-1]), STUCK, "own")
    cause = "Weights are so large that the Gibbs chain reproduces the ratings unchanged."
    change = run.scale_change("cd_steps", 3.0)
    return Finding("poor_mixing", "warning", kept.span, (seen,), cause, change, 0.6)
