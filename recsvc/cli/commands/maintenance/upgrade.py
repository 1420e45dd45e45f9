"""`recsvc upgrade` and `recsvc downgrade`.

What they need is imported by the command itself: each start of the service would wait for it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from recsvc.cli.views import console_output
from recsvc.config import Settings
from recsvc.runtime.sizes import MEGABYTE

if TYPE_CHECKING:
    from recsvc.service.upgrade import UpgradePlan


def upgrade(
    check: Annotated[
        bool,
        typer.Option("--check", help="Only report: exit status 1 if a migration is missing."),
    ] = False,
    copy: Annotated[
        bool,
        typer.Option("--copy/--no-copy", help="Copy an older SQLite database beside itself first."),
    ] = True,
    as_json: console_output.AsJson = False,
) -> None:
    """Migrate the database to the schema of this version. The service does so as it starts.

    An older SQLite database is first copied to `FILE.before-REVISION`; the newest two copies are
    kept. Back up PostgreSQL with `recsvc backup`.
    """
    from recsvc.service import upgrade as schema

    url = Settings().effective_database_url()
    plan = schema.plan_upgrade(url)
    written = None if check or not plan.missing else schema.upgrade(url, copy=copy)
    if as_json:
        console_output.print_json(_plan_as_dict(plan) | {"copy": written and str(written)})
    elif check:
        _print_plan(plan)
    else:
        _print_outcome(plan, written)
    if check and plan.missing:
        raise typer.Exit(1)


def downgrade(
    revision: Annotated[
        str, typer.Argument(metavar="REVISION", help="Revision of an older schema, such as 0009.")
    ],
    yes: Annotated[
        bool, typer.Option("--yes", help="Confirm that data of newer columns is lost.")
    ] = False,
) -> None:
    """Migrate the database back to the schema of an older version. Stop the service first.

    Data that the older schema has no place for is lost. SQLite is copied first, as by `upgrade`.
    """
    from recsvc.service import upgrade as schema

    if not yes:
        raise typer.BadParameter(
            "Data that the older schema has no place for is lost. Back up, then add --yes.",
            param_hint="--yes",
        )
    written = schema.downgrade(Settings().effective_database_url(), revision)
    console_output.print_line(f"The database has the schema {escape(revision)}.")
    _print_copy(written)
    console_output.print_message("Start the version of recsvc that has this schema.")


def _plan_as_dict(plan: "UpgradePlan") -> dict[str, Any]:
    return {
        "revision": plan.revision,
        "missing": [{"revision": one.revision, "title": one.title} for one in plan.missing],
        "needed_bytes": plan.needed_bytes,
        "free_bytes": plan.free_bytes,
    }


def _print_plan(plan: "UpgradePlan") -> None:
    print_line = console_output.print_line
    print_line(f"schema      {plan.revision or 'none: the database is empty'}")
    if not plan.missing:
        print_line("migrations  none is missing")
    for number, missing in enumerate(plan.missing):
        label = "migrations" if number == 0 else ""
        print_line(escape(f"{label:10}  {missing.revision} {missing.title}"))
    if plan.needed_bytes is not None and plan.free_bytes is not None:
        needed, free = plan.needed_bytes / MEGABYTE, plan.free_bytes / MEGABYTE
        print_line(f"disk        {needed:,.1f} MB needed, {free:,.1f} MB free")


def _print_outcome(plan: "UpgradePlan", written: Path | None) -> None:
    if plan.missing:
        was = plan.revision or "empty"
        console_output.print_line(f"Migrated from {was} to {plan.missing[-1].revision}.")
    else:
        console_output.print_line(f"The schema {plan.revision} is current.")
    _print_copy(written)


def _print_copy(written: Path | None) -> None:
    if written is not None:
        console_output.print_line(escape(f"The database as it was: {written}"))
