"""Findings of a diagnosis: evidence, cause and a change to try."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

Severity = Literal["problem", "warning", "note"]


class Evidence(NamedTuple):
    """A metric, the threshold that it passes, and the source of the threshold."""

    metric: str
    value: float
    threshold: float
    source: str


class Change(NamedTuple):
    """One hyperparameter to change."""

    hyperparameter: str
    before: float | str
    to: float | str


@dataclass(frozen=True)
class Finding:
    """A fault of a run, its epochs, and a change to try.

    severity    problem: the model is unusable; warning: it could be better; note: a hint
    epochs      the first and the last epoch with the fault
    change      None if no hyperparameter causes it
    confidence  in [0, 1], that this is the cause
    """

    code: str
    severity: Severity
    epochs: tuple[int, int]
    evidence: tuple[Evidence, ...]
    cause: str
    change: Change | None
    confidence: float

    def as_dict(self) -> dict[str, Any]:
        """Return the form that JSON can represent."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "Finding":
        """Build a finding from the result of `as_dict`, before or after JSON."""
        first, last = document["epochs"]
        return cls(
            code=document["code"],
            severity=document["severity"],
            epochs=(first, last),
            evidence=tuple(Evidence._make(one) for one in document["evidence"]),
            cause=document["cause"],
            change=document["change"] and Change._make(document["change"]),
            confidence=document["confidence"],
        )
