"""Training jobs: asked for at the door, carried out by a worker's child process.

The figures of every epoch are written as they come. The trainer's state goes to the shelf every
few seconds, so that a killed job goes on from there to the very same weights.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from recsvc.compute import local
from recsvc.compute.memory import needed_bytes
from recsvc.db.catalog import items
from recsvc.db.feedback import interactions, ratings
from recsvc.db.jobs.queue import JobQueue, Lease
from recsvc.db.session import Session, reading
from recsvc.db.tables import Job, JobKind
from recsvc.errors import IdenticalRatings, TooFewRatings, TrainingFailed
from recsvc.rbm.auto_hyperparameters import Shape
from recsvc.rbm.data_profile import profile
from recsvc.rbm.data_profile.exclusions import cleaned
from recsvc.rbm.model_kind import MACHINES
from recsvc.rbm.rating_matrix import RatingScale
from recsvc.rbm.snapshot import Snapshot
from recsvc.service.context import Context
from recsvc.service.diagnosis import finding_events
from recsvc.service.models.comparison import baseline_figures, split_of
from recsvc.service.training import release, snapshots
from recsvc.service.training.callbacks import Telling
from recsvc.service.training.pipeline import Learning
from recsvc.service.training.release import Candidate
from recsvc.service.training_spec import TrainingSpec

LEAST_USERS, LEAST_ITEMS, LEAST_RATINGS = 3, 3, 20
LEAST = f"{LEAST_RATINGS} ratings or interactions, {LEAST_USERS} users and {LEAST_ITEMS} items"
LIKELY_LEVELS = 10


def request_training(session: Session, *, spec: TrainingSpec, now: datetime) -> Job:
    """Queue a training job. Raises UnknownHyperparameter, InvalidHyperparameter."""
    spec.chosen()
    return JobQueue(session).enqueue(JobKind.TRAINING, spec=spec.as_dict(), now=now)


def carry_out(context: Context, lease: Lease, job: Job) -> dict[str, Any]:
    """Train, evaluate, and publish if asked to; tell what is found, give the job's result.

    Raises TrainingFailed for ratings that cannot be learned from, LeaseLost.
    """
    if (released := release.already_released(context, job)) is not None:
        return released
    try:
        result = _trained(context, lease, job)
    except TrainingFailed as failure:
        finding_events.announce_last(context, lease, failure=failure)
        raise
    finding_events.announce_last(context, lease, metrics=result["metrics"])
    return result


def _trained(context: Context, lease: Lease, job: Job) -> dict[str, Any]:
    spec = TrainingSpec.from_dict(job.spec)
    _refuse_too_much(context, spec)
    telling = Telling(context, lease, job.progress_note or {})
    telling.phase("reading ratings", job.progress)
    snapshot, snapshot_sha256 = snapshots.taken(context, lease, job)
    snapshot = cleaned(snapshot, spec.chosen().leave_out)
    telling.note["remarks"] = {one.code: one.share for one in profile(snapshot).remarks}
    scale = scale_of(context, snapshot, spec)
    split = split_of(snapshot, scale, share=spec.validation_share)
    shape = Shape.of(split.everything, scale.n_all_levels)
    hyper, choices = spec.suited(shape)
    baselines = baseline_figures(split)
    telling.note |= {
        "epochs": hyper.epochs,
        "baselines": baselines,
        "choices": {name: choice._asdict() for name, choice in choices.items()},
        "ratings_per_parameter": shape.ratings_per_parameter(hyper.n_hidden),
    }
    learning = Learning(
        context, lease, job, spec, hyper, snapshot, split, telling, _idle_choices(spec, scale)
    )
    learned = learning.learned()
    telling.phase("evaluating", 1.0)
    candidate = Candidate(
        spec, hyper, split, baselines, snapshot_sha256, learned, learning.warnings
    )
    return release.release(context, lease, candidate)


def _idle_choices(spec: TrainingSpec, scale: RatingScale) -> list[str]:
    """Warn of what was asked for and changes nothing."""
    if "scaling" not in spec.hyperparameters or scale.edges or not scale.values:
        return []
    return [
        f"scaling had no effect: each of the {scale.n_levels} values of the scale is a level of "
        "its own. It is for more than twenty different values where no scale is declared."
    ]


def _refuse_too_much(context: Context, spec: TrainingSpec) -> None:
    """Refuse, before anything is read, a job that would not fit in memory."""
    needed = foreseen_bytes(context, spec)
    local.refuse_what_does_not_fit(needed, limit_bytes=context.memory_limit_bytes)


def foreseen_bytes(context: Context, spec: TrainingSpec) -> int:
    """Estimate the memory a job needs from counts alone; ten levels where no scale is declared."""
    with reading(context.database) as session:
        n_ratings = ratings.count_ratings(session) + interactions.count_interactions(session)
        n_users, n_items = ratings.count_users(session), items.count_items(session)
    scale = context.rating_scale
    shape = Shape(n_users, n_items, n_ratings, scale.n_levels if scale else LIKELY_LEVELS)
    hyper, _ = spec.suited(shape)
    return needed_bytes(
        n_users=shape.n_users,
        n_items=shape.n_items,
        n_ratings=shape.n_ratings,
        n_levels=shape.n_levels,
        model_kind=spec.model_kind,
        hyper=hyper,
    )


def scale_of(context: Context, snapshot: Snapshot, spec: TrainingSpec) -> RatingScale:
    """Give the declared or inferred scale of what can be learned from.

    A joint machine learns from interactions, too: each type that occurs gets a level.
    Raises TooFewRatings, IdenticalRatings.
    """
    values = snapshot.values
    events = snapshot.events() if MACHINES[spec.model_kind].makes_lists else ()
    n_users, n_items = len(snapshot.users), len(snapshot.items)
    n_told = values.size + (snapshot.event_users.size if events else 0)
    if n_users < LEAST_USERS or n_items < LEAST_ITEMS or n_told < LEAST_RATINGS:
        raise TooFewRatings(n_told, n_users, n_items, LEAST)
    if not events and values.min() == values.max():
        raise IdenticalRatings(float(values[0]))
    if values.size == 0:
        return RatingScale((), (), events)
    inferred = context.rating_scale or RatingScale.infer(values, spec.chosen().scaling)
    return replace(inferred, events=events)
