"""How a training job looks while it learns, drawn as on a terminal."""

import io

from rich.console import Console

from recsvc.cli.views import console_output
from recsvc.cli.views.training_view import TrainingView

JOB = {"id": 7, "state": "running", "progress": 0.5, "baselines": {"item_mean": {"rmse": 1.02}}}
EPOCH = {
    "epoch": 1,
    "validation_nll": 1.3,
    "validation_rmse": 0.97,
    "validation_ndcg": None,
    "train_nll": 1.2,
    "seconds": 0.5,
}


def render_view(*epochs: dict) -> str:
    watching = TrainingView(JOB)
    for epoch in epochs:
        watching.add_epoch(EPOCH | epoch, JOB)
    console = Console(file=io.StringIO(), width=100)
    console.print(watching._render())
    return console.file.getvalue()


def test_training_view_shows_likelihood_of_masked_kind():
    shown = render_view({}, {"epoch": 2, "validation_nll": 1.2})

    assert "nDCG" not in shown
    assert "validation NLL  █▁" in shown
    assert "item mean 1.0200" in shown


def test_training_view_shows_ndcg_of_joint_kind():
    shown = render_view({"validation_ndcg": 0.21}, {"epoch": 2, "validation_ndcg": 0.34})

    assert "0.2100" in shown
    assert "validation nDCG@10  ▁█" in shown


def test_training_view_shows_ndcg_without_ratings():
    nothing = {"validation_nll": None, "validation_rmse": None, "train_nll": None}

    shown = render_view({"validation_ndcg": 0.21, **nothing})

    assert "0.2100" in shown
    assert "–" in shown


def final_output(monkeypatch, *epochs: dict) -> str:
    console = Console(file=io.StringIO(), width=60, force_terminal=True, color_system=None)
    monkeypatch.setattr(console_output, "stderr", console)
    with TrainingView(JOB | {"best_epoch": 1}) as watching:
        for epoch in epochs:
            watching.add_epoch(EPOCH | epoch, JOB | {"best_epoch": 1, "state": "succeeded"})
    return console.file.getvalue()


def test_training_view_leaves_curve_after_training(monkeypatch):
    shown = final_output(monkeypatch, {}, {"epoch": 2, "validation_nll": 1.5})
    _, _, plot = shown.rpartition("Training job 7 · succeeded")

    assert "negative log-likelihood   v validation 1.5   t training 1.2" in plot
    assert "▲ best: epoch 1" in plot
    assert len(plot.splitlines()) == 1 + 2 + 6 + 2 + 1


def test_training_view_leaves_ndcg_curve_of_joint_kind(monkeypatch):
    ranked = ({"validation_ndcg": 0.2}, {"epoch": 2, "validation_ndcg": 0.3})

    assert "nDCG@10   v validation 0.3" in final_output(monkeypatch, *ranked)


def test_training_view_leaves_no_curve_after_single_epoch(monkeypatch):
    assert "·" not in final_output(monkeypatch, {})
