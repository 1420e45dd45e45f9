"""`recsvc doctor`.

What it needs is imported by the command itself: each start of the service would wait for it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

import typer
from pydantic import ValidationError
from rich.markup import escape

from recsvc.cli.processes import kernel_cache
from recsvc.cli.views import console_output
from recsvc.config import Settings
from recsvc.errors import RecsvcError
from recsvc.runtime import private_files
from recsvc.service.doctor.system_check import Level, SystemCheck, ok, problem

STYLES = {Level.OK: "green", Level.WARNING: "yellow", Level.PROBLEM: "red"}


def doctor(as_json: console_output.AsJson = False) -> None:
    """Check settings, home, disk, memory, packages, database, clock, shelf, model and worker.

    Each result that is not ok has a remedy. Exit status 1 means that there is a problem. Run it as
    the service's user, with its settings; the service may run meanwhile.
    """
    private_files.restrict_umask()
    found = list(_checks())
    if as_json:
        console_output.print_json(
            [
                {"name": c.name, "level": c.level, "fact": c.fact, "remedy": c.remedy or None}
                for c in found
            ]
        )
    else:
        for check in found:
            _print_check(check)
    if any(check.level is Level.PROBLEM for check in found):
        raise typer.Exit(1)


def describe_settings(error: ValidationError) -> str:
    """Return the invalid settings in one line."""
    return "; ".join(
        f"RECSVC_{'_'.join(map(str, fault['loc'])).upper()} is invalid: {fault['msg']}"
        for fault in error.errors()
    )


def _checks() -> Iterator[SystemCheck]:
    from recsvc.db.session import Database
    from recsvc.service.context import parse_scale
    from recsvc.service.doctor import machine_checks
    from recsvc.service.doctor.store_checks import check_stores

    try:
        settings = Settings()
        parse_scale(settings.rating_scale)
        url = settings.effective_database_url()
        Database.dialect_of(url)
    except (ValidationError, RecsvcError) as error:
        fact = describe_settings(error) if isinstance(error, ValidationError) else error.detail
        yield problem(
            "settings", fact, "Correct it; docs/reference/settings.md lists all settings."
        )
        return
    yield ok("settings", "all are valid")
    yield machine_checks.check_home(settings.home, url)
    yield machine_checks.check_disk(settings.home, url)
    yield machine_checks.check_memory(settings.memory_limit_mb)
    yield machine_checks.check_packages()
    yield machine_checks.check_kernels(kernel_cache.configure(settings.home))
    yield from check_stores(settings, partial(datetime.now, UTC))


def _print_check(check: SystemCheck) -> None:
    style = STYLES[check.level]
    label = f"[{style}]{check.level:7}[/{style}]"
    remedy = f" [bold]→[/bold] {escape(check.remedy)}" if check.remedy else ""
    console_output.print_line(f"{label}  {check.name:9}  {escape(check.fact)}{remedy}")
