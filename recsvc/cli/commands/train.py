"""`recsvc train`: start a training job and watch it learn."""

import json
from typing import Annotated, Any, Literal, cast

import typer
from rich.markup import escape

from recsvc.cli.session import Reached, reach
from recsvc.cli.views import console_output, sweep_view, training_preview
from recsvc.cli.views.metric_tables import print_figures
from recsvc.cli.views.training_view import Watching
from recsvc.client import Job
from recsvc.rbm.model_kind import ModelKind

Publish = Literal["if_better", "never", "always"]


def _show_hyperparameters(asked: bool) -> None:
    if not asked:
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
        typer.Option("--set", metavar="NAME=VALUE", help="A hyperparameter; may be repeated."),
    ] = None,
    kind: Annotated[
        ModelKind, typer.Option(help="joint_rbm makes lists; the others predict ratings alone.")
    ] = "joint_rbm",
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds and ratings: equal weights.")] = 0,
    validation_share: Annotated[
        float, typer.Option(min=0.01, max=0.5, help="Share of ratings held out to judge by.")
    ] = 0.1,
    publish: Annotated[
        Publish, typer.Option(help="Whether the new version answers afterwards.")
    ] = "if_better",
    warm_start: Annotated[
        bool, typer.Option("--warm-start", help="Go on from the published version's weights.")
    ] = False,
    autopilot: Annotated[
        bool,
        typer.Option("--autopilot", help="Follow the diagnosis; keep the changes that help."),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Look at the data, memory and time; queue nothing."),
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Stay and show how it learns.")
    ] = True,
    list_hyperparameters: Annotated[
        bool,
        typer.Option(
            "--hyperparameters",
            callback=_show_hyperparameters,
            is_eager=True,
            help="List what --set can set, and end.",
        ),
    ] = False,
    url: console_output.Url = None,
    as_json: console_output.AsJson = False,
) -> None:
    """Train a model on all ratings, showing every epoch beside the baselines.

    Example: `recsvc train --set n_hidden=200 --set learning_rate=0.02 --seed 7`

    Exit status 1 if the training fails or is cancelled, or would fail (--dry-run). Ctrl-C leaves
    the job in the queue of a service at --url, which goes on with it.
    """
    spec: dict[str, object] = {
        "model_kind": kind,
        "seed": seed,
        "validation_share": validation_share,
        "publish": publish,
        "warm_start": warm_start,
        "autopilot": autopilot,
    }
    hyperparameters = parse(settings or [])
    if hyperparameters:
        spec["hyperparameters"] = hyperparameters
    with reach(url) as reached:
        if dry_run:
            raise typer.Exit(
                training_preview.show(reached.client.validate(**spec), as_json=as_json)
            )
        job = follow(reached, reached.client.train(**spec), wait=wait)
    conclude(job, wait=wait, as_json=as_json)


def parse(settings: list[str]) -> dict[str, Any]:
    """Read NAME=VALUE: a number where it reads as one, text otherwise; the service judges both."""
    parsed: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not (name and equals):
            raise typer.BadParameter(f"{setting!r} is not NAME=VALUE.", param_hint="--set")
        try:
            parsed[name] = json.loads(text, parse_constant=str)  # NaN is no JSON
        except json.JSONDecodeError:
            parsed[name] = text
    return parsed


def conclude(job: Job, *, wait: bool, as_json: bool) -> None:
    """Say what became of a training job; exit status 1 if it failed or was cancelled."""
    if as_json:
        console_output.print_json(job)
    elif wait:
        print_outcome(job)
    else:
        console_output.say(
            f"Training job {job['id']} is queued. Follow it: recsvc jobs show {job['id']}"
        )
    if job["state"] in ("failed", "cancelled"):
        raise typer.Exit(1)


def follow(reached: Reached, job: Job, *, wait: bool = True) -> Job:
    """Watch a queued training job until it is final, unless told not to."""
    if not wait:
        return job
    try:
        job = _watched(reached, job)
        while (next_id := job.get("next_job_id")) is not None:
            job = reached.client.job("training", next_id)
            console_output.note(piloted(job))
            job = _watched(reached, job)
        return job
    except KeyboardInterrupt:
        console_output.note(
            f"Training job {job['id']} was left as it is: recsvc jobs show {job['id']}"
        )
        raise


def _watched(reached: Reached, job: Job) -> Job:
    with Watching(job) as watching:
        watching.stands(reached.see_to(job))
        for event in reached.client.events(job["id"]):
            job = reached.client.job("training", job["id"])
            if event.name == "epoch":
                watching.learned(event.data, job)
            else:
                watching.stands(job)
    return reached.client.job("training", job["id"])


def piloted(job: Job) -> str:
    """Say what autopilot tries with a job."""
    trying = job.get("trying") or {}
    return f"Autopilot tries {_changed(trying)}: training job {job['id']}."


def _changed(change: dict[str, Any]) -> str:
    before, to = (sweep_view.plain(change[name]) for name in ("from", "to"))
    return f"{change['hyperparameter']} {before} → {to}"


def autopilots_way(job: Job) -> str | None:
    """Say where autopilot goes on after a job, or how it ended; nothing of a job without it."""
    if (next_id := job.get("next_job_id")) is not None:
        return f"Autopilot goes on in training job {next_id}: recsvc jobs show {next_id}"
    if (end := job.get("autopilot_end")) is None:
        return None
    best = end["best_job_id"]
    which = "this one." if best == job["id"] else f"job {best}: recsvc jobs show {best}"
    is_best = "" if best is None else f" The best of its jobs is {which}"
    return f"Autopilot has ended: {end['because']}.{is_best}"


def _print_tried(job: Job) -> None:
    tried = [*job.get("tried", [])]
    if (trying := job.get("trying")) is not None:
        kept = (job["error"] or {}).get("code", "hopeless") == "hopeless"
        tried.append({**trying, "job_id": job["id"], "kept": kept})
    if tried:
        rows = [
            (one["job_id"], _changed(one), "kept" if one["kept"] else "undone") for one in tried
        ]
        console_output.print_table(("job", "change", "autopilot"), rows)


def print_outcome(job: Job) -> None:
    """Say what a finished training came to."""
    _print_tried(job)
    if (way := autopilots_way(job)) is not None:
        console_output.note(escape(way))
    error, result = job["error"], cast(dict[str, Any], job["result"] or {})
    if error is not None:
        console_output.note(f"[red]{error.get('title')}.[/] {escape(error.get('detail', ''))}")
        return
    if job["state"] != "succeeded":
        console_output.note(f"Training job {job['id']} is {job['state']}.")
        return
    standing = "published" if result["published"] else "not published"
    console_output.say(
        f"[bold]Model version {result['version']}[/] is {standing}: {escape(result['reason'])}; "
        f"best epoch {result['best_epoch']}."
    )
    for warning in result.get("warnings", []):
        console_output.say(f"[yellow]Note:[/] {escape(str(warning))}")
    print_figures(result["metrics"], result["baselines"])
