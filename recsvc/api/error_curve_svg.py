"""The error curve as a picture: one panel a figure, in the reader's light or dark colours."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TypeGuard

WIDTH, PANEL_HEIGHT = 860, 250
LEFT, RIGHT, HEAD, GAP, FOOT = 64, 190, 68, 60, 46
LABEL_SPACE = 15  # between two labels, so that they can be read
MOST_EPOCH_TICKS = 10

STYLE = """
.paper{fill:#ffffff}.grid{stroke:#e5e7eb}.axis{stroke:#9ca3af}
text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#4b5563}
.title{font-size:16px;font-weight:600;fill:#111827}.name{font-weight:600;fill:#111827}
.line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.validation{stroke:#2563eb}.training{stroke:#d97706}
text.validation{stroke:none;fill:#2563eb;font-weight:600}text.training{stroke:none;fill:#b45309}
.level{stroke:#6b7280;stroke-width:1.2;stroke-dasharray:6 4}
.best{stroke:#059669;stroke-dasharray:2 3}
circle.best{fill:#059669;stroke:none}text.best{stroke:none;fill:#047857;font-weight:600}
@media (prefers-color-scheme:dark){
.paper{fill:#0f172a}.grid{stroke:#1e293b}.axis{stroke:#64748b}
text{fill:#cbd5e1}.title,.name{fill:#f8fafc}
.validation{stroke:#60a5fa}.training{stroke:#fbbf24}
text.validation{fill:#93c5fd}text.training{fill:#fcd34d}
.level{stroke:#94a3b8}.best{stroke:#34d399}circle.best{fill:#34d399}text.best{fill:#6ee7b7}}
"""

Points = Sequence[tuple[int, float | None]]


@dataclass(frozen=True)
class Panel:
    """One figure by epoch, with levels to compare it with.

    `lines`   name → (epoch, value or None) in order of epochs; the first is the one that counts
    `levels`  name → value, drawn dashed over the whole width
    """

    name: str
    lines: Mapping[str, Points]
    levels: Mapping[str, float] = field(default_factory=dict)

    def values(self) -> list[float]:
        """Give every value that must be seen."""
        on_lines = [v for points in self.lines.values() for _, v in points if _is_drawn(v)]
        return [*on_lines, *filter(_is_drawn, self.levels.values())] if on_lines else []


@dataclass(frozen=True)
class Frame:
    """Where a panel stands on the page, and which values its edges mean."""

    top: float
    epochs: tuple[int, int]
    values: tuple[float, float]

    def x(self, epoch: float) -> float:
        """Give the place of an epoch."""
        first, last = self.epochs
        return LEFT + (WIDTH - LEFT - RIGHT) * (epoch - first) / max(1, last - first)

    def y(self, value: float) -> float:
        """Give the place of a value."""
        low, high = self.values
        return self.top + PANEL_HEIGHT * (high - value) / (high - low)


def draw(title: str, panels: Sequence[Panel], *, best_epoch: int | None = None) -> str:
    """Draw the panels under each other, with a common axis of epochs."""
    height = HEAD + len(panels) * (PANEL_HEIGHT + GAP) - GAP + FOOT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" aria-label="{escape(title)}">',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}" rx="8"/>',
        _text(LEFT, 30, title, "title"),
    ]
    seen = [epoch for panel in panels for line in panel.lines.values() for epoch, _ in line]
    span = (min(seen), max(seen)) if seen else (0, 1)
    for number, panel in enumerate(panels):
        top = HEAD + number * (PANEL_HEIGHT + GAP)
        parts += _panel(panel, top, span, best_epoch)
    parts.append(_text(LEFT, height - 10, "epoch", "axis-name"))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(panel: Panel, top: float, span: tuple[int, int], best: int | None) -> list[str]:
    name = _text(LEFT, top - 8, panel.name, "name")
    values = panel.values()
    if not values:
        middle = top + PANEL_HEIGHT / 2
        return [name, _text(LEFT + 12, middle, "No figures yet.", "empty")]
    ticks = ticks_between(min(values), max(values))
    frame = Frame(top, span, (ticks[0], ticks[-1]))
    parts = [name, *_grid(frame, ticks), *_levels(panel, frame)]
    for line, points in panel.lines.items():
        parts += _line(line, points, frame)
    first = dict(next(iter(panel.lines.values())))
    if best is not None and _is_drawn(value := first.get(best)):
        parts += _best(best, value, frame)
    return [*parts, *_labels(panel, frame)]


def _grid(frame: Frame, ticks: Sequence[float]) -> list[str]:
    right, bottom = WIDTH - RIGHT, frame.top + PANEL_HEIGHT
    digits = max(0, -math.floor(math.log10(ticks[1] - ticks[0]) + 1e-9))
    parts = []
    for tick in ticks:
        y = frame.y(tick)
        parts.append(_straight(LEFT, y, right, y, "grid"))
        parts.append(_text(LEFT - 8, y + 4, f"{tick:.{digits}f}", "tick", anchor="end"))
    for epoch in epoch_ticks(*frame.epochs):
        x = frame.x(epoch)
        parts.append(_straight(x, bottom, x, bottom + 4, "axis"))
        parts.append(_text(x, bottom + 18, str(epoch), "tick", anchor="middle"))
    return [*parts, _straight(LEFT, bottom, right, bottom, "axis")]


def _levels(panel: Panel, frame: Frame) -> list[str]:
    return [
        _straight(LEFT, frame.y(value), WIDTH - RIGHT, frame.y(value), "level")
        for value in panel.levels.values()
        if _is_drawn(value)
    ]


def _line(name: str, points: Points, frame: Frame) -> list[str]:
    """Draw a line, broken where a figure is missing; a lone point is a dot."""
    path, pen = [], "M"
    for epoch, value in points:
        if not _is_drawn(value):
            pen = "M"
            continue
        path.append(f"{pen}{frame.x(epoch):.1f} {frame.y(value):.1f}")
        pen = "L"
    if len(path) == 1:
        path.append(path[0].replace("M", "L"))  # of no length, but with round ends
    return [f'<path class="line {escape(name)}" d="{"".join(path)}"/>']


def _best(epoch: int, value: float, frame: Frame) -> list[str]:
    x, y = frame.x(epoch), frame.y(value)
    beside, anchor = (x + 6, "start") if x < (WIDTH - RIGHT) * 0.8 else (x - 6, "end")
    said = f"best: epoch {epoch}, {value:.4f}"
    return [
        _straight(x, frame.top, x, frame.top + PANEL_HEIGHT, "best"),
        f'<circle class="best" cx="{x:.1f}" cy="{y:.1f}" r="4"/>',
        _text(beside, frame.top + 12, said, "best", anchor=anchor),
    ]


def _labels(panel: Panel, frame: Frame) -> list[str]:
    """Name lines and levels at the right edge, moved apart where they would overlap."""
    wanted = [(frame.y(v), f"{name} {v:.3f}", "level-name") for name, v in panel.levels.items()]
    for name, points in panel.lines.items():
        drawn = [value for _, value in points if _is_drawn(value)]
        if drawn:
            wanted.append((frame.y(drawn[-1]), f"{name} {drawn[-1]:.3f}", name))
    placed = spread([y for y, _, _ in sorted(wanted)], LABEL_SPACE)
    return [
        _text(WIDTH - RIGHT + 10, y + 4, said, kind)
        for y, (_, said, kind) in zip(placed, sorted(wanted), strict=True)
    ]


def ticks_between(low: float, high: float) -> list[float]:
    """Give four to nine round values that enclose the range."""
    width = (high - low) or abs(high) * 0.1 or 1.0
    magnitude = 10.0 ** math.floor(math.log10(width / 5))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if width / (m * magnitude) <= 6)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * n for n in range(first, max(last, first + 1) + 1)]


def epoch_ticks(first: int, last: int) -> list[int]:
    """Give at most MOST_EPOCH_TICKS whole epochs, the first among them."""
    step = next(
        m * 10**e
        for e in range(12)
        for m in (1, 2, 5)
        if (last - first) / (m * 10**e) < MOST_EPOCH_TICKS
    )
    rounded = range(-(-first // step) * step, last + 1, step)
    return sorted({first, *(tick for tick in rounded if tick - first >= step * 0.6)})


def spread(places: Sequence[float], space: float) -> list[float]:
    """Move sorted places apart, as little as need be, until each has its space."""
    apart: list[list[float]] = []
    for place in places:
        apart.append([place])
        while len(apart) > 1 and _lowest(apart[-2], space) + space > _highest(apart[-1], space):
            apart[-2:] = [apart[-2] + apart[-1]]
    return [
        _highest(group, space) + space * number for group in apart for number in range(len(group))
    ]


def _highest(group: Sequence[float], space: float) -> float:
    return sum(group) / len(group) - space * (len(group) - 1) / 2


def _lowest(group: Sequence[float], space: float) -> float:
    return _highest(group, space) + space * (len(group) - 1)


def _is_drawn(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _straight(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, said: str, kind: str, *, anchor: str = "start") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}"'
    return f'<text class="{kind}" {place} text-anchor="{anchor}">{escape(said)}</text>'
