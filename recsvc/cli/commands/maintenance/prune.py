"""`recsvc prune`."""

from contextlib import closing
from typing import Annotated

import typer

from recsvc.cli.views import console_output
from recsvc.config import Settings
from recsvc.db.expired_rows import RowKind
from recsvc.errors import ConfigurationError
from recsvc.service import pruning
from recsvc.service.context import open_context
from recsvc.service.upgrade import plan_upgrade

SETTINGS = {
    RowKind.REFUSED_LINES: "keep_refusals_days",
    RowKind.JOB_EVENTS: "keep_events_days",
    RowKind.EPOCHS: "keep_epochs_days",
    RowKind.INSPECTIONS: "keep_epochs_days",
    RowKind.JOBS: "keep_jobs_days",
    RowKind.SWEEPS: "keep_jobs_days",
    RowKind.AUDIT_ENTRIES: "keep_audit_days",
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
        [(_label(kind), _period(getattr(settings, SETTINGS[kind])), n) for kind, n in rows.items()],
    )


def _require_current_schema(url: str) -> None:
    """Raise ConfigurationError for a database that is missing or has an older schema."""
    plan = plan_upgrade(url)
    if plan.missing:
        has = f"the schema {plan.revision}" if plan.revision else "no tables"
        raise ConfigurationError(
            f"The database has {has}; this version needs {plan.missing[-1].revision}. "
            "Run recsvc upgrade first."
        )


def _label(kind: RowKind) -> str:
    return kind.value.replace("_", " ")


def _period(days: int) -> str:
    return f"{days:,} days" if days else "ever"
