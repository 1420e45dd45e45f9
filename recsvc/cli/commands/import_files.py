"""`recsvc import`: files of ratings and interactions."""

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from recsvc.cli.session import Reached, reach
from recsvc.cli.views import console_output
from recsvc.client import Job, Json

SHOWN_REFUSALS = 5


def import_files(
    files: Annotated[
        list[Path],
        typer.Argument(
            exists=True, dir_okay=False, readable=True, help="Files of ratings or interactions."
        ),
    ],
    format: Annotated[  # noqa: A002 - the option's name
        str,
        typer.Option(
            help="auto (by the first lines), csv, tsv, semicolon, double-colon or ndjson."
        ),
    ] = "auto",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and report, but store nothing.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Stay until the files are stored.")
    ] = True,
    url: console_output.Url = None,
    as_json: console_output.AsJson = False,
) -> None:
    """Import files of ratings, views, carts and purchases: CSV, TSV, `::`, JSON lines; .gz, .zst.

    MovieLens and Amazon Personalize files, a shop's invoices and plain CSV with a header are
    recognised. A line that cannot be used is refused with its reason and never stops the others.
    Exit status 1 if a file as a whole could not be imported, or no line of it was accepted.
    """
    with reach(url) as reached:
        jobs = [import_one(reached, f, format=format, dry_run=dry_run, wait=wait) for f in files]
        if as_json:
            console_output.print_json(jobs)
        else:
            for job in jobs:
                print_result(reached, job)
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
        console=console_output.messages,
        transient=True,
    ) as progress:
        bar = progress.add_task(f"Importing {file.name}", total=1.0)
        for job in reached.follow(job):  # noqa: B020 - the job as it stands
            progress.update(bar, completed=job["progress"])
    return job


def print_result(reached: Reached, job: Job) -> None:
    """Say what became of a file: how much was taken, what was refused and why."""
    name, counts = job["filename"], job["counts"]
    if job["state"] == "failed":
        error = job["error"] or {}
        console_output.note(
            f"[red]{escape(name)} was not imported.[/] {escape(error.get('detail', ''))}"
        )
    if job["state"] in ("queued", "running"):
        console_output.say(Text(f"{name}: import job {job['id']} is {job['state']}."))
    if counts["lines"]:
        console_output.say(Text(f"{name}: {_account(job)}"))
        _print_refusals(reached, job)


def _account(job: Job) -> str:
    counts = job["counts"]
    taken = _taken(counts)
    if job["dry_run"]:
        return f"{taken} could be imported; nothing was stored."
    kinds = ("added", "changed", "unchanged", "outdated")
    told = ", ".join(f"{counts[kind]:,} {kind}" for kind in kinds if counts[kind])
    return f"{taken} imported ({told})." if told else f"{taken} imported."


def _taken(counts: Json) -> str:
    """Tell ratings and interactions apart, where there are any."""
    told = [
        f"{counts[what]:,} {what if counts[what] > 1 else what.removesuffix('s')}"
        for what in ("ratings", "interactions")
        if counts[what]
    ]
    return " and ".join(told) or "Nothing"


def _print_refusals(reached: Reached, job: Job) -> None:
    by_code = job["counts"]["refused"]
    if not by_code:
        return
    console_output.print_table(("refused because", "lines"), by_code.items())
    for refusal in islice(reached.client.refusals(job["id"]), SHOWN_REFUSALS):
        console_output.say(Text(f"  line {refusal['line']}: {refusal['detail']}"))
    if sum(by_code.values()) > SHOWN_REFUSALS:
        console_output.say(f"All of them: recsvc jobs refusals {job['id']}")
