"""Why the loss does not go down: an error curve in, findings out.

Rules run in a fixed order, from those that spoil every other metric to those that only spoil the
list. Each compares a metric with a threshold that has a source: [H10], Hinton's practical guide;
[SM], the default of a rule of SageMaker Debugger; [own], chosen to separate healthy from faulty
runs (docs/how-to/diagnose.md). A finding has its epochs, evidence, a cause and one change to try.

An external curve is diagnosed as far as its columns go: a rule that lacks one finds nothing.
"""

from recsvc.rbm.diagnosis import rules as _topics  # noqa: F401 - registers the rules
from recsvc.rbm.diagnosis.finding import Change, Evidence, Finding, Severity
from recsvc.rbm.diagnosis.rule import Rule, rules
from recsvc.rbm.diagnosis.run import WARM_UP, RunRecord, Series


def diagnose(run: RunRecord) -> list[Finding]:
    """Return the findings in the order of the rules; none for a healthy run.

    After a divergence only its causes are reported: other findings would be consequences.
    """
    found: list[Finding] = []
    for rule in rules():
        applies = rule.after_divergence or run.non_finite_at is None
        if applies and not (rule.is_fallback and _is_explained(found)):
            finding = rule.check(run)
            found += [finding] if finding is not None else []
    return found


def finding_codes() -> list[str]:
    """Return the codes of all findings in the order of their rules."""
    return list(dict.fromkeys(rule.code for rule in rules()))


def _is_explained(found: list[Finding]) -> bool:
    """Return whether the findings explain a loss that does not fall."""
    return any(one.severity == "problem" or one.code == "overfit" for one in found)


__all__ = [
    "WARM_UP",
    "Change",
    "Evidence",
    "Finding",
    "Rule",
    "RunRecord",
    "Series",
    "Severity",
    "diagnose",
    "finding_codes",
    "rules",
]
