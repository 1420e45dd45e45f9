"""What `recsvc train --dry-run` shows: the data, and what training would make of them."""

from typing import Any

from rich.markup import escape

from recsvc.cli.views import console_output

Json = dict[str, Any]
MOST_LEVELS = 20
TWO_MINUTES = 120  # seconds


def show(preview: Json, *, as_json: bool) -> int:
    """Print it; give the exit status: 1 if training would fail."""
    if as_json:
        console_output.print_json(preview)
    else:
        _print_data(preview["data"], preview["imported"])
        if preview["problem"] is None or preview["needed_bytes"] is not None:
            _print_training(preview)
        if preview["problem"] is not None:
            problem = preview["problem"]
            console_output.note(f"[red]{escape(problem['title'])}.[/] {escape(problem['detail'])}")
    return 1 if preview["verdict"] == "refused" else 0


def _print_data(data: Json, imported: Json) -> None:
    console_output.say(
        f"[bold]{data['n_ratings']:,} ratings and {data['n_interactions']:,} interactions[/] of "
        f"{data['n_users']:,} users with {data['n_items']:,} items: {data['missing_share']:.2%} of "
        f"all pairs are missing; {data['ratings_per_user']:g} ratings a user, "
        f"{data['ratings_per_item']:g} an item (medians)."
    )
    if imported["duplicates"] or imported["conflicts"] or imported["refused"]:
        refused = sum(imported["refused"].values())
        console_output.say(
            f"Imports: {imported['duplicates']:,} duplicates, {imported['conflicts']:,} conflicts, "
            f"{refused:,} lines refused."
        )
    most = max((level["count"] for level in data["levels"]), default=1)
    rows = [
        (f"{level['value']:g}", f"{level['count']:,}", "█" * round(30 * level["count"] / most))
        for level in data["levels"][:MOST_LEVELS]
    ]
    if rows:
        console_output.print_table(("rating", "given", ""), rows)
    for remark in data["remarks"]:
        such_as = f", such as {', '.join(remark['examples'])}" if remark["examples"] else ""
        console_output.say(
            f"\n[yellow]{remark['code']}[/]: {remark['count']:,} {remark['of']} "
            f"({remark['share']:.2%}){escape(such_as)}. {escape(remark['seen'])}"
        )
        console_output.say(f"  {escape(remark['training'])}")
    if not data["remarks"]:
        console_output.say("Nothing is odd about the data.")


def _print_training(preview: Json) -> None:
    console_output.say("")
    for name, choice in preview["choices"].items():
        console_output.say(f"{name} = {choice['value']}: {escape(choice['because'])}.")
    console_output.say(
        f"[bold]Training would take about {_time(preview['estimated_seconds'])} and "
        f"{preview['needed_bytes'] / 1e6:,.0f} MB[/] of {preview['available_bytes'] / 1e6:,.0f} MB."
    )
    if preview["verdict"] == "scarce":
        few = f"{preview['ratings_per_parameter']:.3f} ratings a parameter"
        console_output.say(f"[yellow]Note:[/] {few} {_advice(preview)}")


def _advice(preview: Json) -> str:
    """Say what to make of many parameters: a size that was chosen has done well elsewhere."""
    if "n_hidden" not in preview["choices"]:
        return "is little: try fewer n_hidden, and compare."
    chosen = preview["choices"]["n_hidden"]["value"]
    return (
        "is little, and yet such a size has made the best lists of data of this shape. To see "
        f"whether fewer do here: recsvc sweep grid n_hidden={chosen // 4},{chosen // 2},{chosen}"
    )


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < TWO_MINUTES else f"{seconds / 60:.0f} min"
