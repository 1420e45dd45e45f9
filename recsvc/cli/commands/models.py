"""`recsvc models`: the versions that were learned, and which one answers."""

from typing import Annotated, Any

import typer

from recsvc.cli.session import reach
from recsvc.cli.views import console_output, metric_tables

Version = Annotated[int, typer.Argument(min=1, help="The version's number.")]

app = typer.Typer(no_args_is_help=True, help="List model versions and choose which one answers.")


@app.command("list")
def list_models(url: console_output.Url = None, as_json: console_output.AsJson = False) -> None:
    """List the model versions, the newest first; the published one is marked."""
    with reach(url) as reached:
        models = list(reached.client.models())
    if as_json:
        console_output.print_json(models)
    elif models:
        console_output.print_table(
            ("version", "", "kind", "made", "ratings", "RMSE", "nDCG@10"), map(_row, models)
        )
    else:
        console_output.say("No model yet. Train one: recsvc train")


def _row(model: dict[str, Any]) -> tuple[object, ...]:
    metrics = model["metrics"]
    return (
        model["version"],
        "published" if model["published"] else "retired" if model["retired_at"] else "",
        model["model_kind"],
        console_output.moment(model["created_at"]),
        model["n_ratings"],
        metrics.get("validation_rmse"),
        metrics.get("ndcg_at_10"),
    )


@app.command("show")
def show(
    version: Version, url: console_output.Url = None, as_json: console_output.AsJson = False
) -> None:
    """Show a version's card: what it was learned from and how well it does."""
    with reach(url) as reached:
        model = reached.client.model(version)
    print_model(model, as_json=as_json)


@app.command("publish")
def publish(
    version: Version, url: console_output.Url = None, as_json: console_output.AsJson = False
) -> None:
    """Let a version answer."""
    with reach(url) as reached:
        model = reached.client.publish(version)
    print_model(model, as_json=as_json)


@app.command("rollback")
def rollback(url: console_output.Url = None, as_json: console_output.AsJson = False) -> None:
    """Let the version published before answer again."""
    with reach(url) as reached:
        model = reached.client.rollback()
    print_model(model, as_json=as_json)


def print_model(model: dict[str, Any], *, as_json: bool = False) -> None:
    """Print a model card."""
    if as_json:
        console_output.print_json(model)
        return
    standing = "published" if model["published"] else "not published"
    console_output.say(f"[bold]Model version {model['version']}[/] ({standing})")
    facts = {
        "kind": model["model_kind"],
        "made": console_output.moment(model["created_at"]),
        "learned from": f"{model['n_ratings']:,} ratings by {model['n_users']:,} users "
        f"of {model['n_items']:,} items",
        "best epoch": model["best_epoch"],
        "seed": model["seed"],
        "weights": model["weights_sha256"],
        "hyperparameters": ", ".join(f"{k}={v}" for k, v in model["hyperparameters"].items()),
    }
    console_output.print_table(("", ""), ((name, str(fact)) for name, fact in facts.items()))
    metric_tables.print_protocol(model["protocol"])
    metric_tables.print_figures(model["metrics"], model["baselines"])
    metric_tables.print_calibration(model["calibration"])
