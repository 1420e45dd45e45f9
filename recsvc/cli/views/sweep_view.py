"""The trials of a sweep: a live view and a table."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from recsvc.cli.views import console_output
from recsvc.client import FINAL_STATES, Sweep, Trial

METRICS = {"validation_ndcg": "nDCG@10", "validation_nll": "NLL"}
KIND_NAMES = {"grid": "grid", "random": "random search", "rate_range": "learning-rate range test"}
RESERVED_LINES = 5  # header, footer and the prompt of the terminal


class SweepView:
    """A live table of the trials on stderr, one line each.

    If stderr is not a terminal, each change of a trial's state prints one line.
    """

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._printed_states: dict[int, str] = {}
        self._live = Live(console=console_output.stderr, transient=True, refresh_per_second=4)

    def __enter__(self) -> Self:
        if console_output.stderr.is_terminal:
            self._live.start()
        self.update(self._sweep)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def update(self, sweep: Sweep) -> None:
        """Show the current state of the sweep."""
        self._sweep = sweep
        if console_output.stderr.is_terminal:
            self._live.update(self._render(console_output.stderr.height - RESERVED_LINES))
            return
        for number, trial in enumerate(sweep["trials"], start=1):
            if self._printed_states.get(trial["job_id"], "queued") != trial["state"]:
                self._printed_states[trial["job_id"]] = trial["state"]
                console_output.print_message(
                    f"trial {number} of {len(sweep['trials'])}, {_format_trial(sweep, trial)}"
                )

    def _render(self, most: int) -> RenderableType:
        trials = self._sweep["trials"]
        visible = _visible_trials(self._sweep, max(1, most))
        finished = sum(trial["state"] in FINAL_STATES for trial in trials)
        head = f"{title(self._sweep)}, {finished} of {len(trials)} finished"
        foot = [Text(f"and {len(trials) - len(visible)} more", "dim")] if visible != trials else []
        return Group(Text(head, "bold"), build_table(self._sweep, visible), *foot)


def _visible_trials(sweep: Sweep, most: int) -> list[Trial]:
    """Return at most `most` trials: all if they fit, else the running ones and the best."""
    if len(sweep["trials"]) <= most:
        return sweep["trials"]
    by_rank = rank_trials(sweep)
    return sorted(by_rank, key=lambda trial: trial["state"] != "running")[:most]


def title(sweep: Sweep) -> str:
    """Return the title of a sweep: number, kind and state."""
    return f"Sweep {sweep['id']}, {KIND_NAMES[sweep['kind']]}: {sweep['state']}"


def _format_trial(sweep: Sweep, trial: Trial) -> str:
    text = f"job {trial['job_id']}, {_format_hyperparameters(trial)}: {_format_state(trial).plain}"
    if trial["best"] is None:
        return text
    figure = f"validation {METRICS[sweep['metric']]} {trial['best']:.4f}"
    return f"{text}, {figure} in epoch {trial['best_epoch']}"


def _format_hyperparameters(trial: Trial) -> str:
    items = trial["hyperparameters"].items()
    return ", ".join(f"{name} {format_hyperparameter(value)}" for name, value in items)


def format_hyperparameter(value: float | str) -> str:
    """Format the value of a hyperparameter as an argument of --set."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def rank_trials(sweep: Sweep) -> list[Trial]:
    """Return the trials, succeeded ones first, by best metric.

    The trials of a range test keep the order of their learning rates.
    """
    if sweep["kind"] == "rate_range":
        return sweep["trials"]
    sign = -1 if sweep["metric"] == "validation_ndcg" else 1

    def place(trial: Trial) -> tuple[bool, bool, float, int]:
        best = trial["best"]
        return trial["state"] != "succeeded", best is None, sign * (best or 0.0), trial["job_id"]

    return sorted(sweep["trials"], key=place)


def build_table(sweep: Sweep, trials: Sequence[Trial]) -> RenderableType:
    """Build a table of trials: hyperparameters, then results."""
    names = list(sweep["trials"][0]["hyperparameters"])
    columns = ("job", *names, "state", "epochs", METRICS[sweep["metric"]], "best epoch", "")
    return console_output.build_table(columns, [_row(sweep, trial, names) for trial in trials])


def _row(sweep: Sweep, trial: Trial, names: Sequence[str]) -> tuple[object, ...]:
    is_best = trial["job_id"] == sweep["best_job_id"] and sweep["kind"] != "rate_range"
    return (
        trial["job_id"],
        *(_hyperparameter_cell(trial["hyperparameters"][name]) for name in names),
        _format_state(trial),
        trial["epochs"],
        trial["best"],
        trial["best_epoch"],
        Text("best", "green") if is_best else "",
    )


def _hyperparameter_cell(value: float | str) -> Text:
    return Text(format_hyperparameter(value), justify="left" if isinstance(value, str) else "right")


def _format_state(trial: Trial) -> Text:
    if trial["stopped_early"]:
        return Text("stopped early", "yellow")
    return console_output.format_state(trial["state"])
