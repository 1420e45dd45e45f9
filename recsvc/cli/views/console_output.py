"""Output of commands: tables and JSON on stdout, messages on stderr."""

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
        help="URL of a running service. By default the command starts a temporary one.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

BARS = "▁▂▃▄▅▆▇█"
STATE_STYLES = {"succeeded": "green", "failed": "red", "cancelled": "yellow", "running": "cyan"}

stdout = Console(highlight=False)
stderr = Console(stderr=True, highlight=False)


def print_line(text: str | Text) -> None:
    """Print a line with rich markup on stdout; only the terminal wraps it."""
    stdout.print(text, soft_wrap=True)


def print_message(text: str | Text) -> None:
    """Print a line with rich markup on stderr."""
    stderr.print(text, soft_wrap=True)


def print_json(value: object) -> None:
    """Print a value as JSON on stdout."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table on stdout."""
    stdout.print(build_table(columns, rows))


def build_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Build a table; numbers are aligned right, and None is a dash."""
    rows = list(rows)
    result = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=any(columns))
    for number, name in enumerate(columns):
        numeric = any(_is_number(row[number]) for row in rows)
        result.add_column(name, justify="right" if numeric else "left", header_style="bold")
    for row in rows:
        result.add_row(*map(_cell, row))
    return result


def _is_number(cell: object) -> bool:
    return cell.justify == "right" if isinstance(cell, Text) else isinstance(cell, int | float)


def _cell(value: object) -> Text:
    return value if isinstance(value, Text) else Text(format_value(value))


def format_value(value: object) -> str:
    """Format the value of a table cell."""
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


def format_state(name: str) -> Text:
    """Return a job state in its colour."""
    return Text(name, style=STATE_STYLES.get(name, ""))


def format_time(text: str | None) -> str | None:
    """Format an RFC 3339 time in the local time zone, to the second."""
    return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M:%S}" if text else None


def seconds_between(start: str | None, end: str | None) -> float | None:
    """Return the seconds between two RFC 3339 times, None if either is missing."""
    if start is None or end is None:
        return None
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def format_duration(seconds: float | None) -> str:
    """Format a duration."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def sparkline(values: Sequence[float], width: int = 40) -> str:
    """Return the last `width` values as a row of bars, scaled from minimum to maximum."""
    newest = list(values)[-width:]
    if not newest:
        return ""
    low, high = min(newest), max(newest)
    steps = (high - low) / (len(BARS) - 1) or 1.0
    return "".join(BARS[round((value - low) / steps)] for value in newest)
