"""Output of `recsvc train --dry-run`: the data, and the expected memory and time."""

from typing import Any

from rich.markup import escape

from recsvc.cli.views import console_output

Json = dict[str, Any]
MAX_LEVELS = 20
TWO_MINUTES = 120  # seconds


def print_preview(preview: Json, *, as_json: bool) -> int:
    """Print a preview; return the exit status, 1 if training would fail."""
    if as_json:
        console_output.print_json(preview)
    else:
        _print_data(preview["data"], preview["imported"])
        if preview["problem"] is None or preview["needed_bytes"] is not None:
            _print_training(preview)
        if preview["problem"] is not None:
            problem = preview["problem"]
            console_output.print_message(
                f"[red]{escape(problem['title'])}.[/] {escape(problem['detail'])}"
            )
    return 1 if preview["verdict"] == "refused" else 0


def _print_data(data: Json, imported: Json) -> None:
    console_output.print_line(
        f"[bold]{data['n_ratings']:,} ratings and {data['n_interactions']:,} interactions[/] of "
        f"{data['n_users']:,} users and {data['n_items']:,} items; {data['missing_share']:.2%} of "
        f"all pairs are missing; medians: {data['ratings_per_user']:g} ratings a user, "
        f"{data['ratings_per_item']:g} an item."
    )
    if imported["duplicates"] or imported["conflicts"] or imported["refused"]:
        refused = sum(imported["refused"].values())
        console_output.print_line(
            f"Imports: {imported['duplicates']:,} duplicates, {imported['conflicts']:,} conflicts, "
            f"{refused:,} lines refused."
        )
    most = max((level["count"] for level in data["levels"]), default=1)
    rows = [
        (f"{level['value']:g}", f"{level['count']:,}", "█" * round(30 * level["count"] / most))
        for level in data["levels"][:MAX_LEVELS]
    ]
    if rows:
        console_output.print_table(("rating", "count", ""), rows)
    for remark in data["remarks"]:
        examples = f", such as {', '.join(remark['examples'])}" if remark["examples"] else ""
        console_output.print_line(
            f"\n[yellow]{remark['code']}[/]: {remark['count']:,} {remark['of']} "
            f"({remark['share']:.2%}){escape(examples)}. {escape(remark['seen'])}"
        )
        console_output.print_line(f"  {escape(remark['training'])}")
    if not data["remarks"]:
        console_output.print_line("No data issues.")


def _print_training(preview: Json) -> None:
    console_output.print_line("")
    for name, choice in preview["choices"].items():
        console_output.print_line(f"{name} = {choice['value']}: {escape(choice['because'])}.")
    console_output.print_line(
        f"[bold]Training would take about {_format_time(preview['estimated_seconds'])} and "
        f"{preview['needed_bytes'] / 1e6:,.0f} MB[/] of {preview['available_bytes'] / 1e6:,.0f} MB."
    )
    if preview["verdict"] == "scarce":
        few = f"{preview['ratings_per_parameter']:.3f} ratings a parameter"
        console_output.print_line(f"[yellow]Note:[/] {few}, {_parameter_advice(preview)}")


def _parameter_advice(preview: Json) -> str:
    """Return advice for many parameters; sizes chosen from the data do well on similar data."""
    if "n_hidden" not in preview["choices"]:
        return "which is little data. Compare with a smaller n_hidden."
    chosen = preview["choices"]["n_hidden"]["value"]
    return (
        "which is little data, but this size gave the best lists on similar data sets. Compare "
        f"smaller sizes: recsvc sweep grid n_hidden={chosen // 4},{chosen // 2},{chosen}"
    )


def _format_time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < TWO_MINUTES else f"{seconds / 60:.0f} min"
