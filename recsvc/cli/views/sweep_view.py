"""How the trials of a sweep are told: while they learn, and in a table."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from recsvc.cli.views import console_output
from recsvc.client import FINAL_STATES, Sweep, Trial

METRICS = {"validation_ndcg": "nDCG@10", "validation_nll": "NLL"}
KINDS = {"grid": "grid", "random": "random draw", "rate_range": "learning-rate range test"}
LINES_AROUND = 5  # of a terminal: the live display's head and foot, and the prompt


class Watching:
    """The trials as they learn, a line for each; goes to stderr.

    Where that is no terminal, a trial that begins or ends is told in a line.
    """

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._told: dict[int, str] = {}
        self._live = Live(console=console_output.messages, transient=True, refresh_per_second=4)

    def __enter__(self) -> Self:
        if console_output.messages.is_terminal:
            self._live.start()
        self.stands(self._sweep)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def stands(self, sweep: Sweep) -> None:
        """Take in how far the sweep is."""
        self._sweep = sweep
        if console_output.messages.is_terminal:
            self._live.update(self._drawn(console_output.messages.height - LINES_AROUND))
            return
        for number, trial in enumerate(sweep["trials"], start=1):
            if self._told.get(trial["job_id"], "queued") != trial["state"]:
                self._told[trial["job_id"]] = trial["state"]
                console_output.note(
                    f"trial {number} of {len(sweep['trials'])}, {_told(sweep, trial)}"
                )

    def _drawn(self, most: int) -> RenderableType:
        trials = self._sweep["trials"]
        shown = _in_sight(self._sweep, max(1, most))
        over = sum(trial["state"] in FINAL_STATES for trial in trials)
        head = f"{title(self._sweep)}, {over} of {len(trials)} over"
        foot = [Text(f"and {len(trials) - len(shown)} more", "dim")] if shown != trials else []
        return Group(Text(head, "bold"), table(self._sweep, shown), *foot)


def _in_sight(sweep: Sweep, most: int) -> list[Trial]:
    """Give all trials, or where there is no room those that learn and then the best."""
    if len(sweep["trials"]) <= most:
        return sweep["trials"]
    by_rank = ranked(sweep)
    return sorted(by_rank, key=lambda trial: trial["state"] != "running")[:most]


def title(sweep: Sweep) -> str:
    """Name a sweep and its state."""
    return f"Sweep {sweep['id']}, a {KINDS[sweep['kind']]}: {sweep['state']}"


def _told(sweep: Sweep, trial: Trial) -> str:
    said = f"job {trial['job_id']}, {_asked(trial)}: {_state(trial).plain}"
    if trial["best"] is None:
        return said
    figure = f"validation {METRICS[sweep['metric']]} {trial['best']:.4f}"
    return f"{said}, {figure} in epoch {trial['best_epoch']}"


def _asked(trial: Trial) -> str:
    own = trial["hyperparameters"].items()
    return ", ".join(f"{name} {plain(value)}" for name, value in own)


def plain(value: float | str) -> str:
    """Give a hyperparameter as one would type it."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def ranked(sweep: Sweep) -> list[Trial]:
    """Put those that have made a model first, and the better before the worse.

    Those of a range test stay in the order of their rates.
    """
    if sweep["kind"] == "rate_range":
        return sweep["trials"]
    sign = -1 if sweep["metric"] == "validation_ndcg" else 1

    def place(trial: Trial) -> tuple[bool, bool, float, int]:
        best = trial["best"]
        return trial["state"] != "succeeded", best is None, sign * (best or 0.0), trial["job_id"]

    return sorted(sweep["trials"], key=place)


def table(sweep: Sweep, trials: Sequence[Trial]) -> RenderableType:
    """Set trials as a table, what they differ in before what came of it."""
    names = list(sweep["trials"][0]["hyperparameters"])
    columns = ("job", *names, "state", "epochs", METRICS[sweep["metric"]], "best epoch", "")
    return console_output.table(columns, [_row(sweep, trial, names) for trial in trials])


def _row(sweep: Sweep, trial: Trial, names: Sequence[str]) -> tuple[object, ...]:
    is_best = trial["job_id"] == sweep["best_job_id"] and sweep["kind"] != "rate_range"
    return (
        trial["job_id"],
        *(_cell(trial["hyperparameters"][name]) for name in names),
        _state(trial),
        trial["epochs"],
        trial["best"],
        trial["best_epoch"],
        Text("best", "green") if is_best else "",
    )


def _cell(value: float | str) -> Text:
    return Text(plain(value), justify="left" if isinstance(value, str) else "right")


def _state(trial: Trial) -> Text:
    if trial["stopped_early"]:
        return Text("stopped early", "yellow")
    return console_output.state(trial["state"])
