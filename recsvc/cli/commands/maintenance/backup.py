"""`recsvc backup` and `recsvc restore`.

What they need is imported by the command itself: each start of the service would wait for it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from recsvc.cli.views import console_output
from recsvc.config import Settings
from recsvc.runtime.sizes import MEGABYTE

if TYPE_CHECKING:
    from recsvc.service.backup.manifest import Manifest, Report


def backup(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A new folder for the backup.")],
    verify: Annotated[
        bool, typer.Option("--verify", help="Then read all files again and check them.")
    ] = False,
    as_json: console_output.AsJson = False,
) -> None:
    """Back up the database and the shelf, also while the service runs.

    The backup has all that was acknowledged before it began, as of one moment. RECSVC_HOME,
    RECSVC_DATABASE_URL and RECSVC_SHELF_URL name the data. Exit status 1 also means that an object
    which the service needs is missing or damaged.
    """
    from recsvc.service.backup import manifest
    from recsvc.service.backup.backup import back_up, missing_objects

    started = time.monotonic()
    with show_progress() as report:
        written = back_up(Settings(), path, now=datetime.now(UTC), report=report)
        if verify:
            manifest.verify(path, report)
    missing = missing_objects(written)
    summary = _summary(path, written, started) | {"verified": verify, "missing": missing}
    if as_json:
        console_output.print_json(summary)
    else:
        _print_summary("Backed up to", summary)
    for sha256, reason in written.left_out.items():
        level = "error" if sha256 in missing else "note"
        console_output.print_message(escape(f"{level}: object {sha256}: {reason}"))
    if missing:
        raise typer.Exit(1)


def restore(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The folder of a backup.")],
    verify: Annotated[
        bool, typer.Option("--verify", help="Only check the backup; restore nothing.")
    ] = False,
    as_json: console_output.AsJson = False,
) -> None:
    """Check a backup, and restore it into an empty database and an empty shelf.

    RECSVC_HOME, RECSVC_DATABASE_URL and RECSVC_SHELF_URL name the target, which must be of the same
    kind: SQLite or PostgreSQL. The server of PostgreSQL may have another version. A backup of an
    older recsvc is migrated.
    """
    from recsvc.service.backup import manifest
    from recsvc.service.backup.restore import restore as restore_backup

    started = time.monotonic()
    with show_progress() as report:
        if verify:
            read = manifest.verify(path, report)
        else:
            read = restore_backup(Settings(), path, report=report)
    summary = _summary(path, read, started) | {"restored": not verify}
    if as_json:
        console_output.print_json(summary)
    else:
        _print_summary("Verified" if verify else "Restored from", summary)
    for sha256, reason in read.left_out.items():
        console_output.print_message(escape(f"note: the backup lacks object {sha256}: {reason}"))


@contextmanager
def show_progress() -> "Iterator[Report]":
    """Show a bar for each step on a terminal, else nothing."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=console_output.stderr, transient=True) as progress:
        progress.disable = not console_output.stderr.is_terminal
        tasks: dict[str, Any] = {}

        def report(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = progress.add_task(step)
            progress.update(tasks[step], completed=done, total=total)

        yield report


def _summary(path: Path, described: "Manifest", started: float) -> dict[str, Any]:
    from recsvc.service.backup import manifest

    return {
        "path": str(path.resolve()),
        "recsvc": described.recsvc,
        "dialect": described.dialect,
        "revision": described.revision,
        "created_at": described.created_at.isoformat(),
        "n_rows": described.n_rows,
        "database_bytes": described.count_bytes(manifest.DATABASE),
        "shelf_bytes": described.count_bytes(manifest.SHELF),
        "n_objects": len(described.objects()),
        "seconds": round(time.monotonic() - started, 3),
    }


def _print_summary(verb: str, summary: dict[str, Any]) -> None:
    print_line = console_output.print_line
    print_line(escape(f"{verb} {summary['path']}"))
    megabytes = [summary[part] / MEGABYTE for part in ("database_bytes", "shelf_bytes")]
    rows = sum(summary["n_rows"].values())
    print_line(
        f"  database  {megabytes[0]:,.1f} MB, {rows:,} rows, schema {summary['revision']} "
        f"({summary['dialect']})"
    )
    print_line(f"  shelf     {megabytes[1]:,.1f} MB, {summary['n_objects']:,} objects")
    print_line(f"  time      {console_output.format_duration(summary['seconds'])}")
    if summary.get("verified"):
        print_line("  verified  all files have their SHA-256")
