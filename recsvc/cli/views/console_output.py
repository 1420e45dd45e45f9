"""What commands print: tables for people on stdout, JSON for programs, messages on stderr."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="RECSVC_URL",
        help="Address of a running service; without one, the command starts its own.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

BARS = "▁▂▃▄▅▆▇█"
STATE_STYLES = {"succeeded": "green", "failed": "red", "cancelled": "yellow", "running": "cyan"}

people = Console(highlight=False)
messages = Console(stderr=True, highlight=False)


def say(text: str | Text) -> None:
    """Print a sentence for people, in rich's markup; only a terminal breaks its line."""
    people.print(text, soft_wrap=True)


def note(text: str | Text) -> None:
    """Print a message on stderr."""
    messages.print(text, soft_wrap=True)


def print_json(value: object) -> None:
    """Print data for programs."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table for people."""
    people.print(table(columns, rows))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Set rows as a table; numbers to the right, nothing as a dash."""
    rows = list(rows)
    laid_out = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=any(columns))
    for number, name in enumerate(columns):
        numeric = any(_is_number(row[number]) for row in rows)
        laid_out.add_column(name, justify="right" if numeric else "left", header_style="bold")
    for row in rows:
        laid_out.add_row(*map(_cell, row))
    return laid_out


def _is_number(cell: object) -> bool:
    return cell.justify == "right" if isinstance(cell, Text) else isinstance(cell, int | float)


def _cell(value: object) -> Text:
    return value if isinstance(value, Text) else Text(shown(value))


def shown(value: object) -> str:
    """Give a value as a table's cell shows it."""
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4f}"
        case int():
            return f"{value:,}"
    return str(value)


def state(name: str) -> Text:
    """Colour a job's state."""
    return Text(name, style=STATE_STYLES.get(name, ""))


def moment(text: str | None) -> str | None:
    """Show an RFC 3339 time in the reader's own time zone, to the second."""
    return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M:%S}" if text else None


def seconds_between(start: str | None, end: str | None) -> float | None:
    """Give the seconds from one RFC 3339 time to another, None while either is missing."""
    if start is None or end is None:
        return None
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def span(seconds: float | None) -> str:
    """Say how long something takes."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def sparkline(values: Sequence[float], width: int = 40) -> str:
    """Draw the newest values as a row of bars, between their least and their greatest."""
    newest = list(values)[-width:]
    if not newest:
        return ""
    low, high = min(newest), max(newest)
    steps = (high - low) / (len(BARS) - 1) or 1.0
    return "".join(BARS[round((value - low) / steps)] for value in newest)
