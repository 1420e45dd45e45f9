"""`recsvc diagnose` and the output of `recsvc jobs diagnose`: findings on error curves."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from recsvc.cli.commands import train
from recsvc.cli.session import open_service
from recsvc.cli.views import console_output, sweep_view
from recsvc.client import FINAL_STATES, ClientError

ALIASES = {"loss": "train_nll", "train_loss": "train_nll", "val_loss": "validation_nll"}
EXTRA_FIELDS = "\n"  # key of surplus fields; no column can have this name
COLOURS = {"problem": "red", "warning": "yellow", "note": "cyan"}
NOTHING_FOUND = {
    "healthy": "[green]Healthy[/]: no finding.",
    "too_early": "Too early for a diagnosis. Repeat it after a few more epochs.",
}


def diagnose(
    curves: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, metavar="CURVES.csv", help="An error curve."),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A hyperparameter of the training."),
    ] = None,
    url: console_output.Url = None,
    as_json: console_output.AsJson = False,
) -> None:
    """Diagnose an error curve from any source.

    CURVES.csv has one line an epoch: the column `epoch` and any columns of
    `/v1/training-jobs/ID/error-curve?format=csv`. `loss` and `train_loss` are the train NLL,
    `val_loss` is the validation NLL. Other columns are ignored.

    Example: `recsvc diagnose curves.csv --set learning_rate=2`

    The exit status is 1 if a finding is a problem.
    """
    rows = _read_curve(curves)
    with open_service(url) as service:
        found = service.client.diagnose(rows, train.parse_settings(settings) if settings else None)
    print_diagnosis(found, as_json=as_json)


def print_diagnosis(found: dict[str, Any], *, as_json: bool) -> None:
    """Print a diagnosis; exit with status 1 if a finding is a problem."""
    if as_json:
        console_output.print_json(found)
    elif not found["findings"]:
        console_output.print_line(_format_no_findings(found))
    else:
        for finding in found["findings"]:
            _print_finding(finding)
    if any(finding["severity"] == "problem" for finding in found["findings"]):
        raise typer.Exit(1)


def _format_no_findings(found: dict[str, Any]) -> str:
    """Return the text for a diagnosis without findings."""
    if found["verdict"] == "healthy" or found.get("state") not in FINAL_STATES:
        return NOTHING_FOUND[found["verdict"]]
    if found.get("n_epochs") == 0:
        number = found["job_id"]
        return f"The job ended before its first epoch. See: recsvc jobs show {number}"
    return "The job ended too early for a diagnosis."


def _print_finding(finding: dict[str, Any]) -> None:
    colour, (first, last) = COLOURS[finding["severity"]], finding["epochs"]
    name = escape(finding["code"].replace("_", " "))
    console_output.print_line(
        f"[{colour}]{finding['severity']}[/] [bold]{name}[/], epochs {first} to {last}"
    )
    console_output.print_line(f"  {escape(finding['cause'])}")
    for evidence in (finding["evidence"], *finding["further_evidence"]):
        threshold = f"{evidence['threshold']:.4g} ({evidence['source']})"
        console_output.print_line(
            escape(f"  {evidence['metric']}: {evidence['value']:.4g}, threshold {threshold}")
        )
    if change := finding["change"]:
        before, to = (
            escape(sweep_view.format_hyperparameter(change[name])) for name in ("from", "to")
        )
        console_output.print_line(
            f"  Try [bold]{change['hyperparameter']} {to}[/] instead of {before}."
        )


def _read_curve(curves: Path) -> list[dict[str, Any]]:
    """Read one row an epoch; empty fields are missing values, unknown columns are ignored."""
    try:
        with curves.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.DictReader(file, restkey=EXTRA_FIELDS)
            names = _map_columns(curves, lines.fieldnames or [])
            rows = [_parse_row(curves, lines.line_num, line, names) for line in lines]
    except UnicodeDecodeError as error:
        raise ClientError(
            f"{curves} is not UTF-8 text: byte 0x{error.object[error.start]:02x} cannot be decoded."
        ) from None
    except csv.Error as error:
        raise ClientError(f"{curves} cannot be read as CSV: {error}.") from None
    if not rows:
        raise ClientError(
            f"{curves} has no line below the column names. Add one line for each epoch."
        )
    return rows


def _map_columns(curves: Path, columns: Sequence[str]) -> dict[str, str]:
    """Return the metric of each known column; print the unknown columns."""
    from recsvc.service.diagnosis.run_records import CURVE_COLUMNS

    if "epoch" not in columns:
        raise ClientError(
            f"{curves} has no column 'epoch'. The first line must have the column names."
        )
    known = {*CURVE_COLUMNS, "seconds"}
    names: dict[str, str] = {}
    unknown = []
    for column in columns:
        name = ALIASES.get(column, column)
        if name not in known:
            unknown.append(column)
        elif column in names or name in names.values():
            same = [one for one in columns if ALIASES.get(one, one) == name]
            raise ClientError(
                f"{curves}: {' and '.join(map(repr, same))} both mean {name}. Remove one of them."
            )
        else:
            names[column] = name
    if len(names) == 1:
        figures = ", ".join([*ALIASES, *(name for name in CURVE_COLUMNS if name != "epoch")])
        raise ClientError(f"{curves} has no metric column. Known columns: {figures}.")
    if unknown:
        console_output.print_message(
            f"{escape(str(curves))}: unknown columns are ignored: {_format_columns(unknown)}."
        )
    return names


def _format_columns(columns: Sequence[str]) -> str:
    return escape(", ".join(column or "a column without a name" for column in columns))


def _parse_row(
    curves: Path, number: int, line: dict[str, str], names: Mapping[str, str]
) -> dict[str, Any]:
    row: dict[str, Any] = {}
    if EXTRA_FIELDS in line:
        raise ClientError(f"{curves}, line {number}: more fields than columns.")
    for column, name in names.items():
        text = line[column]
        try:
            figure = float(text) if text else None
        except ValueError:
            raise ClientError(
                f"{curves}, line {number}: {column} is {text!r}. It must be a number or empty."
            ) from None
        is_json = figure is None or math.isfinite(figure)
        row[name] = figure if is_json else text
    if row["epoch"] is None:
        raise ClientError(f"{curves}, line {number}: the epoch is missing.")
    return row
