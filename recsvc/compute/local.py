"""Train in this process, on the configured number of threads, if the memory suffices."""

from collections.abc import Iterator

from recsvc.compute.machine_memory import available_bytes
from recsvc.errors import NotEnoughMemory
from recsvc.rbm.evaluation import use_threads
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.model_kind import ModelKind
from recsvc.rbm.training import trainer
from recsvc.rbm.training.trainer import EpochReport, TrainerState, TrainingData


def check_memory(required_bytes: int, *, limit_bytes: int | None) -> None:
    """Raise NotEnoughMemory if a job needs more memory than is available.

    limit_bytes  the configured limit; None: the memory that the machine has left
    """
    available = available_bytes() if limit_bytes is None else limit_bytes
    if required_bytes > available:
        raise NotEnoughMemory(required_bytes, available)


def train(
    data: TrainingData,
    hyper: Hyperparameters,
    *,
    model_kind: ModelKind,
    seed: int,
    state: TrainerState,
    n_threads: int,
) -> Iterator[tuple[EpochReport, TrainerState]]:
    """Run `recsvc.rbm.training.trainer.train` on so many threads."""
    use_threads(n_threads)
    return trainer.train(data, hyper, seed=seed, state=state, model_kind=model_kind)
