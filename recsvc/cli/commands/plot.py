"""`recsvc jobs plot`: error curves in the terminal, or as a picture in a file."""

from pathlib import Path
from typing import Annotated

import typer

from recsvc.cli.session import reach
from recsvc.cli.views import console_output, image_files
from recsvc.cli.views.console_plot import print_plot
from recsvc.client import Client
from recsvc.epoch_metrics import MetricName
from recsvc.plots.curve_plot import MOST_JOBS, Curve, plot_of
from recsvc.plots.panels import Span


def _known_form(path: Path | None) -> Path | None:
    if path is not None and path.suffix.lower() not in image_files.FORMS:
        raise typer.BadParameter(f"{path} must end in {' or '.join(image_files.FORMS)}.")
    return path


def _not_too_many(job_ids: list[int]) -> list[int]:
    if len(set(job_ids)) > MOST_JOBS:
        raise typer.BadParameter(f"At most {MOST_JOBS} jobs can be told apart.")
    return list(dict.fromkeys(job_ids))


def plot(
    job_ids: Annotated[
        list[int],
        typer.Argument(
            metavar="ID…", min=1, help="Training jobs, drawn together.", callback=_not_too_many
        ),
    ],
    metric: Annotated[
        list[MetricName] | None, typer.Option(help="A figure to draw; may be repeated.")
    ] = None,
    log: Annotated[bool, typer.Option("--log", help="Logarithmic axes.")] = False,
    path: Annotated[
        Path | None,
        typer.Option(
            "--output", dir_okay=False, help="A file to write, .svg or .png.", callback=_known_form
        ),
    ] = None,
    url: console_output.Url = None,
) -> None:
    """Draw the error curves of training jobs: one, or several beside each other.

    The best epoch is marked, and below the axis the epochs that the diagnosis speaks of. Letters on
    the lines tell them apart where there are no colours.

    Example: `recsvc jobs plot 7 8 --metric validation_nll --output rates.png`
    """
    if path is not None:
        image_files.check(path)
    with reach(url) as reached:
        if path is not None:
            scale = "log" if log else "linear"
            query = {"metric": list(metric or ()), "beside": job_ids[1:], "scale": scale}
            image_files.write(reached.client.picture(job_ids[0], **query), path)
            console_output.say(f"Written: {path}")
            return
        curves = [_curve(reached.client, job_id) for job_id in job_ids]
    print_plot(console_output.people, plot_of(curves, metric or (), is_log=log))


def _curve(client: Client, job_id: int) -> Curve:
    curve, job = client.curve(job_id), client.job("training", job_id)
    found = client.diagnosis(job_id)["findings"]
    asked = {name: job.get(name) for name in ("model_kind", "seed")}
    return Curve(
        job_id,
        curve["state"],
        curve["epochs"],
        curve["best_epoch"],
        curve["baselines"] or {},
        [Span(one["code"], one["severity"], tuple(one["epochs"])) for one in found],
        asked | job["hyperparameters"],
    )
