"""`recsvc import`: files of ratings."""

from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from recsvc.cli import output
from recsvc.cli.connection import Reached, reach
from recsvc.client import Job

SHOWN_REFUSALS = 5


def import_files(
    files: Annotated[
        list[Path],
        typer.Argument(exists=True, dir_okay=False, readable=True, help="Files of ratings."),
    ],
    format: Annotated[  # noqa: A002 - the option's name
        str, typer.Option(help="auto recognises them by their first lines; see docs for others.")
    ] = "auto",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and report, but store nothing.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Stay until the files are stored.")
    ] = True,
    url: output.Url = None,
    as_json: output.AsJson = False,
) -> None:
    """Import ratings: CSV, TSV, `::`, JSON lines, each also as .gz or .zst.

    MovieLens and Amazon Personalize files and plain CSV with a header are recognised. A line that
    cannot be used is refused with its reason and never stops the others. Exit status 1 if a file
    as a whole could not be imported.
    """
    with reach(url) as reached:
        jobs = [import_one(reached, f, format=format, dry_run=dry_run, wait=wait) for f in files]
        if as_json:
            output.print_json(jobs)
        else:
            for file, job in zip(files, jobs, strict=True):
                print_result(reached, file.name, job)
    if any(job["state"] == "failed" for job in jobs):
        raise typer.Exit(1)


def import_one(
    reached: Reached,
    file: Path,
    *,
    format: str = "auto",  # noqa: A002 - as the option
    dry_run: bool = False,
    wait: bool = True,
) -> Job:
    """Upload one file and, unless told not to wait, show how far its import is."""
    with file.open("rb") as stream:
        job = reached.client.import_file(stream, file.name, format=format, dry_run=dry_run)
    if not wait:
        return job
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=output.messages,
        transient=True,
    ) as progress:
        bar = progress.add_task(f"Importing {file.name}", total=1.0)
        for job in reached.follow(job):  # noqa: B020 - the job as it stands
            progress.update(bar, completed=job["progress"])
    return job


def print_result(reached: Reached, name: str, job: Job) -> None:
    """Say what became of a file: how much was taken, what was refused and why."""
    if job["state"] == "failed":
        error = job["error"] or {}
        output.messages.print(f"[red]{name} was not imported.[/] {error.get('detail', '')}")
    elif job["state"] == "succeeded":
        result = cast(dict[str, Any], job["result"] or {})
        output.people.print(f"{name}: {output.shown(result.get('accepted'))} ratings imported.")
        _print_refusals(reached, job, result.get("refused") or {})
    else:
        output.people.print(f"{name}: import job {job['id']} is {job['state']}.")


def _print_refusals(reached: Reached, job: Job, by_reason: dict[str, int]) -> None:
    if not by_reason:
        return
    output.print_table(("refused because", "lines"), by_reason.items())
    for _, refusal in zip(range(SHOWN_REFUSALS), reached.client.refusals(job["id"]), strict=False):
        output.people.print(f"  line {refusal['line']}: {refusal['detail']}", markup=False)
    output.people.print(f"All of them: recsvc jobs refusals {job['id']}")
