"""Write the parts of the documentation that registers determine.

A part stands between `<!-- begin generated: NAME -->` and `<!-- end generated -->`. With
`--check` no file is written, and the exit status is 1 if a table is outdated.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from recsvc import errors
from recsvc.api.problems import INTERNAL_ERRORS, status_of
from recsvc.api.telemetry.register import METRICS as SERVICE_METRICS
from recsvc.cli.app import app
from recsvc.config import Settings
from recsvc.epoch_metrics import METRICS
from recsvc.rbm.diagnosis import finding_codes

ROOT = Path(__file__).resolve().parents[1]
FINDINGS = ROOT / "docs" / "reference" / "findings"
BLOCK = re.compile(r"(<!-- begin generated: ([\w-]+) -->\n).*?(<!-- end generated -->)", re.DOTALL)


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    body = ([cell.replace("|", "\\|") for cell in cells] for cells in rows)
    lines = [header, ("---",) * len(header), *body]
    return "".join(f"| {' | '.join(cells)} |\n".replace("| --- ", "|---") for cells in lines)


def epoch_metrics() -> str:
    """Return the table of the metrics of an epoch."""
    rows = (
        (f"`{metric.name}`", metric.unit, metric.better or "", metric.text) for metric in METRICS
    )
    return table(("metric", "unit", "better", "meaning"), rows)


def findings() -> str:
    """Return the table of all findings: each with the first sentence of its page."""
    rows = (
        (f"[{code}](../reference/findings/{code}.md)", first_sentence(code))
        for code in finding_codes()
    )
    return table(("finding", "in a sentence"), rows)


def first_sentence(code: str) -> str:
    """Return the first sentence of a finding's page; a decimal point ends no sentence."""
    _, paragraph, *_ = (FINDINGS / f"{code}.md").read_text().split("\n\n")
    return re.split(r"(?<=[^\s.]\.)\s", paragraph, maxsplit=1)[0].replace("\n", " ")


def settings() -> str:
    """Return the table of the settings: variable, default and description."""
    rows = (
        (f"`RECSVC_{name.upper()}`", code(field.default), field.description or "")
        for name, field in Settings.model_fields.items()
    )
    return table(("variable", "default", "meaning"), rows)


def commands() -> str:
    """Return a section for each command: its help text, arguments and options."""
    return "\n".join(
        f"## recsvc {' '.join((name, *arguments(command)))}\n{command.help}\n{options(command)}"
        for name, command in leaf_commands(get_command(app))
    )


def leaf_commands(
    command: TyperGroup | TyperCommand, path: str = ""
) -> Iterator[tuple[str, TyperCommand]]:
    """Yield the commands that have no subcommands, each with its name."""
    if not isinstance(command, TyperGroup):
        yield path, command
        return
    for name, child in command.commands.items():
        yield from leaf_commands(child, f"{path} {name}".strip())


def arguments(command: TyperCommand) -> Iterator[str]:
    """Yield the arguments of a command as they are written in its usage."""
    for parameter in command.params:
        if isinstance(parameter, TyperArgument):
            name = parameter.metavar or parameter.name.upper()
            yield name if parameter.required else f"[{name.strip('[]')}]"


def options(command: TyperCommand) -> str:
    """Return the table of the options of a command; all commands have --help."""
    rows = [
        (option_names(option), code(option.default), " ".join((option.help or "").split()))
        for option in command.params
        if isinstance(option, TyperOption)
    ]
    return f"\n{table(('option', 'default', 'meaning'), rows)}" if rows else ""


def option_names(option: TyperOption) -> str:
    """Return the names of an option with the placeholder of its value, if it has one."""
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    return f"{names} `{option.metavar}`" if option.metavar else names


def code(value: object) -> str:
    """Return a default as code; an empty one has no text."""
    if value is None or value == "" or isinstance(value, bool):
        return ""
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def metrics() -> str:
    """Return the table of the metrics of the service."""
    rows = (
        (
            f"`{metric.name}`",
            metric.kind,
            metric.covers.value,
            ", ".join(f"`{label}`" for label in metric.labels),
            metric.text,
        )
        for metric in SERVICE_METRICS
    )
    return table(("metric", "type", "covers", "labels", "meaning"), rows)


def problems() -> str:
    """Return the table of all problems: status, code and title."""
    classes = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.RecsvcError)
    ]
    rows = sorted((where_seen(kind), kind.code(), kind.title()) for kind in classes)
    return table(
        ("status", "problem", "title"),
        ((status, f"[{code}](#{code})", title) for status, code, title in rows),
    )


def where_seen(kind: type[errors.RecsvcError]) -> str:
    """Return the status of the responses with this error; most others are stored on a job."""
    return "job" if issubclass(kind, INTERNAL_ERRORS) else str(status_of(kind).value)


TABLES: dict[str, Callable[[], str]] = {
    "commands": commands,
    "epoch-metrics": epoch_metrics,
    "findings": findings,
    "metrics": metrics,
    "problems": problems,
    "settings": settings,
}
PAGES = (
    "docs/how-to/diagnose.md",
    "docs/reference/command-line.md",
    "docs/reference/epoch-metrics.md",
    "docs/reference/metrics.md",
    "docs/reference/problems.md",
    "docs/reference/settings.md",
)


def generated(text: str) -> str:
    """Return a page with all its tables up to date."""
    return BLOCK.sub(lambda block: f"{block[1]}{TABLES[block[2]]()}{block[3]}", text)


def outdated_pages() -> list[str]:
    """Return the pages with a table that its register no longer determines."""
    return [page for page in PAGES if generated(text := (ROOT / page).read_text()) != text]


def main() -> int:
    """Write or check the pages."""
    pages = outdated_pages()
    if "--check" in sys.argv:
        sys.stdout.writelines(f"{page} is outdated: run {__file__}\n" for page in pages)
        return bool(pages)
    for page in pages:
        (ROOT / page).write_text(generated((ROOT / page).read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
