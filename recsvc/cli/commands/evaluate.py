"""`recsvc evaluate`: how good a model version is, measured again."""

from typing import Annotated, Any

import typer
from rich.markup import escape

from recsvc.cli.session import Reached, reach
from recsvc.cli.views import console_output, metric_tables
from recsvc.client import ClientError, Job


def evaluate(
    version: Annotated[
        int | None,
        typer.Argument(min=1, help="The version's number.", show_default="the published one"),
    ] = None,
    n: Annotated[int, typer.Option("-n", min=1, max=500, help="Length of the lists.")] = 10,
    users: Annotated[
        int, typer.Option(min=1, help="Measure the lists of so many users, evenly spread.")
    ] = 2000,
    all_users: Annotated[
        bool, typer.Option("--all-users", help="Measure the lists of every user.")
    ] = False,
    url: console_output.Url = None,
    as_json: console_output.AsJson = False,
) -> None:
    """Measure a model version on the ratings that its training held out, beside the baselines.

    Example: `recsvc evaluate 3 -n 20 --all-users`

    Exit status 1 if the evaluation fails or is cancelled.
    """
    with reach(url) as reached:
        number = version or _published(reached)
        job = reached.client.evaluate(number, n=n, n_users=None if all_users else users)
        *_, job = reached.follow(job)
    if as_json:
        console_output.print_json(job)
    else:
        print_outcome(job)
    if job["state"] != "succeeded":
        raise typer.Exit(1)


def _published(reached: Reached) -> int:
    for model in reached.client.models():
        if model["published"]:
            return int(model["version"])
    raise ClientError("No model is published. Name a version, or train one: recsvc train")


def print_outcome(job: Job) -> None:
    """Print what was measured, or why nothing was."""
    if job["error"] is not None:
        error = job["error"]
        console_output.note(f"[red]{error.get('title')}.[/] {escape(error.get('detail', ''))}")
    elif job["result"] is None:
        console_output.note(f"Evaluation job {job['id']} is {job['state']}.")
    else:
        print_evaluation(job["result"])


def print_evaluation(result: dict[str, Any]) -> None:
    """Print a version's figures beside the baselines', and how they came about."""
    metrics = result["metrics"]
    console_output.say(
        f"[bold]Model version {result['version']}[/] on {metrics['n_ratings']:,} ratings; "
        f"lists of {result['n']} for {metrics['n_users_ranked']:,} users, "
        f"{metrics['n_liked_users_ranked']:,} of whom liked any of theirs."
    )
    metric_tables.print_protocol(result["protocol"])
    metric_tables.print_figures(metrics, result["baselines"])
    metric_tables.print_calibration(result["calibration"])
