"""`recsvc sweep`: training jobs with different hyperparameters, and their comparison."""

import time
from itertools import islice
from math import isfinite
from typing import Annotated

import typer
from rich.text import Text

from recsvc.cli.commands import models, train
from recsvc.cli.options import sweep_arguments
from recsvc.cli.session import ServiceSession, open_service
from recsvc.cli.views import console_output, sweep_report, sweep_view
from recsvc.client import FINAL_STATES, ClientError, Json, Sweep
from recsvc.rbm.model_kind import DEFAULT_KIND, ModelKind

POLL_SECONDS = 0.5

SweepId = Annotated[int, typer.Argument(metavar="ID", min=1, help="Number of the sweep.")]
Kind = Annotated[
    ModelKind,
    typer.Option(help="Model kind: joint_rbm ranks items; the others only predict ratings."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A hyperparameter of all trials; repeatable."),
]
Seed = Annotated[
    int, typer.Option(min=0, help="Random seed of all trials and of the random search.")
]
Share = Annotated[
    float, typer.Option(min=0.01, max=0.5, help="Share of the ratings held out for validation.")
]
EarlyStopping = Annotated[
    bool,
    typer.Option(
        "--early-stopping/--no-early-stopping",
        help="Stop trials that are worse than the median of the others.",
    ),
]
Detach = Annotated[bool, typer.Option("--detach", help="Queue the trials and exit.")]


def _check_finite(rate: float) -> float:
    """Return the rate. Raises BadParameter if it is not finite."""
    if not isfinite(rate):
        raise typer.BadParameter(
            f"{rate} is not a learning rate. Pass a finite number, such as 0.001."
        )
    return rate


app = typer.Typer(no_args_is_help=True, help="Search hyperparameters and compare the trials.")


@app.command("grid")
def grid(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=VALUE,VALUE…", help="A hyperparameter, or model_kind, and its values."
        ),
    ],
    kind: Kind = DEFAULT_KIND,
    settings: Settings = None,
    seed: Seed = 0,
    validation_share: Share = 0.1,
    early_stopping: EarlyStopping = True,
    detach: Detach = False,
    url: console_output.Url = None,
    as_json: console_output.AsJson = False,
) -> None:
    """Train every combination of hyperparameter values.

    Compare learning rates:
    `recsvc sweep grid learning_rate=0.002,0.02,0.2,2 --kind user_rbm --set epochs=40`

    Compare learning rates and sizes:
    `recsvc sweep grid learning_rate=0.01,0.02 n_hidden=50,100,200 --kind user_rbm`

    Compare two ways of scaling:
    `recsvc sweep grid scaling=quantiles,widths`

    All trials read the same ratings. No trial is published automatically. At the end the trials
    are compared, best first. Ctrl-C stops following; a service at --url continues the trials. The
    exit status is 1 if all trials fail or the sweep is cancelled.
    """
    spec: Json = {"grid": sweep_arguments.parse_grid(arguments), "early_stopping": early_stopping}
    base = _base_spec(kind, settings, seed, validation_share)
    _run_sweep(spec | {"base": base}, detach=detach, url=url, as_json=as_json)


@app.command("random")
def random(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=LOW..HIGH[:log]",
            help="A hyperparameter and its range, or values as in a grid.",
        ),
    ],
    n_trials: Annotated[
        int, typer.Option("--trials", min=2, max=200, help="Number of trials.")
    ] = 20,
    kind: Kind = DEFAULT_KIND,
    settings: Settings = None,
    seed: Seed = 0,
    validation_share: Share = 0.1,
    early_stopping: EarlyStopping = True,
    detach: Detach = False,
    url: console_output.Url = None,
    as_json: console_output.AsJson = False,
) -> None:
    """Train with hyperparameters that are sampled at random.

    `recsvc sweep random --trials 20 learning_rate=0.001..1:log n_hidden=50,100,200 --kind user_rbm`

    A range is LOW..HIGH, sampled uniformly; LOW..HIGH:log is sampled uniformly on a logarithmic
    scale, which suits learning rates. Values between commas are equally likely. Equal seeds sample
    equal values. See `recsvc sweep grid --help` for the rest.
    """
    search = {
        "trials": n_trials,
        "seed": seed,
        "over": sweep_arguments.parse_search_space(arguments),
    }
    base = _base_spec(kind, settings, seed, validation_share)
    spec: Json = {"random": search, "base": base, "early_stopping": early_stopping}
    _run_sweep(spec, detach=detach, url=url, as_json=as_json)


@app.command("range")
def rate_range(
    low: Annotated[
        float, typer.Option(callback=_check_finite, help="Lowest learning rate.")
    ] = 1e-5,
    high: Annotated[
        float, typer.Option(callback=_check_finite, help="Highest learning rate.")
    ] = 10.0,
    n_trials: Annotated[
        int, typer.Option("--trials", min=2, max=200, help="Number of learning rates.")
    ] = 8,
    kind: Kind = DEFAULT_KIND,
    settings: Settings = None,
    seed: Seed = 0,
    validation_share: Share = 0.1,
    detach: Detach = False,
    url: console_output.Url = None,
    as_json: console_output.AsJson = False,
) -> None:
    """Run a learning-rate range test and suggest a learning rate.

    `recsvc sweep range --low 0.001 --high 100 --trials 6 --kind user_rbm`

    Each learning rate is trained for 5 epochs, or for 35 epochs if the model kind only predicts
    ratings, because its loss can be flat at first. Use --set epochs=… to change this. The trials
    are too short to be published.
    """
    spec: Json = {"rate_range": {"low": low, "high": high, "trials": n_trials}}
    base = _base_spec(kind, settings, seed, validation_share)
    _run_sweep(spec | {"base": base}, detach=detach, url=url, as_json=as_json)


def _base_spec(kind: str, settings: list[str] | None, seed: int, validation_share: float) -> Json:
    hyperparameters = train.parse_settings(settings or [])
    own = {"model_kind": kind, "seed": seed, "validation_share": validation_share}
    return own | {"hyperparameters": hyperparameters}


def _run_sweep(spec: Json, *, detach: bool, url: str | None, as_json: bool) -> None:
    """Queue a sweep, follow it unless `detach`, and print it."""
    with open_service(url) as service:
        sweep = service.client.request_sweep(**spec)
        if detach and not as_json:
            console_output.print_line(
                f"Sweep {sweep['id']} of {len(sweep['trials'])} trials is queued. "
                f"Follow it: recsvc sweep show {sweep['id']} --follow"
            )
            return
        _print_sweep(service, sweep, follow=not detach, as_json=as_json)


def _print_sweep(service: ServiceSession, sweep: Sweep, *, follow: bool, as_json: bool) -> None:
    """Print a sweep, after its end if `follow`; exit with status 1 if it has no result."""
    if follow:
        sweep = _follow(service, sweep)
    if as_json:
        console_output.print_json(sweep)
    else:
        sweep_report.print_sweep(service.client, sweep)
    if follow and sweep["state"] in ("failed", "cancelled"):
        raise typer.Exit(1)


def _follow(service: ServiceSession, sweep: Sweep) -> Sweep:
    """Show the trials until all have ended; start a worker if no running worker claims them."""
    number = sweep["id"]
    try:
        with sweep_view.SweepView(sweep) as view:
            while unfinished := [
                trial for trial in sweep["trials"] if trial["state"] not in FINAL_STATES
            ]:
                if unfinished[0]["state"] == "queued":
                    service.ensure_worker(service.client.job("training", unfinished[0]["job_id"]))
                time.sleep(POLL_SECONDS)
                sweep = service.client.sweep(number)
                view.update(sweep)
    except KeyboardInterrupt:
        console_output.print_message(
            f"Stopped following sweep {number}. Show it: recsvc sweep show {number}; "
            f"cancel it: recsvc sweep cancel {number}"
        )
        raise
    return sweep


@app.command("list")
def list_sweeps(
    n: Annotated[int, typer.Option("-n", min=1, help="Maximum number of sweeps.")] = 20,
    url: console_output.Url = None,
    as_json: console_output.AsJson = False,
) -> None:
    """List sweeps, newest first."""
    with open_service(url) as service:
        sweeps = list(islice(service.client.sweeps(), n))
    if as_json:
        console_output.print_json(sweeps)
    elif sweeps:
        columns = ("sweep", "kind", "hyperparameters", "state", "finished", "best", "created")
        console_output.print_table(columns, map(_row, sweeps))
    else:
        console_output.print_line(
            "No sweeps. Start one: recsvc sweep grid learning_rate=0.002,0.02,0.2"
        )


def _row(sweep: Sweep) -> tuple[object, ...]:
    finished = sum(trial["state"] in FINAL_STATES for trial in sweep["trials"])
    best = {trial["job_id"]: trial["best"] for trial in sweep["trials"]}
    return (
        sweep["id"],
        sweep["kind"].removeprefix("rate_"),
        ", ".join(sweep["trials"][0]["hyperparameters"]),
        console_output.format_state(sweep["state"]),
        Text(f"{finished} of {len(sweep['trials'])}", justify="right"),
        best.get(sweep["best_job_id"] or 0),
        console_output.format_time(sweep["created_at"]),
    )


@app.command("show")
def show(
    sweep_id: SweepId,
    follow: Annotated[
        bool,
        typer.Option("--follow", help="Follow the sweep until it ends; start a worker if needed."),
    ] = False,
    url: console_output.Url = None,
    as_json: console_output.AsJson = False,
) -> None:
    """Show the trials of a sweep, best first, their curves and the sensitivity."""
    with open_service(url) as service:
        _print_sweep(service, service.client.sweep(sweep_id), follow=follow, as_json=as_json)


@app.command("cancel")
def cancel(
    sweep_id: SweepId, url: console_output.Url = None, as_json: console_output.AsJson = False
) -> None:
    """Cancel the trials of a sweep. Error curves and finished models are kept."""
    with open_service(url) as service:
        sweep = service.client.cancel_sweep(sweep_id)
    if as_json:
        console_output.print_json(sweep)
    else:
        console_output.print_line(
            f"Sweep {sweep_id} is cancelled. Show its results: recsvc sweep show {sweep_id}"
        )


@app.command("publish")
def publish(
    sweep_id: SweepId, url: console_output.Url = None, as_json: console_output.AsJson = False
) -> None:
    """Publish the model of the best trial of a sweep."""
    with open_service(url) as service:
        sweep = service.client.sweep(sweep_id)
        if sweep["kind"] == "rate_range":
            raise ClientError(
                f"Sweep {sweep_id} is a learning-rate range test; its trials are too short to "
                f"publish. Show the suggested rate: recsvc sweep show {sweep_id}"
            )
        if sweep["best_model_version"] is None:
            raise ClientError(
                f"Sweep {sweep_id} has no model yet. Show it: recsvc sweep show {sweep_id}"
            )
        model = service.client.publish(sweep["best_model_version"])
    models.print_model(model, as_json=as_json)
