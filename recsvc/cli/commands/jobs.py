"""`recsvc jobs`: list, show and cancel jobs of every kind."""

from itertools import islice
from typing import Annotated, Any, Literal, cast, get_args

import typer
from rich.markup import escape
from rich.text import Text

from recsvc.cli.commands import diagnose, plot, train
from recsvc.cli.commands.evaluate import print_evaluation
from recsvc.cli.session import ServiceSession, open_service
from recsvc.cli.views import console_output
from recsvc.client import ApiError, Job, Unreachable
from recsvc.epoch_metrics import BY_NAME

Kind = Literal["training", "import", "evaluation"]
JOB_KINDS: tuple[Kind, ...] = get_args(Kind)
JobId = Annotated[int, typer.Argument(metavar="ID", min=1, help="Number of the job.")]

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
    kind: Annotated[Kind | None, typer.Option(help="List only jobs of this kind.")] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="Maximum number of jobs of each kind.")] = 20,
    url: console_output.Url = None,
    as_json: console_output.AsJson = False,
) -> None:
    """List jobs, newest first."""
    kinds = (kind,) if kind else JOB_KINDS
    with open_service(url) as service:
        jobs = [job for each in kinds for job in islice(service.client.jobs(each), n)]
    jobs.sort(key=lambda job: -job["id"])
    if as_json:
        console_output.print_json(jobs)
    elif jobs:
        columns = ("job", "kind", "state", "progress", "created", "duration")
        console_output.print_table(columns, map(_row, jobs))
    else:
        console_output.print_line("No jobs. Import a file: recsvc import FILE")


def _row(job: Job) -> tuple[object, ...]:
    progress = f"{job['progress']:.0%}"
    created = console_output.format_time(job["created_at"])
    return (
        job["id"],
        job["kind"],
        console_output.format_state(job["state"]),
        progress,
        created,
        _format_duration(job),
    )


def _format_duration(job: Job) -> str | None:
    seconds = console_output.seconds_between(job["started_at"], job["finished_at"])
    return None if seconds is None else console_output.format_duration(seconds)


@app.command("show")
def show(
    job_id: JobId, url: console_output.Url = None, as_json: console_output.AsJson = False
) -> None:
    """Show the state and the result of a job."""
    with open_service(url) as service:
        job = find_job(service, job_id)
    if as_json:
        console_output.print_json(job)
    else:
        print_job(job)


@app.command("cancel")
def cancel(
    job_id: Annotated[
        int | None, typer.Argument(metavar="[ID]", min=1, help="Number of the job.")
    ] = None,
    queued: Annotated[
        bool, typer.Option("--queued", help="Cancel all queued training jobs, in place of ID.")
    ] = False,
    url: console_output.Url = None,
    as_json: console_output.AsJson = False,
) -> None:
    """Cancel a job. Error curves and lines that are already imported are kept."""
    if (job_id is None) is not queued:
        raise typer.BadParameter("Name a job, or use --queued.")
    if job_id is None:
        _cancel_queued(url, as_json=as_json)
        return
    with open_service(url) as service:
        job = service.client.cancel(find_job(service, job_id))
    if as_json:
        console_output.print_json(job)
    else:
        state = "stopping" if job["state"] == "running" else job["state"]
        console_output.print_line(f"{job['kind'].capitalize()} job {job_id} is {state}.")


def _cancel_queued(url: str | None, *, as_json: bool) -> None:
    with open_service(url) as service:
        job_ids = service.client.cancel_queued()
    if as_json:
        console_output.print_json(job_ids)
    else:
        console_output.print_line(f"{len(job_ids)} queued training jobs are cancelled.")


@app.command("curve")
def curve(
    job_id: JobId, url: console_output.Url = None, as_json: console_output.AsJson = False
) -> None:
    """Print the error curve of a training job, one line an epoch."""
    with open_service(url) as service:
        epochs = service.client.error_curve(job_id)
    if as_json:
        console_output.print_json(epochs)
        return
    rows = [tuple(epoch.get(name) for name in CURVE_COLUMNS) for epoch in epochs]
    console_output.print_table(tuple(CURVE_COLUMNS.values()), rows)
    for name in ("validation_ndcg", "validation_nll"):
        figures = [epoch[name] for epoch in epochs if epoch.get(name) is not None]
        if figures:
            console_output.print_line(
                f"{CURVE_COLUMNS[name]}  {console_output.sparkline(figures, width=60)}"
            )


@app.command("diagnose")
def diagnose_job(
    job_id: JobId, url: console_output.Url = None, as_json: console_output.AsJson = False
) -> None:
    """Diagnose a training job and suggest changes of its hyperparameters.

    The exit status is 1 if a finding is a problem.
    """
    with open_service(url) as service:
        found = service.client.diagnosis(job_id)
    diagnose.print_diagnosis(found, as_json=as_json)


@app.command("retry")
def retry(
    job_id: JobId,
    apply: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODE",
            help="Code of a finding whose change to apply; repeatable. Default: all.",
        ),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait and show the training.")
    ] = True,
    url: console_output.Url = None,
    as_json: console_output.AsJson = False,
) -> None:
    """Queue a training job again with the changes that its diagnosis suggests.

    Example: `recsvc jobs retry 7 --apply rate_too_high`

    The exit status is 1 if the training fails or is cancelled.
    """
    with open_service(url) as service:
        job = service.client.retry(job_id, apply or None)
        job = train.follow(service, job, wait=wait)
    train.conclude(job, wait=wait, as_json=as_json)


@app.command("refusals")
def refusals(
    job_id: JobId, url: console_output.Url = None, as_json: console_output.AsJson = False
) -> None:
    """List the lines that an import refused, with the reasons."""
    with open_service(url) as service:
        refused = list(service.client.refusals(job_id))
    if as_json:
        console_output.print_json(refused)
    elif refused:
        rows = ((str(refusal["line"]), refusal["code"], refusal["detail"]) for refusal in refused)
        console_output.print_table(("line", "code", "reason"), rows)
    else:
        console_output.print_line("No line was refused.")


def find_job(service: ServiceSession, job_id: int) -> Job:
    """Return the job with this number, of any kind."""
    missing: ApiError | None = None
    for kind in JOB_KINDS:
        try:
            return service.client.job(kind, job_id)
        except ApiError as error:
            if error.status != 404:
                raise
            missing = error
    raise missing or Unreachable(f"No job {job_id}.")


def print_job(job: Job) -> None:
    """Print the fields of a job, with its error or result."""
    head = Text(f"{job['kind'].capitalize()} job {job['id']} ", "bold")
    console_output.print_line(head.append_text(console_output.format_state(job["state"])))
    facts: dict[str, Any] = {
        "progress": f"{job['progress']:.0%}",
        "attempt": str(job["attempt"]),
        "created": console_output.format_time(job["created_at"]),
        "started": console_output.format_time(job["started_at"]),
        "finished": console_output.format_time(job["finished_at"]),
        "duration": _format_duration(job),
    }
    result = job["result"] or {}
    is_evaluation = job["kind"] == "evaluation" and bool(result)
    for name, fact in (job["error"] or ({} if is_evaluation else result)).items():
        facts[name.replace("_", " ")] = _format_fact(fact)
    console_output.print_table(("", ""), facts.items())
    if (outcome := train.format_autopilot_outcome(job)) is not None:
        console_output.print_line(escape(outcome))
    if is_evaluation:
        print_evaluation(result)


def _format_fact(fact: object) -> object:
    if isinstance(fact, dict):
        entries = cast(dict[str, object], fact).items()
        return ", ".join(f"{name} {_format_fact(value)}" for name, value in entries) or None
    return console_output.format_value(fact)
