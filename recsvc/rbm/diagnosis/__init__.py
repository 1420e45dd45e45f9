"""Why the loss does not go down: an error curve in, findings out.

Checks run in a fixed order, from what spoils every other figure to what only spoils the list; each
compares measured figures with a threshold that has a source: [H10], Hinton's practical guide; [SM],
the default of a rule of SageMaker Debugger; [own], seen to part healthy runs from faulty ones
(docs/how-to/diagnose.md). A finding names its epochs, its evidence, a cause and one change to try.

A curve from elsewhere does as well, as far as its columns go: a check that lacks one says nothing.
"""

from collections.abc import Callable

from recsvc.rbm.diagnosis.finding import Change, Evidence, Finding, Severity
from recsvc.rbm.diagnosis.rules import convergence, data, divergence, hidden_units, learning_rate
from recsvc.rbm.diagnosis.run import WARM_UP, RunRecord, Series

START: tuple[Callable[[RunRecord], Finding | None], ...] = (hidden_units.bad_start,)
CHECKS: tuple[Callable[[RunRecord], Finding | None], ...] = (
    convergence.too_good,
    *START,
    hidden_units.equal_start,
    learning_rate.rate_too_high,
    learning_rate.rate_too_low,
    learning_rate.not_moving,
    learning_rate.momentum_shock,
    hidden_units.saturated,
    hidden_units.dead_units,
    hidden_units.twin_units,
    hidden_units.too_few_units,
    convergence.reconstruction_misleads,
    convergence.overfit,
    convergence.too_short,
    convergence.stopped_too_soon,
    divergence.exploding_weights,
    divergence.poor_mixing,
    convergence.constant_predictions,
    hidden_units.too_little_data,
    convergence.poor_list,
    learning_rate.stalled,
)


def diagnose(run: RunRecord) -> list[Finding]:
    """Give the findings in the order of the checks; none: healthy, as far as it was measured.

    Of a run that left the numbers, only how it began is told beside: the rest is its consequence.
    """
    finite = learning_rate.not_finite(run)
    checks = CHECKS if run.spoilt_at is None else START
    found = [] if finite is None else [finite]
    found += data.findings(run)
    found += [finding for check in checks if (finding := check(run)) is not None]
    explained = any(one.severity == "problem" or one.code == "overfit" for one in found)
    if not explained:
        found += [finding for finding in [convergence.no_decrease(run)] if finding is not None]
    return found


__all__ = [
    "WARM_UP",
    "Change",
    "Evidence",
    "Finding",
    "RunRecord",
    "Series",
    "Severity",
    "diagnose",
]
