"""Report of a sweep: trials, sensitivity, curves and the next step."""

from math import inf

from rich.markup import escape
from rich.text import Text

from recsvc.cli.views import console_output, sweep_view
from recsvc.cli.views.console_plot import print_plot
from recsvc.client import FINAL_STATES, Client, Sweep, Trial
from recsvc.plots.curve_plot import MAX_JOBS, Curve, build_plot

BAR_LENGTH = 24
MIN_HEADROOM = 0.005  # share of the worst best value


def print_sweep(client: Client, sweep: Sweep) -> None:
    """Print the trials of a sweep, the sensitivity, the curves and the next step."""
    _print_trials(sweep)
    _print_curves(client, sweep)
    console_output.print_line("")
    _print_failures(client, sweep)
    _print_advice(client, sweep)


def _print_trials(sweep: Sweep) -> None:
    console_output.print_line(Text(sweep_view.title(sweep), "bold"))
    console_output.stdout.print(sweep_view.build_table(sweep, sweep_view.rank_trials(sweep)))
    if sweep["sensitivity"] and sweep["kind"] != "rate_range":
        console_output.print_line("")
        rows = [
            (one["hyperparameter"], f"{one['share']:.0%}", "█" * round(BAR_LENGTH * one["share"]))
            for one in sweep["sensitivity"]
        ]
        console_output.print_table(("hyperparameter", "explained variance", ""), rows)


def _print_curves(client: Client, sweep: Sweep) -> None:
    """Print a plot of the curves of the best trials."""
    started = [trial for trial in sweep_view.rank_trials(sweep) if trial["epochs"]]
    if not started:
        return
    curves = [_fetch_curve(client, trial) for trial in started[:MAX_JOBS]]
    console_output.print_line("")
    plot = build_plot(curves, [sweep["metric"]], ceiling=_ceiling(sweep))
    print_plot(console_output.stdout, plot)
    if len(started) > MAX_JOBS:
        console_output.print_line(f"The best {MAX_JOBS} of {len(started)} trials are drawn.")


def _ceiling(sweep: Sweep) -> float:
    """Return the value at which curves are cut off.

    The space above the worst trial equals its distance to the best one. Without a ceiling, a
    diverging trial would flatten all other curves.
    """
    bests = [trial["best"] for trial in sweep["trials"] if trial["best"] is not None]
    if sweep["metric"] == "validation_ndcg":
        return inf
    worst = max(bests)
    return worst + max(worst - min(bests), MIN_HEADROOM * worst)


def _fetch_curve(client: Client, trial: Trial) -> Curve:
    curve = client.curve(trial["job_id"])
    return Curve(
        trial["job_id"],
        curve["state"],
        curve["epochs"],
        curve["best_epoch"],
        curve["baselines"] or {},
        hyperparameters={
            name: sweep_view.format_hyperparameter(own)
            for name, own in trial["hyperparameters"].items()
        },
    )


def _print_failures(client: Client, sweep: Sweep) -> None:
    """Print the errors of failed trials, grouped by error."""
    reasons: dict[str, list[str]] = {}
    for trial in sweep["trials"]:
        if trial["state"] == "failed" and not trial["stopped_early"]:
            error = client.job("training", trial["job_id"])["error"] or {}
            reason = f"{error.get('title')}. {error.get('detail', '')}"
            reasons.setdefault(reason, []).append(str(trial["job_id"]))
    for reason, jobs in reasons.items():
        noun = "Jobs" if len(jobs) > 1 else "Job"
        console_output.print_line(f"[red]{noun} {', '.join(jobs)} failed:[/] {escape(reason)}")


def _print_advice(client: Client, sweep: Sweep) -> None:
    """Print the best trial or the suggested learning rate."""
    if sweep["kind"] == "rate_range":
        if sweep["state"] in FINAL_STATES:
            _print_suggestion(client, sweep)
    elif sweep["best_model_version"] is not None:
        best = f"job {sweep['best_job_id']}, model version {sweep['best_model_version']}"
        console_output.print_line(
            f"Best trial: {best}. Publish it: recsvc sweep publish {sweep['id']}"
        )


def _print_suggestion(client: Client, sweep: Sweep) -> None:
    found = sweep["suggestion"]
    if found is None:
        ended = sum(trial["state"] == "succeeded" for trial in sweep["trials"])
        if ended == 0:
            console_output.print_line("No learning rate can be suggested: no trial succeeded.")
            return
        which = "these learning rates" if ended == len(sweep["trials"]) else "the finished trials"
        console_output.print_line(
            f"The loss decreases in none of {which}. Try another range: --low, --high."
        )
        return
    rate, low, high = (
        sweep_view.format_hyperparameter(found[name])
        for name in ("learning_rate", "falls_from", "falls_to")
    )
    rises = found["diverges_at"]
    ends = "" if rises is None else f" and increases from {sweep_view.format_hyperparameter(rises)}"
    kind = client.job("training", sweep["trials"][0]["job_id"]).get("model_kind")
    falls = low if low == high else f"from {low} to {high}"
    console_output.print_line(
        f"The loss decreases at learning rates {falls}{ends}. Suggested: {rate}"
    )
    console_output.print_line(
        f"Train with it: recsvc train --kind {kind} --set learning_rate={rate}"
    )
