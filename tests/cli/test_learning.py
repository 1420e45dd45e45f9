"""How a training job looks while it learns, drawn as on a terminal."""

import io

from rich.console import Console

from recsvc.cli.learning import Watching

JOB = {"id": 7, "state": "running", "progress": 0.5, "baselines": {"item_mean": {"rmse": 1.02}}}
EPOCH = {
    "epoch": 1,
    "validation_nll": 1.3,
    "validation_rmse": 0.97,
    "validation_ndcg": None,
    "train_nll": 1.2,
    "seconds": 0.5,
}


def drawn(*epochs: dict) -> str:
    watching = Watching(JOB)
    for epoch in epochs:
        watching.learned(EPOCH | epoch, JOB)
    console = Console(file=io.StringIO(), width=100)
    console.print(watching._drawn())
    return console.file.getvalue()


def test_a_kind_that_only_rates_shows_its_likelihood():
    shown = drawn({}, {"epoch": 2, "validation_nll": 1.2})

    assert "nDCG" not in shown
    assert "validation NLL  █▁" in shown
    assert "item mean 1.0200" in shown


def test_a_kind_that_makes_lists_shows_how_good_they_are():
    shown = drawn({"validation_ndcg": 0.21}, {"epoch": 2, "validation_ndcg": 0.34})

    assert "0.2100" in shown
    assert "validation nDCG@10  ▁█" in shown


def test_lists_are_shown_where_nothing_is_rated():
    nothing = {"validation_nll": None, "validation_rmse": None, "train_nll": None}

    shown = drawn({"validation_ndcg": 0.21, **nothing})

    assert "0.2100" in shown
    assert "–" in shown
