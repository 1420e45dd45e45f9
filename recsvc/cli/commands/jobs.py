"""`recsvc jobs`: imports and training, as they stand."""

from itertools import islice
from typing import Annotated, Any, Literal, cast, get_args

import typer
from rich.markup import escape
from rich.text import Text

from recsvc.cli.commands import diagnose, plot, train
from recsvc.cli.commands.evaluate import print_evaluation
from recsvc.cli.session import Reached, reach
from recsvc.cli.views import console_output
from recsvc.client import ApiError, Job, Unreachable
from recsvc.epoch_metrics import BY_NAME

Kind = Literal["training", "import", "evaluation"]
KINDS: tuple[Kind, ...] = get_args(Kind)
JobId = Annotated[int, typer.Argument(metavar="ID", min=1, help="The job's number.")]

COLUMNS = (
    "validation_nll",
    "validation_rmse",
    "validation_ndcg",
    "train_nll",
    "reconstruction_error",
    "update_to_weight_ratio",
    "hidden_activity",
    "seconds",
)
CURVE_COLUMNS = {"epoch": "epoch"} | {name: BY_NAME[name].label for name in COLUMNS}

app = typer.Typer(no_args_is_help=True, help="List, show and cancel jobs; read their error curves.")
app.command("plot")(plot.plot)


@app.command("list")
def list_jobs(
    kind: Annotated[Kind | None, typer.Option(help="Only jobs of one kind.")] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="At most so many of each kind.")] = 20,
    url: console_output.Url = None,
    as_json: console_output.AsJson = False,
) -> None:
    """List jobs, the newest first."""
    kinds = (kind,) if kind else KINDS
    with reach(url) as reached:
        jobs = [job for each in kinds for job in islice(reached.client.jobs(each), n)]
    jobs.sort(key=lambda job: -job["id"])
    if as_json:
        console_output.print_json(jobs)
    elif jobs:
        columns = ("job", "kind", "state", "progress", "created", "took")
        console_output.print_table(columns, map(_row, jobs))
    else:
        console_output.say("No job yet. Start with: recsvc import FILE")


def _row(job: Job) -> tuple[object, ...]:
    progress = f"{job['progress']:.0%}"
    created = console_output.moment(job["created_at"])
    return job["id"], job["kind"], console_output.state(job["state"]), progress, created, _took(job)


def _took(job: Job) -> str | None:
    seconds = console_output.seconds_between(job["started_at"], job["finished_at"])
    return None if seconds is None else console_output.span(seconds)


@app.command("show")
def show(
    job_id: JobId, url: console_output.Url = None, as_json: console_output.AsJson = False
) -> None:
    """Show one job: where it stands, and what came of it."""
    with reach(url) as reached:
        job = find(reached, job_id)
    if as_json:
        console_output.print_json(job)
    else:
        print_job(job)


@app.command("cancel")
def cancel(
    job_id: JobId, url: console_output.Url = None, as_json: console_output.AsJson = False
) -> None:
    """Stop a job. A training job's curve stays; so does what an import has stored by then."""
    with reach(url) as reached:
        job = reached.client.cancel(find(reached, job_id))
    if as_json:
        console_output.print_json(job)
    else:
        standing = "stopping" if job["state"] == "running" else job["state"]
        console_output.say(f"{job['kind'].capitalize()} job {job_id} is {standing}.")


@app.command("curve")
def curve(
    job_id: JobId, url: console_output.Url = None, as_json: console_output.AsJson = False
) -> None:
    """Print a training job's error curve, one line an epoch."""
    with reach(url) as reached:
        epochs = reached.client.error_curve(job_id)
    if as_json:
        console_output.print_json(epochs)
        return
    rows = [tuple(epoch.get(name) for name in CURVE_COLUMNS) for epoch in epochs]
    console_output.print_table(tuple(CURVE_COLUMNS.values()), rows)
    for name in ("validation_ndcg", "validation_nll"):
        figures = [epoch[name] for epoch in epochs if epoch.get(name) is not None]
        if figures:
            console_output.say(
                f"{CURVE_COLUMNS[name]}  {console_output.sparkline(figures, width=60)}"
            )


@app.command("diagnose")
def diagnose_job(
    job_id: JobId, url: console_output.Url = None, as_json: console_output.AsJson = False
) -> None:
    """Say why a training job's loss does not go down, and what to change.

    Exit status 1 if there is a problem.
    """
    with reach(url) as reached:
        found = reached.client.diagnosis(job_id)
    diagnose.show(found, as_json=as_json)


@app.command("retry")
def retry(
    job_id: JobId,
    apply: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="Mend this finding alone; may be repeated."),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Stay and show how it learns.")
    ] = True,
    url: console_output.Url = None,
    as_json: console_output.AsJson = False,
) -> None:
    """Train once more, changed as the diagnosis of a training job suggests.

    Example: `recsvc jobs retry 7 --apply rate_too_high`

    Exit status 1 if the training fails or is cancelled.
    """
    with reach(url) as reached:
        job = reached.client.retry(job_id, apply or None)
        job = train.follow(reached, job, wait=wait)
    train.conclude(job, wait=wait, as_json=as_json)


@app.command("refusals")
def refusals(
    job_id: JobId, url: console_output.Url = None, as_json: console_output.AsJson = False
) -> None:
    """Print every line that an import refused, and why."""
    with reach(url) as reached:
        refused = list(reached.client.refusals(job_id))
    if as_json:
        console_output.print_json(refused)
    elif refused:
        rows = ((str(refusal["line"]), refusal["code"], refusal["detail"]) for refusal in refused)
        console_output.print_table(("line", "code", "why"), rows)
    else:
        console_output.say("No line was refused.")


def find(reached: Reached, job_id: int) -> Job:
    """Give a job of whatever kind; all kinds are numbered together."""
    missing: ApiError | None = None
    for kind in KINDS:
        try:
            return reached.client.job(kind, job_id)
        except ApiError as error:
            if error.status != 404:
                raise
            missing = error
    raise missing or Unreachable(f"No job {job_id}.")


def print_job(job: Job) -> None:
    """Print a job's facts, and its error or result."""
    head = Text(f"{job['kind'].capitalize()} job {job['id']} ", "bold")
    console_output.say(head.append_text(console_output.state(job["state"])))
    facts: dict[str, Any] = {
        "progress": f"{job['progress']:.0%}",
        "attempt": str(job["attempt"]),
        "created": console_output.moment(job["created_at"]),
        "started": console_output.moment(job["started_at"]),
        "finished": console_output.moment(job["finished_at"]),
        "took": _took(job),
    }
    result = job["result"] or {}
    is_evaluation = job["kind"] == "evaluation" and bool(result)
    for name, fact in (job["error"] or ({} if is_evaluation else result)).items():
        facts[name.replace("_", " ")] = _flat(fact)
    console_output.print_table(("", ""), facts.items())
    if (way := train.autopilots_way(job)) is not None:
        console_output.say(escape(way))
    if is_evaluation:
        print_evaluation(result)


def _flat(fact: object) -> object:
    if isinstance(fact, dict):
        entries = cast(dict[str, object], fact).items()
        return ", ".join(f"{name} {_flat(value)}" for name, value in entries) or None
    return console_output.shown(fact)
