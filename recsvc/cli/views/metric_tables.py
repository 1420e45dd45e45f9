"""Tables of metrics: a model compared with the baselines, protocol and calibration."""

import re
from typing import Any

from rich.markup import escape

from recsvc.cli.views import console_output

RATING_METRICS = {"rmse": "RMSE", "mae": "MAE", "nll": "NLL"}
LIST_METRICS = {
    "ndcg": "nDCG",
    "precision": "P",
    "recall": "recall",
    "liked_ndcg": "liked nDCG",
    "liked_precision": "liked P",
    "coverage": "coverage",
    "novelty": "novelty",
}
BASELINE_NAMES = {"ease": "EASE"}


def print_metrics(metrics: dict[str, Any], baselines: dict[str, Any]) -> None:
    """Print the rating metrics and the list metrics of a model and of the baselines."""
    if not metrics:
        console_output.print_line("No metrics: no rating was held out.")
        return
    own = {name.removeprefix("validation_"): value for name, value in metrics.items()}
    rows = {"this model": own} | {
        BASELINE_NAMES.get(name, name.replace("_", " ")): values
        for name, values in baselines.items()
    }
    n = list_length(metrics)
    _print_rows("held-out ratings", RATING_METRICS, rows)
    _print_rows(
        f"lists of {n}", {f"{name}_at_{n}": label for name, label in LIST_METRICS.items()}, rows
    )


def _print_rows(title: str, columns: dict[str, str], rows: dict[str, dict[str, Any]]) -> None:
    """Print the rows and columns that have values."""
    rows = {name: values for name, values in rows.items() if not columns.keys().isdisjoint(values)}
    present = [name for name in columns if any(name in values for values in rows.values())]
    console_output.print_table(
        (title, *(columns[name] for name in present)),
        [(name, *map(values.get, present)) for name, values in rows.items()],
    )


def list_length(metrics: dict[str, Any]) -> int:
    """Return the list length in the names of metrics: 10 for `ndcg_at_10`."""
    lengths = (re.fullmatch(r"ndcg_at_(\d+)", name) for name in metrics)
    return next((int(found[1]) for found in lengths if found), 10)


def print_protocol(protocol: dict[str, Any]) -> None:
    """Print which ratings were evaluated."""
    if protocol:
        console_output.print_line(escape(str(protocol["words"])))


def print_calibration(calibration: dict[str, Any]) -> None:
    """Print a reliability table: predicted probability and observed share of liked items."""
    if not calibration:
        return
    rows = [
        (f"{bin_['least']:.0%} to {bin_['most']:.0%}", bin_["n"], *_shares(bin_))
        for bin_ in calibration["liked_reliability"]
    ]
    console_output.print_line(
        f"Calibration error {calibration['error']:.4f}. Probability that an item is liked:"
    )
    console_output.print_table(("predicted", "pairs", "mean predicted", "observed"), rows)


def _shares(bin_: dict[str, Any]) -> tuple[str, str]:
    return f"{bin_['predicted']:.1%}", f"{bin_['observed']:.1%}"
