"""`recsvc evaluate`: evaluation of a model version."""

from typing import Annotated, Any

import typer
from rich.markup import escape

from recsvc.cli.session import ServiceSession, open_service
from recsvc.cli.views import console_output, metric_tables
from recsvc.client import ClientError, Job


def evaluate(
    version: Annotated[
        int | None,
        typer.Argument(min=1, help="The version's number.", show_default="the published version"),
    ] = None,
    n: Annotated[
        int, typer.Option("-n", min=1, max=500, help="Length of the recommendation lists.")
    ] = 10,
    users: Annotated[
        int, typer.Option(min=1, help="Number of users in the sample for list metrics.")
    ] = 2000,
    all_users: Annotated[
        bool, typer.Option("--all-users", help="Compute list metrics for every user.")
    ] = False,
    url: console_output.Url = None,
    as_json: console_output.AsJson = False,
) -> None:
    """Evaluate a model version and the baselines on the ratings held out by its training.

    Example: `recsvc evaluate 3 -n 20 --all-users`

    The exit status is 1 if the evaluation fails or is cancelled.
    """
    with open_service(url) as service:
        number = version or _find_published_version(service)
        job = service.client.evaluate(number, n=n, n_users=None if all_users else users)
        *_, job = service.follow(job)
    if as_json:
        console_output.print_json(job)
    else:
        print_outcome(job)
    if job["state"] != "succeeded":
        raise typer.Exit(1)


def _find_published_version(service: ServiceSession) -> int:
    for model in service.client.models():
        if model["published"]:
            return int(model["version"])
    raise ClientError("No model is published. Pass a version, or train a model: recsvc train")


def print_outcome(job: Job) -> None:
    """Print the result of an evaluation job, or its error."""
    if job["error"] is not None:
        error = job["error"]
        console_output.print_message(
            f"[red]{error.get('title')}.[/] {escape(error.get('detail', ''))}"
        )
    elif job["result"] is None:
        console_output.print_message(f"Evaluation job {job['id']} is {job['state']}.")
    else:
        print_evaluation(job["result"])


def print_evaluation(result: dict[str, Any]) -> None:
    """Print the metrics of a version and of the baselines, with the evaluation protocol."""
    metrics = result["metrics"]
    console_output.print_line(
        f"[bold]Model version {result['version']}[/] on {metrics['n_ratings']:,} ratings; "
        f"lists of {result['n']} for {metrics['n_users_ranked']:,} users, "
        f"{metrics['n_liked_users_ranked']:,} of them with a liked item."
    )
    metric_tables.print_protocol(result["protocol"])
    metric_tables.print_metrics(metrics, result["baselines"])
    metric_tables.print_calibration(result["calibration"])
