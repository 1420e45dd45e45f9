"""What a diagnosis says: findings, their evidence, a change to try."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

Severity = Literal["problem", "warning", "note"]


class Evidence(NamedTuple):
    """A figure beside what it must not pass, and who says so."""

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
    """What is wrong, since when, and what to do about it.

    severity    problem: the model is spoilt; warning: it could be better; note: do not be misled
    epochs      the first and the last that it speaks of
    change      None where no hyperparameter is to blame
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
        """Give it as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> "Finding":
        """Read what `as_dict` gave, before JSON or after."""
        first, last = told["epochs"]
        return cls(
            code=told["code"],
            severity=told["severity"],
            epochs=(first, last),
            evidence=tuple(Evidence._make(one) for one in told["evidence"]),
            cause=told["cause"],
            change=told["change"] and Change._make(told["change"]),
            confidence=told["confidence"],
        )
