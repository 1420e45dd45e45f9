"""`recsvc prune`.

What it needs is imported by the command itself: each start of the service would wait for it.
"""

from contextlib import closing
from typing import Annotated

import typer

from recsvc.cli.views import console_output
from recsvc.config import Settings
from recsvc.errors import ConfigurationError

SETTINGS = {  # by kind of rows
    "refused_lines": "keep_refusals_days",
    "job_events": "keep_events_days",
    "epochs": "keep_epochs_days",
    "inspections": "keep_epochs_days",
    "jobs": "keep_jobs_days",
    "sweeps": "keep_jobs_days",
    "audit_entries": "keep_audit_days",
}


def prune(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count what would be deleted.")
    ] = False,
    as_json: console_output.AsJson = False,
) -> None:
    """Delete the rows that RECSVC_KEEP_…_DAYS no longer keeps. A worker does so once a day.

    Ratings, interactions, users, items and model versions are never deleted. The service may run
    meanwhile: the deletion is done in short transactions.
    """
    from recsvc.service import pruning
    from recsvc.service.context import open_context

    settings = Settings()
    _require_current_schema(settings.effective_database_url())
    context = open_context(settings, migrate=False)
    with closing(context.database):
        rows = pruning.count_expired(context) if dry_run else pruning.prune(context)
    if as_json:
        console_output.print_json({"dry_run": dry_run, "rows": rows})
        return
    console_output.print_table(
        ("kind", "kept for", "would be deleted" if dry_run else "deleted"),
        [
            (kind.value.replace("_", " "), _period(getattr(settings, SETTINGS[kind.value])), n)
            for kind, n in rows.items()
        ],
    )


def _require_current_schema(url: str) -> None:
    """Raise ConfigurationError for a database that is missing or has an older schema."""
    from recsvc.service.upgrade import plan_upgrade

    plan = plan_upgrade(url)
    if plan.missing:
        has = f"the schema {plan.revision}" if plan.revision else "no tables"
        raise ConfigurationError(
            f"The database has {has}; this version needs {plan.missing[-1].revision}. "
            "Run recsvc upgrade first."
        )


def _period(days: int) -> str:
    return f"{days:,} days" if days else "ever"
