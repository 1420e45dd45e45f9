"""Figures as people read them: a model's beside those of the baselines, and what they mean."""

import re
from typing import Any

from rich.markup import escape

from recsvc.cli.views import console_output

OF_RATINGS = {"rmse": "RMSE", "mae": "MAE", "nll": "NLL"}
OF_LISTS = {
    "ndcg": "nDCG",
    "precision": "P",
    "recall": "recall",
    "liked_ndcg": "liked nDCG",
    "liked_precision": "liked P",
    "coverage": "coverage",
    "novelty": "novelty",
}
NAMES = {"ease": "EASE"}


def print_figures(metrics: dict[str, Any], baselines: dict[str, Any]) -> None:
    """Print a model's figures of ratings and of lists, each with the baselines' below them."""
    if not metrics:
        console_output.say("No rating was held out, so nothing was measured.")
        return
    ours = {name.removeprefix("validation_"): figure for name, figure in metrics.items()}
    rows = {"this model": ours} | {
        NAMES.get(name, name.replace("_", " ")): figures for name, figures in baselines.items()
    }
    n = length(metrics)
    _print_those("held-out ratings", OF_RATINGS, rows)
    _print_those(f"lists of {n}", {f"{name}_at_{n}": said for name, said in OF_LISTS.items()}, rows)


def _print_those(title: str, columns: dict[str, str], rows: dict[str, dict[str, Any]]) -> None:
    """Print the rows and columns for which there are figures."""
    rows = {
        name: figures for name, figures in rows.items() if not columns.keys().isdisjoint(figures)
    }
    told = [name for name in columns if any(name in figures for figures in rows.values())]
    console_output.print_table(
        (title, *(columns[name] for name in told)),
        [(name, *map(figures.get, told)) for name, figures in rows.items()],
    )


def length(metrics: dict[str, Any]) -> int:
    """Tell of how long lists the figures are, by their names: `ndcg_at_10`."""
    lengths = (re.fullmatch(r"ndcg_at_(\d+)", name) for name in metrics)
    return next((int(found[1]) for found in lengths if found), 10)


def print_protocol(protocol: dict[str, Any]) -> None:
    """Say which ratings the figures were measured on."""
    if protocol:
        console_output.say(escape(str(protocol["words"])))


def print_calibration(calibration: dict[str, Any]) -> None:
    """Print how often items were liked that were said to be liked with some probability."""
    if not calibration:
        return
    rows = [
        (f"{bin_['least']:.0%} to {bin_['most']:.0%}", bin_["n"], *_shares(bin_))
        for bin_ in calibration["liked_reliability"]
    ]
    console_output.say(f"Calibration error {calibration['error']:.4f}. Will they like it?")
    console_output.print_table(("said", "times", "said on average", "liked"), rows)


def _shares(bin_: dict[str, Any]) -> tuple[str, str]:
    return f"{bin_['predicted']:.1%}", f"{bin_['observed']:.1%}"
