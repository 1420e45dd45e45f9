"""`recsvc jobs plot`: error curves in the terminal or in an image file."""

from pathlib import Path
from typing import Annotated

import typer

from recsvc.cli.session import open_service
from recsvc.cli.views import console_output, image_files
from recsvc.cli.views.console_plot import print_plot
from recsvc.client import Client
from recsvc.epoch_metrics import MetricName
from recsvc.plots.curve_plot import MAX_JOBS, Curve, build_plot
from recsvc.plots.panels import Span


def _check_format(path: Path | None) -> Path | None:
    if path is not None and path.suffix.lower() not in image_files.FORMATS:
        raise typer.BadParameter(f"{path} must end in {' or '.join(image_files.FORMATS)}.")
    return path


def _check_number_of_jobs(job_ids: list[int]) -> list[int]:
    if len(set(job_ids)) > MAX_JOBS:
        raise typer.BadParameter(f"At most {MAX_JOBS} jobs can be drawn together.")
    return list(dict.fromkeys(job_ids))


def plot(
    job_ids: Annotated[
        list[int],
        typer.Argument(
            metavar="ID…",
            min=1,
            help="Training jobs to draw together.",
            callback=_check_number_of_jobs,
        ),
    ],
    metric: Annotated[
        list[MetricName] | None, typer.Option(help="Metric to draw; repeatable.")
    ] = None,
    log: Annotated[bool, typer.Option("--log", help="Logarithmic axes.")] = False,
    path: Annotated[
        Path | None,
        typer.Option(
            "--output",
            dir_okay=False,
            help="Write to this file, .svg or .png.",
            callback=_check_format,
        ),
    ] = None,
    url: console_output.Url = None,
) -> None:
    """Plot the error curves of one or several training jobs.

    The best epoch is marked. Bars below the axis show the epochs of the findings. Letters on the
    lines identify them without colours.

    Example: `recsvc jobs plot 7 8 --metric validation_nll --output rates.png`
    """
    if path is not None:
        image_files.check_png_support(path)
    with open_service(url) as service:
        if path is not None:
            scale = "log" if log else "linear"
            query = {"metric": list(metric or ()), "beside": job_ids[1:], "scale": scale}
            image_files.write_image(service.client.error_curve_svg(job_ids[0], **query), path)
            console_output.print_line(f"Plot written to {path}")
            return
        curves = [_fetch_curve(service.client, job_id) for job_id in job_ids]
    print_plot(console_output.stdout, build_plot(curves, metric or (), is_log=log))


def _fetch_curve(client: Client, job_id: int) -> Curve:
    curve, job = client.curve(job_id), client.job("training", job_id)
    found = client.diagnosis(job_id)["findings"]
    settings = {name: job.get(name) for name in ("model_kind", "seed")}
    return Curve(
        job_id,
        curve["state"],
        curve["epochs"],
        curve["best_epoch"],
        curve["baselines"] or {},
        [Span(one["code"], one["severity"], tuple(one["epochs"])) for one in found],
        settings | job["hyperparameters"],
    )
