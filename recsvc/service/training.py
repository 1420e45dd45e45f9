"""Training jobs: asked for at the door, carried out by a worker's child process.

The figures of every epoch are written as they come. The trainer's state goes to the shelf every
few seconds, so that a killed job goes on from there to the very same weights.
"""

import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from recsvc.db import interactions, items, ratings
from recsvc.db.jobs import JobQueue, Lease
from recsvc.db.references import referenced_objects
from recsvc.db.session import Session, reading, unit_of_work
from recsvc.db.tables import Job
from recsvc.engine import local
from recsvc.engine.memory import needed_bytes
from recsvc.errors import CheckpointUnreadable, IdenticalRatings, ShelfError, TooFewRatings
from recsvc.rbm import checkpoint
from recsvc.rbm.checkpoint import Snapshot
from recsvc.rbm.params import Hyperparameters, ModelKind
from recsvc.rbm.ratings import RatingScale
from recsvc.rbm.training import EpochReport, TrainerState, TrainingData
from recsvc.service import beginning, releasing, snapshots
from recsvc.service.context import Context
from recsvc.service.judging import Split, baseline_figures, split_of
from recsvc.service.training_spec import TrainingSpec

KIND = "training"
LEAST_USERS, LEAST_ITEMS, LEAST_RATINGS = 3, 3, 20
LEAST = f"{LEAST_RATINGS} ratings or interactions, {LEAST_USERS} users and {LEAST_ITEMS} items"
LIKELY_LEVELS = 10


def request_training(session: Session, *, spec: TrainingSpec, now: datetime) -> Job:
    """Queue a training job. Raises UnknownHyperparameter, InvalidHyperparameter."""
    spec.chosen()
    return JobQueue(session).enqueue(KIND, spec=spec.as_dict(), now=now)


def carry_out(context: Context, lease: Lease, job: Job) -> dict[str, Any]:
    """Train, evaluate, and publish if asked to; give the job's result.

    Raises TrainingFailed for ratings that cannot be learned from, LeaseLost.
    """
    if (released := releasing.already_released(context, job)) is not None:
        return released
    spec = TrainingSpec.from_dict(job.spec)
    hyper = spec.chosen()
    _refuse_too_much(context, spec, hyper)
    note = {**(job.progress_note or {}), "phase": "reading ratings", "epochs": hyper.epochs}
    _say(context, lease, job.progress, note)
    snapshot, snapshot_sha256 = snapshots.taken(context, lease, job)
    scale = _scale(context, snapshot, spec)
    split = split_of(snapshot, scale, share=spec.validation_share)
    baselines = baseline_figures(split)
    data = _oriented(spec.model_kind, split)
    state, warnings = _first_state(context, job, spec, hyper, split, data)
    note = {"epochs": hyper.epochs, "baselines": baselines}
    for _, latest in _followed(context, lease, data, hyper, state, spec, note):
        state = latest

    def told(phase: str) -> None:
        _say(context, lease, 1.0, {**note, "phase": phase, "epoch": state.epoch})

    told("evaluating")
    return releasing.release(
        context,
        lease,
        releasing.Candidate(spec, hyper, state, split, baselines, snapshot_sha256, warnings),
        told=told,
    )


def _refuse_too_much(context: Context, spec: TrainingSpec, hyper: Hyperparameters) -> None:
    """Refuse, before anything is read, a job that would not fit in memory."""
    with reading(context.database) as session:
        n_ratings = ratings.count_ratings(session) + interactions.count_interactions(session)
        n_users, n_items = ratings.count_users(session), items.count_items(session)
    scale = context.rating_scale
    needed = needed_bytes(
        n_users=n_users,
        n_items=n_items,
        n_ratings=n_ratings,
        n_levels=scale.n_levels if scale else LIKELY_LEVELS,
        model_kind=spec.model_kind,
        hyper=hyper,
    )
    local.refuse_what_does_not_fit(needed, limit_bytes=context.memory_limit_bytes)


def _scale(context: Context, snapshot: Snapshot, spec: TrainingSpec) -> RatingScale:
    """Give the declared or inferred scale of what can be learned from.

    A joint machine learns from interactions, too: each type that occurs gets a level.
    """
    values = snapshot.values
    events = snapshot.events() if spec.model_kind == "joint_rbm" else ()
    n_users, n_items = len(snapshot.users), len(snapshot.items)
    n_told = values.size + (snapshot.event_users.size if events else 0)
    if n_users < LEAST_USERS or n_items < LEAST_ITEMS or n_told < LEAST_RATINGS:
        raise TooFewRatings(n_told, n_users, n_items, LEAST)
    if not events and values.min() == values.max():
        raise IdenticalRatings(float(values[0]))
    if values.size == 0:
        return RatingScale((), (), events)
    return replace(context.rating_scale or RatingScale.infer(values), events=events)


def _oriented(model_kind: ModelKind, split: Split) -> TrainingData:
    """Let the rows be the machine's cases."""
    train, validation = split.train, split.validation
    if model_kind == "item_rbm":
        train, validation = train.transposed(), validation.transposed()
    return TrainingData(train, validation, np.array(split.scale.values), split.scale.first_liked)


def _first_state(
    context: Context,
    job: Job,
    spec: TrainingSpec,
    hyper: Hyperparameters,
    split: Split,
    data: TrainingData,
) -> tuple[TrainerState, list[str]]:
    """Resume at the job's checkpoint, or begin; with warnings for the job's result.

    A checkpoint that has gone bad costs time and nothing else: the same seed comes to the same
    weights from the beginning.
    """
    warnings = []
    if job.checkpoint_sha256 is not None:
        try:
            return checkpoint.read_state(context.shelf.map(job.checkpoint_sha256)), []
        except (ShelfError, CheckpointUnreadable) as error:
            warnings.append(f"Training began again from the start: {error.detail}")
    params, refused = beginning.first_params(
        context, split, data.train, hyper,
        model_kind=spec.model_kind, seed=spec.seed, warm_start=spec.warm_start,
    )  # fmt: skip
    return TrainerState.initial(params), warnings + refused


def _followed(
    context: Context,
    lease: Lease,
    data: TrainingData,
    hyper: Hyperparameters,
    state: TrainerState,
    spec: TrainingSpec,
    note: dict[str, Any],
) -> Iterator[tuple[EpochReport, TrainerState]]:
    """Train, writing down every epoch and, every few seconds, the state to resume from."""
    began = saved = time.monotonic()
    first_epoch = state.epoch
    epochs = local.train(
        data,
        hyper,
        model_kind=spec.model_kind,
        seed=spec.seed,
        state=state,
        n_threads=context.training_threads,
    )
    latest = began
    for report, reached in epochs:
        now = time.monotonic()
        share = report.epoch / hyper.epochs
        done = report.epoch - first_epoch
        eta = (hyper.epochs - report.epoch) * (now - began) / done if done > 0 else None
        with unit_of_work(context.database) as session:
            jobs = JobQueue(session)
            figures = {**asdict(report), "seconds": now - latest}
            jobs.add_epoch(lease, figures, now=datetime.now(UTC))
            told = {"phase": "training", "epoch": report.epoch, "eta_seconds": eta}
            jobs.progress(lease, share, {**note, **told, "best_epoch": reached.best_epoch})
        if now - saved >= context.checkpoint_seconds and report.epoch > 0:
            _save(context, lease, reached)
            saved = time.monotonic()
        yield report, reached
        latest = time.monotonic()


def _save(context: Context, lease: Lease, state: TrainerState) -> None:
    """Put the state on the shelf, point the job at it, and drop the state before."""
    sha256 = context.shelf.put(checkpoint.write_state(state))
    with unit_of_work(context.database) as session:
        before = session.get_one(Job, lease.job_id).checkpoint_sha256
        JobQueue(session).checkpointed(lease, sha256)
        still_wanted = referenced_objects(session)  # a twin of this job may resume from the same
    if before is not None and before not in still_wanted:
        context.shelf.remove(before)


def _say(context: Context, lease: Lease, share: float, note: dict[str, Any]) -> None:
    with unit_of_work(context.database) as session:
        JobQueue(session).progress(lease, share, note)
