"""Plots on a console in colours; the letters on the lines identify them without colours."""

from rich.console import Console
from rich.text import Text

from recsvc.plots import terminal
from recsvc.plots.panels import Plot

STYLES = {
    "title": "bold",
    "name": "bold",
    "axis": "dim",
    "level": "dim",
    "validation": "blue",
    "training": "yellow",
    "best": "green",
    "problem": "red",
    "warning": "yellow",
    "note": "cyan",
    "job1": "blue",
    "job2": "yellow",
    "job3": "green",
    "job4": "magenta",
    "job5": "red",
    "job6": "cyan",
    "job7": "bright_green",
    "job8": "bright_black",
}


def print_plot(console: Console, plot: Plot, *, rows: int = terminal.PANEL_ROWS) -> None:
    """Print a plot with the width of the console."""
    for row in terminal.draw(plot, console.width, rows):
        line = Text.assemble(*((cell.text, STYLES.get(cell.kind, "")) for cell in row))
        line.rstrip()
        console.print(line, no_wrap=True, overflow="ignore", crop=False)
