"""Checks of large weights: they grow without end, or hold the Gibbs chain where it began."""

from recsvc.rbm.diagnosis.finding import Evidence, Finding
from recsvc.rbm.diagnosis.run import WARM_UP, RunRecord

EXPLODED = 5.0  # a hidden unit this strong multiplies a level's odds by 150
GROWN = 2.0  # times what it was at the end of the warm-up
STUCK = 0.95


def exploding_weights(run: RunRecord) -> Finding | None:
    """A weight has grown far beyond what any rating could ask for."""
    largest = run.series("largest_weight").after(WARM_UP)
    if largest.values.size < WARM_UP or largest.values[-1] <= EXPLODED:
        return None
    if largest.values[-1] <= GROWN * largest.values[0]:
        return None  # it began so: another finding
    seen = Evidence("largest_weight", float(largest.values[-1]), EXPLODED, "own")
    cause = "Weights grow and grow: nothing pulls them back."
    change = run.scaled("weight_decay", 10.0)
    return Finding("exploding_weights", "problem", largest.span, (seen,), cause, change, 0.7)


def poor_mixing(run: RunRecord) -> Finding | None:
    """The Gibbs chain ends where it began, so that a step learns next to nothing."""
    kept = run.series("kept_levels")
    if kept.values.size < WARM_UP or kept.values[-WARM_UP:].min() <= STUCK:
        return None
    seen = Evidence("kept_levels", float(kept.values[-1]), STUCK, "own")
    cause = "Weights are so large that the Gibbs chain gives ratings back as they were."
    change = run.scaled("cd_steps", 3.0)
    return Finding("poor_mixing", "warning", kept.span, (seen,), cause, change, 0.6)
