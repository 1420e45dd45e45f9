"""The epochs of one fit, with checkpoints from which an interrupted job resumes."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from recsvc.compute import local
from recsvc.db.jobs.queue import JobQueue, Lease
from recsvc.db.models.shelf_references import find_shelf_references
from recsvc.db.session import unit_of_work
from recsvc.db.tables import Job
from recsvc.errors import CheckpointUnreadable, ShelfError
from recsvc.rbm import checkpoint
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.model import Model
from recsvc.rbm.model_kind import MACHINES
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.training.trainer import EpochReport, TrainerState, TrainingData
from recsvc.service.context import Context
from recsvc.service.models.split import Split
from recsvc.service.training import initialization
from recsvc.service.training_spec import TrainingSpec


@dataclass(frozen=True)
class EpochResult:
    """One epoch of a fit.

    seconds      that the epoch took
    eta_seconds  estimated seconds until the end of the fit, None before any epoch was timed
    rolled_back  whether the epoch diverged and training went back to its best epoch
    """

    report: EpochReport
    state: TrainerState
    seconds: float
    eta_seconds: float | None
    rolled_back: bool


@dataclass(frozen=True)
class FitPlan:
    """The ratings and hyperparameters of one fit.

    train, validation  rows are users
    is_evaluated       whether the model is evaluated on the split's validation ratings, so that a
                       warm start must not have seen them
    """

    spec: TrainingSpec
    hyper: Hyperparameters
    split: Split
    train: RatingMatrix
    validation: RatingMatrix
    is_evaluated: bool

    @classmethod
    def for_train_ratings(
        cls, spec: TrainingSpec, hyper: Hyperparameters, split: Split
    ) -> "FitPlan":
        """Fit to the train ratings and validate on the others."""
        return cls(spec, hyper, split, split.train, split.validation, is_evaluated=True)

    @classmethod
    def for_all_ratings(
        cls, spec: TrainingSpec, hyper: Hyperparameters, split: Split, *, epochs: int
    ) -> "FitPlan":
        """Fit to all ratings, for as many epochs as were best for the train ratings.

        The learning rate falls within these epochs.
        """
        nothing = split.everything.select(np.zeros(split.everything.n_ratings, dtype=np.bool_))
        hyper = replace(hyper, epochs=max(1, epochs))
        return cls(spec, hyper, split, split.everything, nothing, is_evaluated=False)

    def training_data(self) -> TrainingData:
        """Return the ratings with the machine's cases as rows."""
        train, validation, scale = self.train, self.validation, self.split.scale
        if MACHINES[self.spec.model_kind].cases_are_items:
            train, validation = train.transpose(), validation.transpose()
        return TrainingData(train, validation, np.array(scale.values), scale.first_liked)


def initial_state(
    context: Context, plan: FitPlan, data: TrainingData, checkpoint_sha256: str | None
) -> tuple[TrainerState, list[str]]:
    """Return the checkpointed or a new state, with warnings for the job's result.

    An unreadable checkpoint costs time only: the same seed leads to the same weights.
    """
    warnings = []
    if checkpoint_sha256 is not None:
        try:
            return checkpoint.read_state(context.shelf.map(checkpoint_sha256)), []
        except (ShelfError, CheckpointUnreadable) as error:
            warnings.append(f"Training restarted from the beginning: {error.detail}")
    params, ignored = initialization.initial_params(
        context, plan.split, data.train, plan.hyper, plan.spec, is_evaluated=plan.is_evaluated
    )
    return TrainerState.initial(params), warnings + ignored


def run_epochs(
    context: Context, lease: Lease, plan: FitPlan, data: TrainingData, state: TrainerState
) -> Iterator[EpochResult]:
    """Yield each epoch; store a checkpoint every few seconds, after the caller used the epoch."""
    start = saved = latest = time.monotonic()
    first_epoch, rollbacks = state.epoch, state.rollbacks
    epochs = local.train(
        data,
        plan.hyper,
        model_kind=plan.spec.model_kind,
        seed=plan.spec.seed,
        state=state,
        n_threads=context.training_threads,
    )
    for report, reached in epochs:
        now = time.monotonic()
        done = report.epoch - first_epoch
        eta = (plan.hyper.epochs - report.epoch) * (now - start) / done if done > 0 else None
        yield EpochResult(report, reached, now - latest, eta, reached.rollbacks > rollbacks)
        rollbacks = reached.rollbacks
        if time.monotonic() - saved >= context.checkpoint_seconds and report.epoch > 0:
            _store(context, lease, checkpoint.write_state(reached), JobQueue.record_checkpoint)
            saved = time.monotonic()
        latest = time.monotonic()


def store_evaluated_model(context: Context, lease: Lease, model: Model) -> str:
    """Store the fitted model, from which the job resumes from now on; return its SHA-256."""
    return _store(context, lease, checkpoint.write_model(model), JobQueue.record_judged_model)


def _store(
    context: Context, lease: Lease, data: bytes, record: Callable[[JobQueue, Lease, str], None]
) -> str:
    """Store an object, record it on the job, and remove the checkpoint that it replaces."""
    sha256 = context.shelf.put(data)
    with unit_of_work(context.database) as session:
        before = session.get_one(Job, lease.job_id).checkpoint_sha256
        record(JobQueue(session), lease, sha256)
        still_used = find_shelf_references(session)  # an equal job may resume from the same object
    if before is not None and before not in still_used:
        context.shelf.remove(before)
    return sha256
