"""Train in this process, on as many threads as allowed, if it fits."""

from collections.abc import Iterator

from recsvc.compute.memory import available_bytes
from recsvc.errors import NotEnoughMemory
from recsvc.rbm.evaluation import use_threads
from recsvc.rbm.model_kind import ModelKind
from recsvc.rbm.params import Hyperparameters
from recsvc.rbm.training import trainer
from recsvc.rbm.training.trainer import EpochReport, TrainerState, TrainingData


def refuse_what_does_not_fit(needed_bytes: int, *, limit_bytes: int | None) -> None:
    """Raise NotEnoughMemory rather than be killed half-way.

    limit_bytes  what an operator allows; None: what the machine has left
    """
    available = available_bytes() if limit_bytes is None else limit_bytes
    if needed_bytes > available:
        raise NotEnoughMemory(needed_bytes, available)


def train(
    data: TrainingData,
    hyper: Hyperparameters,
    *,
    model_kind: ModelKind,
    seed: int,
    state: TrainerState,
    n_threads: int,
) -> Iterator[tuple[EpochReport, TrainerState]]:
    """Do what `recsvc.rbm.training.train` does, here."""
    use_threads(n_threads)
    return trainer.train(data, hyper, seed=seed, state=state, model_kind=model_kind)
