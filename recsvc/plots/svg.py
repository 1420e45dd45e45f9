"""Rendering of a plot as SVG, in light or dark colours by the reader's preference."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from recsvc.plots.axes import Axis, epoch_ticks
from recsvc.plots.panels import Line, Panel, Plot, Points, Span
from recsvc.plots.svg_theme import STYLE

WIDTH, PANEL_HEIGHT = 860, 250
LEFT, RIGHT, HEAD, GAP, FOOT = 64, 190, 68, 60, 46
LABEL_SPACE = 15  # between two labels
ROW = 18  # height of a line of the legend and of a span


@dataclass(frozen=True)
class Frame:
    """The position of a panel on the page and the ranges of its axes."""

    top: float
    epochs: tuple[int, int]
    axis: Axis

    def x(self, epoch: float) -> float:
        """Return the horizontal position of an epoch."""
        return _x(epoch, self.epochs)

    def y(self, value: float) -> float:
        """Return the vertical position of a value."""
        return self.top + PANEL_HEIGHT * (1 - self.axis.share(value))


def draw(plot: Plot) -> str:
    """Render stacked panels with a common axis of epochs, and the findings below it."""
    spans = [*(plot.best_epochs if plot.legend else ()), *plot.findings]
    head = HEAD + ROW * len(plot.legend)
    bottom = head + len(plot.panels) * (PANEL_HEIGHT + GAP) - GAP
    height = bottom + FOOT + ROW * len(spans)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" aria-label="{escape(plot.title)}">',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}" rx="8"/>',
        _text(LEFT, 30, plot.title, "title"),
    ]
    for number, key in enumerate(plot.legend):
        y = 52 + ROW * number
        parts.append(_segment(LEFT, y - 4, LEFT + 22, y - 4, f"line {key.kind}"))
        parts.append(_text(LEFT + 30, y, f"{key.mark}  {key.name}", "legend"))
    for number, panel in enumerate(plot.panels):
        parts += _panel(panel, head + number * (PANEL_HEIGHT + GAP), plot)
    parts.append(_text(LEFT, bottom + 36, "epoch", "axis-name"))
    for number, span in enumerate(spans):
        parts += _span(span, bottom + 52 + ROW * number, plot.epochs())
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(panel: Panel, top: float, plot: Plot) -> list[str]:
    scale = " (logarithmic)" if plot.is_log else ""
    name = _text(LEFT, top - 8, f"{panel.name}{scale}", "name")
    values = panel.values()
    if not values:
        middle = top + PANEL_HEIGHT / 2
        return [name, _text(LEFT + 12, middle, "No figures to draw.", "empty")]
    frame = Frame(top, plot.epochs(), Axis.enclosing(values, is_log=plot.is_log))
    parts = [name, *_grid(frame), *_levels(panel, frame)]
    for line in panel.lines:
        parts += [*_line(line, frame), *_best(line, frame, has_label=not plot.legend)]
    return [*parts, *_labels(panel, frame)]


def _grid(frame: Frame) -> list[str]:
    right, bottom = WIDTH - RIGHT, frame.top + PANEL_HEIGHT
    parts = []
    for tick, label in zip(frame.axis.ticks, frame.axis.labels(), strict=True):
        y = frame.y(tick)
        parts.append(_segment(LEFT, y, right, y, "grid"))
        parts.append(_text(LEFT - 8, y + 4, label, "tick", anchor="end"))
    for epoch in epoch_ticks(*frame.epochs):
        x = frame.x(epoch)
        parts.append(_segment(x, bottom, x, bottom + 4, "axis"))
        parts.append(_text(x, bottom + 18, str(epoch), "tick", anchor="middle"))
    return [*parts, _segment(LEFT, bottom, right, bottom, "axis")]


def _levels(panel: Panel, frame: Frame) -> list[str]:
    return [
        _segment(LEFT, frame.y(value), WIDTH - RIGHT, frame.y(value), "level")
        for value in panel.levels.values()
    ]


def _line(line: Line, frame: Frame) -> list[str]:
    """Render a line, interrupted where a value is missing; an isolated point is a dot."""
    path: list[str] = []
    previous: float | None = None
    for epoch, value in thin_points(line.points, WIDTH - LEFT - RIGHT):
        if value is not None:
            place = f"{frame.x(epoch):.1f} {frame.y(value):.1f}"
            # A segment of length zero with round ends is visible without neighbours.
            path.append(f"M{place}L{place}" if previous is None else f"L{place}")
        previous = value
    kind = f"line {line.key.kind}{' dashed' if line.is_dashed else ''}"
    return [f'<path class="{escape(kind)}" d="{"".join(path)}"/>'] if path else []


def _best(line: Line, frame: Frame, *, has_label: bool) -> list[str]:
    epoch, value = line.best, dict(line.points).get(line.best if line.best is not None else -1)
    if epoch is None or value is None:
        return []
    x, y = frame.x(epoch), frame.y(value)
    dot = f'<circle class="best" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
    if not has_label:
        return [dot]
    text_x, anchor = (x + 6, "start") if x < (WIDTH - RIGHT) * 0.8 else (x - 6, "end")
    label = f"best: epoch {epoch}, {value:.4f}"
    return [
        _segment(x, frame.top, x, frame.top + PANEL_HEIGHT, "best"),
        dot,
        _text(text_x, frame.top + 12, label, "best", anchor=anchor),
    ]


def _labels(panel: Panel, frame: Frame) -> list[str]:
    """Render the names of lines and levels at the right edge, moved apart to avoid overlaps."""
    ends = [(line.key, values[-1]) for line in panel.lines if (values := line.values())]
    wanted = [(v, name, "level-name") for name, v in panel.levels.items()]
    wanted += [(v, key.name, key.kind) for key, v in ends]
    wanted.sort(key=lambda label: (frame.y(label[0]), label[1]))
    placed = spread_labels([frame.y(value) for value, _, _ in wanted], LABEL_SPACE)
    return [
        _text(WIDTH - RIGHT + 10, y + 4, f"{name} {_format_value(value)}", kind)
        for y, (value, name, kind) in zip(placed, wanted, strict=True)
    ]


def _format_value(value: float) -> str:
    return f"{value:.3f}" if 0.01 <= abs(value) < 1e5 or not value else f"{value:.3g}"


def _span(span: Span, y: float, epochs: tuple[int, int]) -> list[str]:
    """Render a bar under the epochs of a span, with its label."""
    first, last = (_x(epoch, epochs) for epoch in span.epochs)
    return [
        _segment(first, y - 4, max(last, first + 0.1), y - 4, f"span {span.kind}"),
        _text(WIDTH - RIGHT + 10, y, span.label, span.kind),
    ]


def _x(epoch: float, epochs: tuple[int, int]) -> float:
    first, last = epochs
    return LEFT + (WIDTH - LEFT - RIGHT) * (epoch - first) / max(1, last - first)


def thin_points(points: Points, columns: int) -> Points:
    """Return at most four points for each pixel column: its ends and its extremes."""
    size = math.ceil(len(points) / columns)
    if size <= 4:
        return points
    kept: list[tuple[int, float | None]] = []
    for start in range(0, len(points), size):
        part = points[start : start + size]
        drawn = sorted((value, epoch) for epoch, value in part if value is not None)
        extremes = [(epoch, value) for value, epoch in (*drawn[:1], *drawn[-1:])]
        kept += sorted({part[0], part[-1], *extremes}, key=lambda point: point[0])
    return kept


def spread_labels(places: Sequence[float], space: float) -> list[float]:
    """Move sorted positions apart, by as little as possible, until neighbours have `space`."""
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


def _segment(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, label: str, kind: str, *, anchor: str = "start") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}"'
    return f'<text class="{kind}" {place} text-anchor="{anchor}">{escape(label)}</text>'
