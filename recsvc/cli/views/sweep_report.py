"""What came of a sweep: its trials beside each other, and what to do with the best."""

from math import inf

from rich.markup import escape
from rich.text import Text

from recsvc.cli.views import console_output, sweep_view
from recsvc.cli.views.console_plot import print_plot
from recsvc.client import FINAL_STATES, Client, Sweep, Trial
from recsvc.plots.curve_plot import MOST_JOBS, Curve, plot_of

BAR_LENGTH = 24
LEAST_ROOM = 0.005  # of the worst trial's figure


def print_sweep(client: Client, sweep: Sweep) -> None:
    """Print a sweep as it stands: trials, what made the difference, curves, what to do next."""
    _print_trials(sweep)
    _print_curves(client, sweep)
    console_output.say("")
    _print_failures(client, sweep)
    _print_advice(client, sweep)


def _print_trials(sweep: Sweep) -> None:
    console_output.say(Text(sweep_view.title(sweep), "bold"))
    console_output.people.print(sweep_view.table(sweep, sweep_view.ranked(sweep)))
    if sweep["sensitivity"] and sweep["kind"] != "rate_range":
        console_output.say("")
        rows = [
            (one["hyperparameter"], f"{one['share']:.0%}", "█" * round(BAR_LENGTH * one["share"]))
            for one in sweep["sensitivity"]
        ]
        console_output.print_table(("what made the difference", "explains", ""), rows)


def _print_curves(client: Client, sweep: Sweep) -> None:
    """Draw the curves of the best trials over each other."""
    begun = [trial for trial in sweep_view.ranked(sweep) if trial["epochs"]]
    if not begun:
        return
    curves = [_curve(client, trial) for trial in begun[:MOST_JOBS]]
    console_output.say("")
    plot = plot_of(curves, [sweep["metric"]], ceiling=_ceiling(sweep))
    print_plot(console_output.people, plot)
    if len(begun) > MOST_JOBS:
        console_output.say(f"The best {MOST_JOBS} of {len(begun)} are drawn.")


def _ceiling(sweep: Sweep) -> float:
    """Leave as much room above the worst trial as lies between it and the best.

    A rate that diverges would otherwise press the others into one line.
    """
    bests = [trial["best"] for trial in sweep["trials"] if trial["best"] is not None]
    if sweep["metric"] == "validation_ndcg":
        return inf
    worst = max(bests)
    return worst + max(worst - min(bests), LEAST_ROOM * worst)


def _curve(client: Client, trial: Trial) -> Curve:
    told = client.curve(trial["job_id"])
    return Curve(
        trial["job_id"],
        told["state"],
        told["epochs"],
        told["best_epoch"],
        told["baselines"] or {},
        asked={name: sweep_view.plain(own) for name, own in trial["hyperparameters"].items()},
    )


def _print_failures(client: Client, sweep: Sweep) -> None:
    """Say why trials failed, jobs with the same reason together."""
    reasons: dict[str, list[str]] = {}
    for trial in sweep["trials"]:
        if trial["state"] == "failed" and not trial["stopped_early"]:
            error = client.job("training", trial["job_id"])["error"] or {}
            reason = f"{error.get('title')}. {error.get('detail', '')}"
            reasons.setdefault(reason, []).append(str(trial["job_id"]))
    for reason, jobs in reasons.items():
        noun = "Jobs" if len(jobs) > 1 else "Job"
        console_output.say(f"[red]{noun} {', '.join(jobs)} failed:[/] {escape(reason)}")


def _print_advice(client: Client, sweep: Sweep) -> None:
    """Print what to do with what came out."""
    if sweep["kind"] == "rate_range":
        if sweep["state"] in FINAL_STATES:
            _print_suggestion(client, sweep)
    elif sweep["best_model_version"] is not None:
        best = f"job {sweep['best_job_id']}, model version {sweep['best_model_version']}"
        console_output.say(f"The best is {best}. Let it answer: recsvc sweep publish {sweep['id']}")


def _print_suggestion(client: Client, sweep: Sweep) -> None:
    found = sweep["suggestion"]
    if found is None:
        ended = sum(trial["state"] == "succeeded" for trial in sweep["trials"])
        if ended == 0:
            console_output.say("No trial came to its end: no rate can be suggested.")
            return
        which = "these rates" if ended == len(sweep["trials"]) else "the rates that were tried"
        console_output.say(f"The loss falls at none of {which}. Try others: --low, --high.")
        return
    rate, low, high = (
        sweep_view.plain(found[name]) for name in ("learning_rate", "falls_from", "falls_to")
    )
    rises = found["diverges_at"]
    ends = "" if rises is None else f" and rises from {sweep_view.plain(rises)} on"
    kind = client.job("training", sweep["trials"][0]["job_id"]).get("model_kind")
    falls = low if low == high else f"from {low} to {high}"
    console_output.say(f"The loss falls at learning rates {falls}{ends}. Suggested: {rate}")
    console_output.say(f"Train with it: recsvc train --kind {kind} --set learning_rate={rate}")
