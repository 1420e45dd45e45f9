"""`recsvc train`: queue a training job and follow it."""

import json
from typing import Annotated, Any, Literal, cast

import typer
from rich.markup import escape

from recsvc.cli.session import ServiceSession, open_service
from recsvc.cli.views import console_output, sweep_view, training_preview
from recsvc.cli.views.metric_tables import print_metrics
from recsvc.cli.views.training_view import TrainingView
from recsvc.client import Job
from recsvc.rbm.model_kind import DEFAULT_KIND, ModelKind

Publish = Literal["if_better", "never", "always"]


def _show_hyperparameters(requested: bool) -> None:
    if not requested:
        return
    from dataclasses import fields

    from recsvc.rbm.hyperparameters import Hyperparameters

    rows = [
        (field.name, str(field.default), field.metadata["help"])
        for field in fields(Hyperparameters)
    ]
    console_output.print_table(("name", "default", "meaning"), rows)
    raise typer.Exit


def train(
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A hyperparameter; repeatable. List them with --hyperparameters.",
        ),
    ] = None,
    kind: Annotated[
        ModelKind,
        typer.Option(help="Model kind: joint_rbm ranks items; the others only predict ratings."),
    ] = DEFAULT_KIND,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    validation_share: Annotated[
        float, typer.Option(min=0.01, max=0.5, help="Share of the ratings held out for validation.")
    ] = 0.1,
    publish: Annotated[
        Publish, typer.Option(help="When to publish the new model version.")
    ] = "if_better",
    warm_start: Annotated[
        bool,
        typer.Option("--warm-start", help="Initialise with the weights of the published version."),
    ] = False,
    autopilot: Annotated[
        bool,
        typer.Option(
            "--autopilot", help="Try the changes that the diagnosis suggests; keep those that help."
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Preview the data, memory and time, without training."),
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait and show the training.")
    ] = True,
    list_hyperparameters: Annotated[
        bool,
        typer.Option(
            "--hyperparameters",
            callback=_show_hyperparameters,
            is_eager=True,
            help="List the hyperparameters that --set accepts and exit.",
        ),
    ] = False,
    url: console_output.Url = None,
    as_json: console_output.AsJson = False,
) -> None:
    """Train a model on all ratings and show the metrics of each epoch with the baselines.

    Example: `recsvc train --set n_hidden=200 --set learning_rate=0.02 --seed 7`

    Ctrl-C stops following; a service at --url continues the job. The exit status is 1 if the
    training fails or is cancelled, or would fail (--dry-run).
    """
    spec: dict[str, object] = {
        "model_kind": kind,
        "seed": seed,
        "validation_share": validation_share,
        "publish": publish,
        "warm_start": warm_start,
        "autopilot": autopilot,
    }
    hyperparameters = parse_settings(settings or [])
    if hyperparameters:
        spec["hyperparameters"] = hyperparameters
    with open_service(url) as service:
        if dry_run:
            raise typer.Exit(
                training_preview.print_preview(service.client.validate(**spec), as_json=as_json)
            )
        job = follow(service, service.client.train(**spec), wait=wait)
    conclude(job, wait=wait, as_json=as_json)


def parse_settings(settings: list[str]) -> dict[str, Any]:
    """Parse NAME=VALUE arguments: JSON values, or else text. The service validates them."""
    parsed: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not (name and equals):
            raise typer.BadParameter(f"{setting!r} is not NAME=VALUE.", param_hint="--set")
        try:
            parsed[name] = json.loads(text, parse_constant=str)  # NaN is not JSON
        except json.JSONDecodeError:
            parsed[name] = text
    return parsed


def conclude(job: Job, *, wait: bool, as_json: bool) -> None:
    """Print the result of a training job; exit with status 1 if it failed or was cancelled."""
    if as_json:
        console_output.print_json(job)
    elif wait:
        print_outcome(job)
    else:
        console_output.print_line(
            f"Training job {job['id']} is queued. Show it: recsvc jobs show {job['id']}"
        )
    if job["state"] in ("failed", "cancelled"):
        raise typer.Exit(1)


def follow(service: ServiceSession, job: Job, *, wait: bool = True) -> Job:
    """If `wait`, follow a training job and its autopilot tries to the end; return the last job."""
    if not wait:
        return job
    try:
        job = _follow_events(service, job)
        while (next_id := job.get("next_job_id")) is not None:
            job = service.client.job("training", next_id)
            console_output.print_message(format_try(job))
            job = _follow_events(service, job)
        return job
    except KeyboardInterrupt:
        console_output.print_message(
            f"Stopped following training job {job['id']}. Show it: recsvc jobs show {job['id']}"
        )
        raise


def _follow_events(service: ServiceSession, job: Job) -> Job:
    with TrainingView(job) as view:
        view.update(service.ensure_worker(job))
        for event in service.client.events(job["id"]):
            job = service.client.job("training", job["id"])
            if event.name == "epoch":
                view.add_epoch(event.data, job)
            else:
                view.update(job)
    return service.client.job("training", job["id"])


def format_try(job: Job) -> str:
    """Return the text for the change that autopilot tries with a job."""
    trying = job.get("trying") or {}
    return f"Autopilot tries {_format_change(trying)}: training job {job['id']}."


def _format_change(change: dict[str, Any]) -> str:
    before, to = (sweep_view.format_hyperparameter(change[name]) for name in ("from", "to"))
    return f"{change['hyperparameter']} {before} → {to}"


def format_autopilot_outcome(job: Job) -> str | None:
    """Return the text for the next job of autopilot or its outcome, None without autopilot."""
    if (next_id := job.get("next_job_id")) is not None:
        return f"Autopilot continues with training job {next_id}: recsvc jobs show {next_id}"
    if (end := job.get("autopilot_end")) is None:
        return None
    best = end["best_job_id"]
    which = "this job." if best == job["id"] else f"job {best}: recsvc jobs show {best}"
    best_job = "" if best is None else f" The best job is {which}"
    return f"Autopilot ended: {end['because']}.{best_job}"


def _print_tries(job: Job) -> None:
    tried = [*job.get("tried", [])]
    if (trying := job.get("trying")) is not None:
        kept = (job["error"] or {}).get("code", "hopeless") == "hopeless"
        tried.append({**trying, "job_id": job["id"], "kept": kept})
    if tried:
        rows = [
            (one["job_id"], _format_change(one), "kept" if one["kept"] else "undone")
            for one in tried
        ]
        console_output.print_table(("job", "change", "autopilot"), rows)


def print_outcome(job: Job) -> None:
    """Print the result of a training job that has ended."""
    _print_tries(job)
    if (outcome := format_autopilot_outcome(job)) is not None:
        console_output.print_message(escape(outcome))
    error, result = job["error"], cast(dict[str, Any], job["result"] or {})
    if error is not None:
        console_output.print_message(
            f"[red]{error.get('title')}.[/] {escape(error.get('detail', ''))}"
        )
        return
    if job["state"] != "succeeded":
        console_output.print_message(f"Training job {job['id']} is {job['state']}.")
        return
    status = "published" if result["published"] else "not published"
    console_output.print_line(
        f"[bold]Model version {result['version']}[/] is {status}: {escape(result['reason'])}; "
        f"best epoch {result['best_epoch']}."
    )
    for warning in result.get("warnings", []):
        console_output.print_line(f"[yellow]Note:[/] {escape(str(warning))}")
    print_metrics(result["metrics"], result["baselines"])
