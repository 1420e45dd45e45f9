"""A machine fitted inside a job: every epoch is told, and the state kept to resume from."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from recsvc.compute import local
from recsvc.db.jobs.queue import JobQueue, Lease
from recsvc.db.models.shelf_references import find_shelf_references
from recsvc.db.session import unit_of_work
from recsvc.db.tables import Job
from recsvc.errors import CheckpointUnreadable, ShelfError
from recsvc.rbm import checkpoint
from recsvc.rbm.model import Model
from recsvc.rbm.model_kind import MACHINES
from recsvc.rbm.params import Hyperparameters
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.training.trainer import EpochReport, TrainerState, TrainingData
from recsvc.service.context import Context
from recsvc.service.models.comparison import Split
from recsvc.service.training import initialization
from recsvc.service.training_spec import TrainingSpec


@dataclass(frozen=True)
class Lap:
    """One epoch of a fit.

    seconds  that it took
    eta      seconds that the fit still takes, None before any epoch was timed
    """

    report: EpochReport
    state: TrainerState
    seconds: float
    eta: float | None


@dataclass(frozen=True)
class Fit:
    """What a machine is fitted to, and as what.

    train, validation  rows are users
    judged             whether it begins where a model begins that must not have seen validation
    """

    spec: TrainingSpec
    hyper: Hyperparameters
    split: Split
    train: RatingMatrix
    validation: RatingMatrix
    judged: bool

    @classmethod
    def to_train(cls, spec: TrainingSpec, hyper: Hyperparameters, split: Split) -> "Fit":
        """Learn from train ratings; validation ratings tell how well."""
        return cls(spec, hyper, split, split.train, split.validation, judged=True)

    @classmethod
    def to_everything(
        cls, spec: TrainingSpec, hyper: Hyperparameters, split: Split, *, epochs: int
    ) -> "Fit":
        """Learn from all ratings, as long as was best for train ratings: the rate falls by then."""
        nothing = split.everything.select(np.zeros(split.everything.n_ratings, dtype=np.bool_))
        long = replace(hyper, epochs=max(1, epochs))
        return cls(spec, long, split, split.everything, nothing, judged=False)

    def data(self) -> TrainingData:
        """Let the rows be the machine's cases."""
        train, validation, scale = self.train, self.validation, self.split.scale
        if MACHINES[self.spec.model_kind].cases_are_items:
            train, validation = train.transposed(), validation.transposed()
        return TrainingData(train, validation, np.array(scale.values), scale.first_liked)


def first_state(
    context: Context, fit: Fit, data: TrainingData, resumed_at: str | None
) -> tuple[TrainerState, list[str]]:
    """Resume at a checkpoint, if there is one, or begin; with warnings for the job's result.

    A checkpoint that has gone bad costs time and nothing else: the same seed comes to the same
    weights from the beginning.
    """
    warnings = []
    if resumed_at is not None:
        try:
            return checkpoint.read_state(context.shelf.map(resumed_at)), []
        except (ShelfError, CheckpointUnreadable) as error:
            warnings.append(f"Training began again from the start: {error.detail}")
    params, refused = initialization.first_params(
        context, fit.split, data.train, fit.hyper, fit.spec, judged=fit.judged
    )
    return TrainerState.initial(params), warnings + refused


def laps(
    context: Context, lease: Lease, fit: Fit, data: TrainingData, state: TrainerState
) -> Iterator[Lap]:
    """Train, keeping the state to resume from every few seconds, once what is told is written."""
    began = saved = latest = time.monotonic()
    first_epoch = state.epoch
    epochs = local.train(
        data,
        fit.hyper,
        model_kind=fit.spec.model_kind,
        seed=fit.spec.seed,
        state=state,
        n_threads=context.training_threads,
    )
    for report, reached in epochs:
        now = time.monotonic()
        done = report.epoch - first_epoch
        eta = (fit.hyper.epochs - report.epoch) * (now - began) / done if done > 0 else None
        yield Lap(report, reached, now - latest, eta)
        if time.monotonic() - saved >= context.checkpoint_seconds and report.epoch > 0:
            _save(context, lease, reached)
            saved = time.monotonic()
        latest = time.monotonic()


def _save(context: Context, lease: Lease, state: TrainerState) -> None:
    """Put the state on the shelf, point the job at it, and drop the state before."""
    sha256 = context.shelf.put(checkpoint.write_state(state))
    with unit_of_work(context.database) as session:
        before = session.get_one(Job, lease.job_id).checkpoint_sha256
        JobQueue(session).record_checkpoint(lease, sha256)
        still_wanted = find_shelf_references(session)  # a twin of this job may resume from the same
    if before is not None and before not in still_wanted:
        context.shelf.remove(before)


def keep(context: Context, lease: Lease, judged: Model) -> str:
    """Keep a fitted model beside the job, which goes on from it and no more from its states."""
    sha256 = context.shelf.put(checkpoint.write_model(judged))
    with unit_of_work(context.database) as session:
        before = session.get_one(Job, lease.job_id).checkpoint_sha256
        JobQueue(session).record_judged_model(lease, sha256)
        still_wanted = find_shelf_references(session)
    if before is not None and before not in still_wanted:
        context.shelf.remove(before)
    return sha256
