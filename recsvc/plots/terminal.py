"""Rendering of a plot in characters: Braille dots, with letters on the lines."""

from collections.abc import Iterable, Sequence

from recsvc.plots.axes import Axis, epoch_ticks
from recsvc.plots.canvas import Canvas, Cell
from recsvc.plots.panels import Line, Panel, Plot, Span

Row = list[Cell]  # from left to right

PANEL_ROWS = 9
MIN_COLUMNS = 8
BETWEEN_MARKS = 14
TICK_SPACE = 8


def draw(plot: Plot, width: int, rows: int = PANEL_ROWS) -> list[Row]:
    """Render stacked panels with a common axis of epochs, and the findings below it."""
    axes = [_axis(panel, is_log=plot.is_log) for panel in plot.panels]
    gutter = max((len(label) for axis in axes if axis for label in axis.labels()), default=0)
    columns = max(MIN_COLUMNS, width - gutter - 1)
    out: list[Row] = [[Cell(plot.title, "title")]]
    out += [[Cell(f"{key.mark} {key.name}", key.kind)] for key in plot.legend]
    for panel, axis in zip(plot.panels, axes, strict=True):
        out += [[], *_head(panel, width, is_log=plot.is_log)]
        if axis is None:
            out.append([Cell("No figures to draw.", "axis")])
            continue
        out += _panel(panel, axis, plot.epochs(), gutter, columns, rows)
    for span in (*plot.best_epochs, *plot.findings):
        out += [[Cell(" " * (gutter + 1)), *row] for row in _span(span, plot.epochs(), columns)]
    return [_cut(row, width) for row in out]


def _axis(panel: Panel, *, is_log: bool) -> Axis | None:
    values = panel.values()
    return Axis.enclosing(values, is_log=is_log) if values else None


def _head(panel: Panel, width: int, *, is_log: bool) -> list[Row]:
    """Return the rows with the names of the panel and of its lines, with their last values."""
    scale = " (logarithmic)" if is_log else ""
    cut = f" (cut off at {panel.ceiling:.5g})" if panel.is_cut() else ""
    named = [Cell(panel.name + scale + cut, "name")]
    for line in panel.lines:
        values = line.values()
        last = f" {values[-1]:.5g}" if values else ""
        named.append(Cell(f"{line.key.mark} {line.key.name}{last}", line.key.kind))
    return _wrap_cells(named, width)


def _wrap_cells(cells: Iterable[Cell], width: int) -> list[Row]:
    rows: list[Row] = [[]]
    for cell in cells:
        if rows[-1] and _length(rows[-1]) + 3 + len(cell.text) > width:
            rows.append([])
        rows[-1] += [Cell("   "), cell] if rows[-1] else [cell]
    return rows


def _panel(
    panel: Panel, axis: Axis, epochs: tuple[int, int], gutter: int, columns: int, rows: int
) -> list[Row]:
    canvas = Canvas(columns, rows)
    for number, line in enumerate(panel.lines):
        _draw_line(line, canvas, axis, epochs, (number + 0.5) / len(panel.lines))
    for line in panel.lines:
        _draw_best(line, canvas, axis, epochs)
    for name, value in panel.levels.items():
        canvas.level(axis.share(value), name, "level")
    ticks = {
        canvas.row(axis.share(tick)): label
        for tick, label in zip(axis.ticks, axis.labels(), strict=True)
    }
    out = [
        [Cell(f"{ticks.get(n, ''):>{gutter}}{'┤' if n in ticks else '│'}", "axis"), *row]
        for n, row in enumerate(canvas.rows())
    ]
    return [*out, *_foot(epochs, gutter, columns)]


def _draw_line(
    line: Line, canvas: Canvas, axis: Axis, epochs: tuple[int, int], offset: float
) -> None:
    """Draw a line, interrupted where a value is missing, and repeat its letter along it."""
    previous: tuple[float, float] | None = None
    for epoch, value in line.points:
        place = None if value is None else (_across(epoch, epochs), axis.share(value))
        if place is not None:
            canvas.line(previous or place, place, line.key.kind)
        previous = place
    drawn = [(_across(e, epochs), axis.share(v)) for e, v in line.points if v is not None]
    for place in _mark_places(drawn, canvas.columns, offset):
        canvas.mark(place, line.key.mark, line.key.kind)


def _mark_places(
    places: Sequence[tuple[float, float]], columns: int, offset: float
) -> Iterable[tuple[float, float]]:
    """Return the positions of the letter: at the offset in each BETWEEN_MARKS columns, or once."""
    if not places:
        return []
    wanted = [(n + offset) * BETWEEN_MARKS / columns for n in range(columns // BETWEEN_MARKS + 1)]
    inside = [at for at in wanted if places[0][0] <= at <= places[-1][0]]
    return [_at(places, at) for at in inside] or [places[-1]]


def _at(places: Sequence[tuple[float, float]], across: float) -> tuple[float, float]:
    """Interpolate the line at a horizontal position."""
    right = next((n for n, place in enumerate(places) if place[0] >= across), len(places) - 1)
    (x1, y1), (x2, y2) = places[max(0, right - 1)], places[right]
    share = (across - x1) / (x2 - x1) if x2 > x1 else 1.0
    return across, y1 + share * (y2 - y1)


def _draw_best(line: Line, canvas: Canvas, axis: Axis, epochs: tuple[int, int]) -> None:
    for epoch, value in line.points:
        if epoch == line.best and value is not None:
            canvas.mark((_across(epoch, epochs), axis.share(value)), "◆", "best")


def _foot(epochs: tuple[int, int], gutter: int, columns: int) -> list[Row]:
    line, numbers = ["─"] * columns, ""
    for tick in epoch_ticks(*epochs, most=max(1, columns // TICK_SPACE)):
        column, written = _column(tick, epochs, columns), str(tick)
        line[column] = "┬"
        start = max(0, min(column - len(written) // 2, columns - len(written)))
        if not numbers or start > len(numbers):
            numbers = f"{numbers:<{start}}{written}"
    return [
        [Cell(f"{'':>{gutter}}└{''.join(line)}", "axis")],
        [Cell(f"{'':>{gutter}} {numbers}", "axis")],
    ]


def _span(span: Span, epochs: tuple[int, int], columns: int) -> list[Row]:
    """Return rows with a bar under the epochs of a span, and its label where it fits."""
    first, last = (_column(epoch, epochs, columns) for epoch in span.epochs)
    one = "▲" if span.kind == "best" else "│"
    bar = f"├{'─' * (last - first - 1)}┤" if last > first else one
    label = span.label
    if last - first > len(label) + 4:
        return [[Cell(" " * first), Cell(f"├─ {label} {bar[len(label) + 4 :]}", span.kind)]]
    if last + 2 + len(label) <= columns:
        return [[Cell(" " * first), Cell(f"{bar} {label}", span.kind)]]
    if len(label) + 1 <= first:
        return [[Cell(" " * (first - len(label) - 1)), Cell(f"{label} {bar}", span.kind)]]
    return [[Cell(" " * first), Cell(bar, span.kind)], [Cell(label, span.kind)]]


def _across(epoch: int, epochs: tuple[int, int]) -> float:
    return (epoch - epochs[0]) / max(1, epochs[1] - epochs[0])


def _column(epoch: int, epochs: tuple[int, int], columns: int) -> int:
    return round(_across(epoch, epochs) * (2 * columns - 1)) // 2  # as the canvas does


def _length(row: Row) -> int:
    return sum(len(cell.text) for cell in row)


def _cut(row: Row, width: int) -> Row:
    """Truncate a row to the width of the terminal."""
    kept: Row = []
    for text, kind in row:
        left = width - _length(kept)
        shown = text if len(text) <= left else f"{text[: left - 1]}…" if left > 0 else ""
        kept.append(Cell(shown, kind))
    return kept
