"""The parts of a plot: panels of lines, and spans of epochs. Independent of the renderer."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

Points = Sequence[tuple[int, float | None]]


class Span(NamedTuple):
    """A range of epochs (first, last) with a label."""

    label: str
    kind: str
    epochs: tuple[int, int]


class Key(NamedTuple):
    """The key of a line: a letter on it, its kind (a colour) and its name."""

    mark: str
    kind: str
    name: str


@dataclass(frozen=True)
class Line:
    """One metric by epoch; values that cannot be drawn are None.

    best  the best epoch; it is marked if it has a value
    """

    key: Key
    points: Points
    best: int | None = None
    is_dashed: bool = False

    def values(self) -> list[float]:
        """Return the values that are drawn."""
        return [value for _, value in self.points if value is not None]


@dataclass(frozen=True)
class Panel:
    """Lines with a common axis, and horizontal levels to compare them with: name → value.

    ceiling  higher values are cut off, so that one diverged line does not flatten the others
    """

    name: str
    lines: Sequence[Line]
    levels: Mapping[str, float] = field(default_factory=dict)
    ceiling: float = math.inf

    def values(self) -> list[float]:
        """Return every value that the axis must enclose; empty if no line has values."""
        on_lines = [min(value, self.ceiling) for line in self.lines for value in line.values()]
        return [*on_lines, *self.levels.values()] if on_lines else []

    def is_cut(self) -> bool:
        """Return whether a line exceeds the ceiling."""
        return any(value > self.ceiling for line in self.lines for value in line.values())


@dataclass(frozen=True)
class Plot:
    """Stacked panels with a common axis of epochs, and spans of epochs below them.

    legend  the keys of the jobs, if there are several
    """

    title: str
    panels: Sequence[Panel]
    legend: Sequence[Key] = ()
    best_epochs: Sequence[Span] = ()
    findings: Sequence[Span] = ()
    is_log: bool = False

    def epochs(self) -> tuple[int, int]:
        """Return the first and the last epoch that the axis must include."""
        seen = [epoch for panel in self.panels for line in panel.lines for epoch, _ in line.points]
        seen += [epoch for span in self.findings for epoch in span.epochs]
        return (min(seen), max(seen)) if seen else (0, 1)
