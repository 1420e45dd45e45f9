"""`recsvc import`: files of ratings and interactions."""

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from recsvc.cli.session import ServiceSession, open_service
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
            help="auto (detected from the content), csv, tsv, semicolon, double-colon or ndjson."
        ),
    ] = "auto",
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Parse the files and report, without storing anything."),
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until the files are imported.")
    ] = True,
    url: console_output.Url = None,
    as_json: console_output.AsJson = False,
) -> None:
    """Import files of ratings, views, carts and purchases: CSV, TSV, `::`, JSON lines; .gz, .zst.

    MovieLens files, Amazon Personalize files, invoices and CSV with a header are recognised. An
    invalid line is refused with a reason; the other lines are imported. The exit status is 1 if a
    file could not be imported, or if no line was accepted.
    """
    with open_service(url) as service:
        jobs = [import_one(service, f, format=format, dry_run=dry_run, wait=wait) for f in files]
        if as_json:
            console_output.print_json(jobs)
        else:
            for job in jobs:
                print_result(service, job)
    if any(job["state"] == "failed" for job in jobs):
        raise typer.Exit(1)


def import_one(
    service: ServiceSession,
    file: Path,
    *,
    format: str = "auto",  # noqa: A002 - as the option
    dry_run: bool = False,
    wait: bool = True,
) -> Job:
    """Upload one file; if `wait`, show the progress of the import until it ends."""
    with file.open("rb") as stream:
        job = service.client.import_file(stream, file.name, format=format, dry_run=dry_run)
    if not wait:
        return job
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=console_output.stderr,
        transient=True,
    ) as progress:
        bar = progress.add_task(f"Importing {file.name}", total=1.0)
        for job in service.follow(job):  # noqa: B020 - the job as it stands
            progress.update(bar, completed=job["progress"])
    return job


def print_result(service: ServiceSession, job: Job) -> None:
    """Print the result of an import: accepted and refused lines, with reasons."""
    name, counts = job["filename"], job["counts"]
    if job["state"] == "failed":
        error = job["error"] or {}
        console_output.print_message(
            f"[red]{escape(name)} was not imported.[/] {escape(error.get('detail', ''))}"
        )
    if job["state"] in ("queued", "running"):
        console_output.print_line(Text(f"{name}: import job {job['id']} is {job['state']}."))
    if counts["lines"]:
        console_output.print_line(Text(f"{name}: {_format_counts(job)}"))
        _print_refusals(service, job)


def _format_counts(job: Job) -> str:
    counts = job["counts"]
    accepted = _format_accepted(counts)
    if job["dry_run"]:
        return f"{accepted} can be imported; nothing was stored."
    kinds = ("added", "changed", "unchanged", "outdated")
    details = ", ".join(f"{counts[kind]:,} {kind}" for kind in kinds if counts[kind])
    return f"{accepted} imported ({details})." if details else f"{accepted} imported."


def _format_accepted(counts: Json) -> str:
    """Return the accepted ratings and interactions as text."""
    parts = [
        f"{counts[what]:,} {what if counts[what] > 1 else what.removesuffix('s')}"
        for what in ("ratings", "interactions")
        if counts[what]
    ]
    return " and ".join(parts) or "Nothing"


def _print_refusals(service: ServiceSession, job: Job) -> None:
    by_code = job["counts"]["refused"]
    if not by_code:
        return
    console_output.print_table(("refusal", "lines"), by_code.items())
    for refusal in islice(service.client.refusals(job["id"]), SHOWN_REFUSALS):
        console_output.print_line(Text(f"  line {refusal['line']}: {refusal['detail']}"))
    if sum(by_code.values()) > SHOWN_REFUSALS:
        console_output.print_line(f"List all refused lines: recsvc jobs refusals {job['id']}")
