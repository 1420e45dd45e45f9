"""Rounds of a long benchmark, kept in a file until all are done: a broken-off run continues."""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Row = dict[str, Any]

CACHE = Path(__file__).parent / ".cache"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add --minutes and --fresh."""
    parser.add_argument(
        "--minutes", type=float, default=15, help="begin no round that takes longer"
    )
    parser.add_argument("--fresh", action="store_true", help="forget the rounds that are kept")


def run_rounds(
    file: Path, n_rounds: int, measure: Callable[[int], Row], *, minutes: float, fresh: bool
) -> list[Row]:
    """Measure the rounds that are missing and return all finished ones.

    file     has a JSON line for each finished round; it is removed once all are done
    measure  returns the row of a round
    minutes  no round begins that would end later if it took as long as the longest one
    fresh    begin with the first round
    """
    if fresh:
        file.unlink(missing_ok=True)
    file.parent.mkdir(exist_ok=True)
    deadline = time.monotonic() + 60 * minutes
    longest = 0.0
    rows = read_rows(file)
    while len(rows) < n_rounds and time.monotonic() + longest < deadline:
        began = time.monotonic()
        rows.append(measure(len(rows)))
        longest = max(longest, time.monotonic() - began)
        with file.open("a") as stream:
            stream.write(json.dumps(rows[-1]) + "\n")
    if len(rows) >= n_rounds:
        file.unlink(missing_ok=True)  # the next run is a new one
    return rows


def read_rows(file: Path) -> list[Row]:
    """Return the rows of the finished rounds."""
    return list(map(json.loads, file.read_text().splitlines())) if file.exists() else []
