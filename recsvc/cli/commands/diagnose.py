"""`recsvc diagnose` and `recsvc jobs diagnose`: why the loss does not go down."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from recsvc.cli.commands import train
from recsvc.cli.session import reach
from recsvc.cli.views import console_output, sweep_view
from recsvc.client import FINAL_STATES, ClientError

ALIASES = {"loss": "train_nll", "train_loss": "train_nll", "val_loss": "validation_nll"}
TOO_MANY = "\n"  # no column is named so
COLOURS = {"problem": "red", "warning": "yellow", "note": "cyan"}
NOTHING_FOUND = {
    "healthy": "[green]Healthy[/]: no check has anything to say.",
    "too_early": "Too early to tell: a few epochs more will.",
}


def diagnose(
    curves: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, metavar="CURVES.csv", help="An error curve."),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A hyperparameter it was trained with."),
    ] = None,
    url: console_output.Url = None,
    as_json: console_output.AsJson = False,
) -> None:
    """Say why a loss does not go down, from an error curve of whatever origin.

    CURVES.csv has a line an epoch: `epoch`, and any column of
    `/v1/training-jobs/ID/error-curve?format=csv`; `loss` or `train_loss`, and `val_loss`, are taken
    for the NLL of train and of validation. Other columns are left.

    Example: `recsvc diagnose curves.csv --set learning_rate=2`

    Exit status 1 if there is a problem.
    """
    rows = _read(curves)
    with reach(url) as reached:
        found = reached.client.diagnose(rows, train.parse(settings) if settings else None)
    show(found, as_json=as_json)


def show(found: dict[str, Any], *, as_json: bool) -> None:
    """Print a diagnosis; exit status 1 if there is a problem."""
    if as_json:
        console_output.print_json(found)
    elif not found["findings"]:
        console_output.say(_nothing(found))
    else:
        for finding in found["findings"]:
            _print(finding)
    if any(finding["severity"] == "problem" for finding in found["findings"]):
        raise typer.Exit(1)


def _nothing(found: dict[str, Any]) -> str:
    """Say what it means that nothing was found; of a job that is over no epoch will follow."""
    if found["verdict"] == "healthy" or found.get("state") not in FINAL_STATES:
        return NOTHING_FOUND[found["verdict"]]
    if found.get("n_epochs") == 0:
        number = found["job_id"]
        return f"It ended before its first epoch: there is no curve. See: recsvc jobs show {number}"
    return "It ended before there was enough to tell."


def _print(finding: dict[str, Any]) -> None:
    colour, (first, last) = COLOURS[finding["severity"]], finding["epochs"]
    name = escape(finding["code"].replace("_", " "))
    console_output.say(
        f"[{colour}]{finding['severity']}[/] [bold]{name}[/], epochs {first} to {last}"
    )
    console_output.say(f"  {escape(finding['cause'])}")
    for evidence in (finding["evidence"], *finding["further_evidence"]):
        against = f"{evidence['threshold']:.4g} ({evidence['source']})"
        console_output.say(
            escape(f"  {evidence['metric']}: {evidence['value']:.4g}, against {against}")
        )
    if change := finding["change"]:
        before, to = (escape(sweep_view.plain(change[name])) for name in ("from", "to"))
        console_output.say(f"  Try [bold]{change['hyperparameter']} {to}[/] in place of {before}.")


def _read(curves: Path) -> list[dict[str, Any]]:
    """Read a row an epoch; what is empty was not measured, columns that nobody knows are left."""
    try:
        with curves.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.DictReader(file, restkey=TOO_MANY)
            names = _names(curves, lines.fieldnames or [])
            rows = [_row(curves, lines.line_num, line, names) for line in lines]
    except UnicodeDecodeError as error:
        raise ClientError(
            f"{curves} is no text in UTF-8: byte 0x{error.object[error.start]:02x} cannot be read."
        ) from None
    except csv.Error as error:
        raise ClientError(f"{curves} cannot be read as CSV: {error}.") from None
    if not rows:
        raise ClientError(f"{curves} has no line below its column names: no epoch to diagnose.")
    return rows


def _names(curves: Path, columns: Sequence[str]) -> dict[str, str]:
    """Give what each column that is known means, and say which are not."""
    from recsvc.service.diagnosis.run_records import CURVE_COLUMNS

    if "epoch" not in columns:
        raise ClientError(f"{curves} has no column 'epoch'. Its first line must name columns.")
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
                f"{curves}: {' and '.join(map(repr, same))} both mean {name}. Leave one of them."
            )
        else:
            names[column] = name
    if len(names) == 1:
        figures = ", ".join([*ALIASES, *(name for name in CURVE_COLUMNS if name != "epoch")])
        raise ClientError(f"{curves} has no figure beside 'epoch'. These are known: {figures}.")
    if unknown:
        console_output.note(f"{escape(str(curves))}: not known here, and left: {_listed(unknown)}.")
    return names


def _listed(columns: Sequence[str]) -> str:
    return escape(", ".join(column or "a column without a name" for column in columns))


def _row(
    curves: Path, number: int, line: dict[str, str], names: Mapping[str, str]
) -> dict[str, Any]:
    row: dict[str, Any] = {}
    if TOO_MANY in line:
        raise ClientError(f"{curves}, line {number}: it has more fields than there are columns.")
    for column, name in names.items():
        text = line[column]
        try:
            figure = float(text) if text else None
        except ValueError:
            raise ClientError(
                f"{curves}, line {number}: {column} is {text!r}. It must be a number or nothing."
            ) from None
        is_json = figure is None or math.isfinite(figure)
        row[name] = figure if is_json else text
    if row["epoch"] is None:
        raise ClientError(f"{curves}, line {number}: it does not say of which epoch it is.")
    return row
