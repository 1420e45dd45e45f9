"""`recsvc sweep`: train with different hyperparameters, and compare."""

import time
from itertools import islice
from math import isfinite
from typing import Annotated

import typer
from rich.text import Text

from recsvc.cli.commands import models, train
from recsvc.cli.options import sweep_arguments
from recsvc.cli.session import Reached, reach
from recsvc.cli.views import console_output, sweep_report, sweep_view
from recsvc.client import FINAL_STATES, ClientError, Json, Sweep
from recsvc.rbm.model_kind import ModelKind

LOOK_AGAIN_SECONDS = 0.5

SweepId = Annotated[int, typer.Argument(metavar="ID", min=1, help="The sweep's number.")]
Kind = Annotated[
    ModelKind, typer.Option(help="joint_rbm makes lists; the others predict ratings alone.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="What all trials have in common; may be repeated."
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Of all trials, and of what is drawn.")]
Share = Annotated[
    float, typer.Option(min=0.01, max=0.5, help="Share of ratings held out to judge by.")
]
EarlyStopping = Annotated[
    bool,
    typer.Option(
        "--early-stopping/--no-early-stopping",
        help="Stop trials that are worse than the median of the others.",
    ),
]
Detach = Annotated[
    bool, typer.Option("--detach", help="Queue the trials and end, without following them.")
]


def _finite(rate: float) -> float:
    """Refuse what JSON has no word for."""
    if not isfinite(rate):
        raise typer.BadParameter(f"{rate} is no learning rate. Give a number, such as 0.001.")
    return rate


app = typer.Typer(no_args_is_help=True, help="Train with different hyperparameters, and compare.")


@app.command("grid")
def grid(
    asked: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=VALUE,VALUE…", help="A hyperparameter and what to try; model_kind, too."
        ),
    ],
    kind: Kind = "joint_rbm",
    settings: Settings = None,
    seed: Seed = 0,
    validation_share: Share = 0.1,
    early_stopping: EarlyStopping = True,
    detach: Detach = False,
    url: console_output.Url = None,
    as_json: console_output.AsJson = False,
) -> None:
    """Try every combination of some values.

    Compare learning rates:
    `recsvc sweep grid learning_rate=0.002,0.02,0.2,2 --kind user_rbm --set epochs=40`

    Compare sizes, too:
    `recsvc sweep grid learning_rate=0.01,0.02 n_hidden=50,100,200 --kind user_rbm`

    Compare scaled with unscaled data:
    `recsvc sweep grid scaling=quantiles,widths`

    All trials read the same ratings; none is published by itself. At the end they are shown beside
    each other, the best first. Ctrl-C leaves the trials in the queue of a service at --url, which
    goes on with them. Exit status 1 if all trials fail, or the sweep is cancelled.
    """
    spec: Json = {"grid": sweep_arguments.grid(asked), "early_stopping": early_stopping}
    base = _base(kind, settings, seed, validation_share)
    _sweep(spec | {"base": base}, detach=detach, url=url, as_json=as_json)


@app.command("random")
def random(
    asked: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=LOW..HIGH[:log]",
            help="A hyperparameter and where to draw from: a range, or values as in a grid.",
        ),
    ],
    n_trials: Annotated[
        int, typer.Option("--trials", min=2, max=200, help="How many times to draw.")
    ] = 20,
    kind: Kind = "joint_rbm",
    settings: Settings = None,
    seed: Seed = 0,
    validation_share: Share = 0.1,
    early_stopping: EarlyStopping = True,
    detach: Detach = False,
    url: console_output.Url = None,
    as_json: console_output.AsJson = False,
) -> None:
    """Try values drawn at random, where a grid would be too large.

    `recsvc sweep random --trials 20 learning_rate=0.001..1:log n_hidden=50,100,200 --kind user_rbm`

    A range is LOW..HIGH; with :log numbers between 0.001 and 0.01 are drawn as often as those
    between 0.01 and 0.1, which suits rates. Of values between commas each is as likely. The same
    --seed draws the same. See `recsvc sweep grid --help` for the rest.
    """
    drawn = {"trials": n_trials, "seed": seed, "over": sweep_arguments.drawn(asked)}
    base = _base(kind, settings, seed, validation_share)
    spec: Json = {"random": drawn, "base": base, "early_stopping": early_stopping}
    _sweep(spec, detach=detach, url=url, as_json=as_json)


@app.command("range")
def rate_range(
    low: Annotated[float, typer.Option(callback=_finite, help="The lowest rate.")] = 1e-5,
    high: Annotated[float, typer.Option(callback=_finite, help="The highest rate.")] = 10.0,
    n_trials: Annotated[
        int, typer.Option("--trials", min=2, max=200, help="How many rates, from low to high.")
    ] = 8,
    kind: Kind = "joint_rbm",
    settings: Settings = None,
    seed: Seed = 0,
    validation_share: Share = 0.1,
    detach: Detach = False,
    url: console_output.Url = None,
    as_json: console_output.AsJson = False,
) -> None:
    """Find the learning rates that can work at all, and suggest one.

    `recsvc sweep range --low 0.001 --high 100 --trials 6 --kind user_rbm`

    Each rate is tried for five epochs, or 35 of a kind that only rates, whose loss may stand
    still at first (--set epochs=… for more): too few for a model to publish.
    """
    spec: Json = {"rate_range": {"low": low, "high": high, "trials": n_trials}}
    base = _base(kind, settings, seed, validation_share)
    _sweep(spec | {"base": base}, detach=detach, url=url, as_json=as_json)


def _base(kind: str, settings: list[str] | None, seed: int, validation_share: float) -> Json:
    hyperparameters = train.parse(settings or [])
    own = {"model_kind": kind, "seed": seed, "validation_share": validation_share}
    return own | {"hyperparameters": hyperparameters}


def _sweep(spec: Json, *, detach: bool, url: str | None, as_json: bool) -> None:
    """Queue a sweep, follow it and tell what came of it."""
    with reach(url) as reached:
        sweep = reached.client.request_sweep(**spec)
        if detach and not as_json:
            console_output.say(
                f"Sweep {sweep['id']} of {len(sweep['trials'])} trials is queued. "
                f"Follow it: recsvc sweep show {sweep['id']} --follow"
            )
            return
        _tell(reached, sweep, follow=not detach, as_json=as_json)


def _tell(reached: Reached, sweep: Sweep, *, follow: bool, as_json: bool) -> None:
    """Tell how a sweep stands, or what came of it; exit status 1 if that is nothing."""
    if follow:
        sweep = _followed(reached, sweep)
    if as_json:
        console_output.print_json(sweep)
    else:
        sweep_report.print_sweep(reached.client, sweep)
    if follow and sweep["state"] in ("failed", "cancelled"):
        raise typer.Exit(1)


def _followed(reached: Reached, sweep: Sweep) -> Sweep:
    """Watch a sweep until all of its trials are over; where no worker has them, start one."""
    number = sweep["id"]
    try:
        with sweep_view.Watching(sweep) as watching:
            while going_on := [
                trial for trial in sweep["trials"] if trial["state"] not in FINAL_STATES
            ]:
                if going_on[0]["state"] == "queued":
                    reached.see_to(reached.client.job("training", going_on[0]["job_id"]))
                time.sleep(LOOK_AGAIN_SECONDS)
                sweep = reached.client.sweep(number)
                watching.stands(sweep)
    except KeyboardInterrupt:
        console_output.note(
            f"Sweep {number} was left as it is. Look at it: recsvc sweep show {number}; "
            f"stop it: recsvc sweep cancel {number}"
        )
        raise
    return sweep


@app.command("list")
def list_sweeps(
    n: Annotated[int, typer.Option("-n", min=1, help="At most so many.")] = 20,
    url: console_output.Url = None,
    as_json: console_output.AsJson = False,
) -> None:
    """List sweeps, the newest first."""
    with reach(url) as reached:
        sweeps = list(islice(reached.client.sweeps(), n))
    if as_json:
        console_output.print_json(sweeps)
    elif sweeps:
        columns = ("sweep", "kind", "tries", "state", "over", "best", "created")
        console_output.print_table(columns, map(_row, sweeps))
    else:
        console_output.say(
            "No sweep yet. Start with: recsvc sweep grid learning_rate=0.002,0.02,0.2"
        )


def _row(sweep: Sweep) -> tuple[object, ...]:
    over = sum(trial["state"] in FINAL_STATES for trial in sweep["trials"])
    best = {trial["job_id"]: trial["best"] for trial in sweep["trials"]}
    return (
        sweep["id"],
        sweep["kind"].removeprefix("rate_"),
        ", ".join(sweep["trials"][0]["hyperparameters"]),
        console_output.state(sweep["state"]),
        Text(f"{over} of {len(sweep['trials'])}", justify="right"),
        best.get(sweep["best_job_id"] or 0),
        console_output.moment(sweep["created_at"]),
    )


@app.command("show")
def show(
    sweep_id: SweepId,
    follow: Annotated[
        bool, typer.Option("--follow", help="Stay until it is over; go on with it.")
    ] = False,
    url: console_output.Url = None,
    as_json: console_output.AsJson = False,
) -> None:
    """Show a sweep's trials, the best first, their curves, and what made the difference."""
    with reach(url) as reached:
        _tell(reached, reached.client.sweep(sweep_id), follow=follow, as_json=as_json)


@app.command("cancel")
def cancel(
    sweep_id: SweepId, url: console_output.Url = None, as_json: console_output.AsJson = False
) -> None:
    """Stop a sweep's trials within two seconds. Their curves stay, and so do the models made."""
    with reach(url) as reached:
        sweep = reached.client.cancel_sweep(sweep_id)
    if as_json:
        console_output.print_json(sweep)
    else:
        console_output.say(
            f"Sweep {sweep_id} is cancelled. What it has shown: recsvc sweep show {sweep_id}"
        )


@app.command("publish")
def publish(
    sweep_id: SweepId, url: console_output.Url = None, as_json: console_output.AsJson = False
) -> None:
    """Let the model of a sweep's best trial answer."""
    with reach(url) as reached:
        sweep = reached.client.sweep(sweep_id)
        if sweep["kind"] == "rate_range":
            raise ClientError(
                f"Sweep {sweep_id} is a learning-rate range test, whose trials are too short to "
                f"publish. See which rate to train with: recsvc sweep show {sweep_id}"
            )
        if sweep["best_model_version"] is None:
            raise ClientError(
                f"Sweep {sweep_id} has made no model yet. Look at it: recsvc sweep show {sweep_id}"
            )
        model = reached.client.publish(sweep["best_model_version"])
    models.print_model(model, as_json=as_json)
