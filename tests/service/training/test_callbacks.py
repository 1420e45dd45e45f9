"""Callbacks of a fit: what each of them does with an epoch."""

from dataclasses import MISSING, fields
from types import SimpleNamespace

from recsvc.rbm.training.trainer import EpochReport
from recsvc.service.training.callbacks import Callback, RollbackWarner, RunRecorder
from recsvc.service.training.fit_loop import EpochResult
from recsvc.service.training_progress import TrainingProgress
from recsvc.service.training_spec import TrainingSpec


def report(epoch: int, *, train_nll: float = 1.0) -> EpochReport:
    metrics = {field.name: 0.5 for field in fields(EpochReport) if field.default is MISSING}
    return EpochReport(**{**metrics, "epoch": epoch, "train_nll": train_nll})


def result(epoch: int, *, rolled_back: bool = False, **metrics: float) -> EpochResult:
    state = SimpleNamespace(best_epoch=2)
    return EpochResult(report(epoch, **metrics), state, 0.1, None, rolled_back)


def test_callback_ignores_epochs_by_default():
    Callback().on_epoch_end(result(1))
    Callback().on_fit_end(result(1).state)


def test_run_recorder_replaces_epochs_that_a_resumed_job_repeats():
    spec = TrainingSpec({"n_hidden": 4}, "user_rbm")
    recorder = RunRecorder(spec, SimpleNamespace(progress=TrainingProgress(epochs=9)), [])

    for epoch, train_nll in ((0, 3.0), (1, 2.0), (2, 1.5), (1, 2.5), (2, 1.0)):
        recorder.on_epoch_end(result(epoch, train_nll=train_nll))

    assert [row["epoch"] for row in recorder.rows] == [0, 1, 2]
    assert recorder.record().series("train_nll").values.tolist() == [3.0, 2.5, 1.0]
    assert not recorder.record().is_over


def test_rollback_warner_warns_of_epochs_that_diverged():
    warnings: list[str] = []
    warner = RollbackWarner(warnings)

    warner.on_epoch_end(result(3))
    warner.on_epoch_end(result(4, rolled_back=True))

    assert warnings == [
        "Training diverged in epoch 4, at a learning rate of 0.5. It continued from epoch 2 at a "
        "tenth of that rate."
    ]
