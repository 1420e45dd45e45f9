"""How trials look while they learn, drawn as on a terminal."""

import io

import pytest
from rich.console import Console

from recsvc.cli.views import console_output
from recsvc.cli.views.sweep_view import SweepView, rank_trials


def trial(number: int, state: str = "queued", best: float | None = None, **more: object) -> dict:
    known = {"hyperparameters": {"learning_rate": number / 1000}, "stopped_early": False}
    epochs = {"epochs": 0 if best is None else 9, "best_epoch": None if best is None else 4}
    return known | epochs | {"job_id": number, "state": state, "best": best} | more


def sweep(*trials: dict, kind: str = "grid", metric: str = "validation_nll") -> dict:
    known = {"id": 3, "kind": kind, "state": "running", "metric": metric, "best_job_id": 1}
    return known | {"trials": list(trials), "sensitivity": []}


@pytest.fixture
def render(monkeypatch):
    """Show a sweep on a terminal of so many lines; give what is on it."""

    def see(shown: dict, height: int = 40) -> str:
        console = Console(
            file=io.StringIO(), width=100, height=height, force_terminal=True, color_system=None
        )
        monkeypatch.setattr(console_output, "stderr", console)
        with SweepView(shown) as watching:
            watching.update(shown)
            watching._live.refresh()
            return console.file.getvalue()[len("\x1b[?25l") :]

    return see


def lines(seen: str) -> list[str]:
    return seen.rpartition("Sweep 3")[2].splitlines()


def test_sweep_view_has_line_per_trial_with_state_epochs_and_best(render):
    shown = render(sweep(trial(1, "succeeded", 1.25), trial(2, "running", 1.5), trial(3)))

    assert lines(shown)[0] == ", grid: running, 1 of 3 finished"
    assert [line.split() for line in lines(shown)[2:5]] == [
        ["1", "0.001", "succeeded", "9", "1.2500", "4", "best"],
        ["2", "0.002", "running", "9", "1.5000", "4"],
        ["3", "0.003", "queued", "0", "–", "–"],
    ]


def test_sweep_view_keeps_running_then_best_trials_in_small_terminal(render):
    over = [trial(n, "succeeded", 1 + n / 100) for n in range(1, 30)]

    shown = lines(render(sweep(*reversed(over), trial(40, "running", 2.0), trial(41)), height=9))

    assert [line.split()[0] for line in shown[2:6]] == ["40", "1", "2", "3"]
    assert shown[6] == "and 27 more"


def test_sweep_view_marks_trial_stopped_early(render):
    assert "stopped early" in render(sweep(trial(1, "failed", 1.4, stopped_early=True)))


def test_sweep_view_shows_text_values(render):
    word = trial(1, hyperparameters={"leave_out": "odd", "learning_rate": 1e-05})

    assert lines(render(sweep(word)))[2].split()[:3] == ["1", "odd", "1e-05"]


def test_rank_trials_puts_succeeded_first_by_metric():
    trials = (
        trial(1, "failed", 1.1),
        trial(2, "succeeded", 1.4),
        trial(3),
        trial(4, "succeeded", 1.3),
    )

    assert [one["job_id"] for one in rank_trials(sweep(*trials))] == [4, 2, 1, 3]
    by_lists = rank_trials(sweep(*trials, metric="validation_ndcg"))
    assert [one["job_id"] for one in by_lists] == [2, 4, 1, 3]


def test_rank_trials_keeps_order_of_range_test():
    trials = trial(1, "succeeded", 1.4), trial(2, "succeeded", 1.3)

    assert [one["job_id"] for one in rank_trials(sweep(*trials, kind="rate_range"))] == [1, 2]
