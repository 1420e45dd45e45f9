"""The register of the rules of a diagnosis; each rule adds itself where it is defined."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from recsvc.rbm.diagnosis.finding import Finding
from recsvc.rbm.diagnosis.run import RunRecord

Check = Callable[[RunRecord], Finding | None]
Family = Literal[
    "data",
    "initialisation",
    "hidden_units",
    "learning_rate",
    "divergence",
    "convergence",
    "generalisation",
    "ranking",
    "liveness",
]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A check of a run that yields at most one finding.

    order             rules run in ascending order: causes first, consequences later
    after_divergence  whether it runs for a run with a non-finite metric or parameter
    is_fallback       whether it runs only if no other finding explains the loss
    """

    code: str
    family: Family
    order: int
    check: Check
    after_divergence: bool = False
    is_fallback: bool = False


_rules: list[Rule] = []


def rule(
    *,
    code: str,
    family: Family,
    order: int,
    after_divergence: bool = False,
    is_fallback: bool = False,
) -> Callable[[Check], Check]:
    """Return a decorator that registers a check."""

    def register(check: Check) -> Check:
        _rules.append(
            Rule(
                code=code,
                family=family,
                order=order,
                check=check,
                after_divergence=after_divergence,
                is_fallback=is_fallback,
            )
        )
        return check

    return register


def rules() -> list[Rule]:
    """Return all rules, in the order in which they run."""
    return sorted(_rules, key=lambda rule: rule.order)
