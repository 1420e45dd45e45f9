"""What a plot consists of, whoever draws it: panels of lines, and spans of epochs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

Points = Sequence[tuple[int, float | None]]


class Span(NamedTuple):
    """Some epochs, the first and the last, and what is to be said of them."""

    said: str
    kind: str
    epochs: tuple[int, int]


class Key(NamedTuple):
    """How a line is told from others: by the letter on it, its kind (a colour), its name."""

    mark: str
    kind: str
    name: str


@dataclass(frozen=True)
class Line:
    """One figure by epoch; what cannot be drawn is None.

    best  the best epoch, marked where there is a value
    """

    key: Key
    points: Points
    best: int | None = None
    is_dashed: bool = False

    def values(self) -> list[float]:
        """Give what is drawn."""
        return [value for _, value in self.points if value is not None]


@dataclass(frozen=True)
class Panel:
    """Lines with a common axis, and levels to compare them with: name → value.

    ceiling  lines that go higher are cut off there, so that the others can be told apart
    """

    name: str
    lines: Sequence[Line]
    levels: Mapping[str, float] = field(default_factory=dict)
    ceiling: float = math.inf

    def values(self) -> list[float]:
        """Give every value that must be seen; none where no line has any."""
        on_lines = [min(value, self.ceiling) for line in self.lines for value in line.values()]
        return [*on_lines, *self.levels.values()] if on_lines else []

    def is_cut(self) -> bool:
        """Tell whether a line goes higher than the ceiling."""
        return any(value > self.ceiling for line in self.lines for value in line.values())


@dataclass(frozen=True)
class Plot:
    """Panels under each other over common epochs, and spans of epochs below them.

    legend  who is who, where there are several jobs
    """

    title: str
    panels: Sequence[Panel]
    legend: Sequence[Key] = ()
    bests: Sequence[Span] = ()
    findings: Sequence[Span] = ()
    is_log: bool = False

    def epochs(self) -> tuple[int, int]:
        """Give the first and the last epoch that must be seen."""
        seen = [epoch for panel in self.panels for line in panel.lines for epoch, _ in line.points]
        seen += [epoch for span in self.findings for epoch in span.epochs]
        return (min(seen), max(seen)) if seen else (0, 1)
