"""`recsvc models`: list, show and publish model versions."""

from typing import Annotated, Any

import typer

from recsvc.cli.session import open_service
from recsvc.cli.views import console_output, metric_tables

Version = Annotated[int, typer.Argument(min=1, help="Number of the model version.")]

app = typer.Typer(no_args_is_help=True, help="List, show, publish and roll back model versions.")


@app.command("list")
def list_models(url: console_output.Url = None, as_json: console_output.AsJson = False) -> None:
    """List the model versions, newest first."""
    with open_service(url) as service:
        models = list(service.client.models())
    if as_json:
        console_output.print_json(models)
    elif models:
        console_output.print_table(
            ("version", "", "kind", "created", "ratings", "RMSE", "nDCG@10"), map(_row, models)
        )
    else:
        console_output.print_line("No model versions. Train a model: recsvc train")


def _row(model: dict[str, Any]) -> tuple[object, ...]:
    metrics = model["metrics"]
    return (
        model["version"],
        "published" if model["published"] else "retired" if model["retired_at"] else "",
        model["model_kind"],
        console_output.format_time(model["created_at"]),
        model["n_ratings"],
        metrics.get("validation_rmse"),
        metrics.get("ndcg_at_10"),
    )


@app.command("show")
def show(
    version: Version, url: console_output.Url = None, as_json: console_output.AsJson = False
) -> None:
    """Show the card of a model version: training data, hyperparameters and metrics."""
    with open_service(url) as service:
        model = service.client.model(version)
    print_model(model, as_json=as_json)


@app.command("publish")
def publish(
    version: Version, url: console_output.Url = None, as_json: console_output.AsJson = False
) -> None:
    """Publish a model version: the API serves it from now on."""
    with open_service(url) as service:
        model = service.client.publish(version)
    print_model(model, as_json=as_json)


@app.command("rollback")
def rollback(url: console_output.Url = None, as_json: console_output.AsJson = False) -> None:
    """Publish the previously published model version again."""
    with open_service(url) as service:
        model = service.client.rollback()
    print_model(model, as_json=as_json)


def print_model(model: dict[str, Any], *, as_json: bool = False) -> None:
    """Print a model card."""
    if as_json:
        console_output.print_json(model)
        return
    status = "published" if model["published"] else "not published"
    console_output.print_line(f"[bold]Model version {model['version']}[/] ({status})")
    facts = {
        "kind": model["model_kind"],
        "created": console_output.format_time(model["created_at"]),
        "trained on": f"{model['n_ratings']:,} ratings by {model['n_users']:,} users "
        f"of {model['n_items']:,} items",
        "best epoch": model["best_epoch"],
        "seed": model["seed"],
        "weights": model["weights_sha256"],
        "hyperparameters": ", ".join(f"{k}={v}" for k, v in model["hyperparameters"].items()),
    }
    console_output.print_table(("", ""), ((name, str(fact)) for name, fact in facts.items()))
    metric_tables.print_protocol(model["protocol"])
    metric_tables.print_metrics(model["metrics"], model["baselines"])
    metric_tables.print_calibration(model["calibration"])
