"""Training jobs: requested by clients, run by a worker's child process.

The metrics of every epoch are stored as they come. The trainer's state is stored every few
seconds, so that an interrupted job resumes and ends with the same weights.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from recsvc.compute import local
from recsvc.compute.estimates import estimate_bytes
from recsvc.db.jobs.queue import ANYONE, JobQueue, Lease, Requester
from recsvc.db.session import Session
from recsvc.db.tables import Job, JobKind
from recsvc.errors import IdenticalRatings, TooFewRatings, TrainingFailed
from recsvc.rbm.auto_hyperparameters import DataShape
from recsvc.rbm.data_profile import profile
from recsvc.rbm.data_profile.exclusions import exclude_suspect_ratings
from recsvc.rbm.model_kind import MACHINES
from recsvc.rbm.rating_scale import RatingScale
from recsvc.rbm.snapshot import Snapshot
from recsvc.service.context import Context
from recsvc.service.diagnosis import finding_events
from recsvc.service.models.comparison import evaluate_baselines
from recsvc.service.models.split import split_snapshot
from recsvc.service.training import release, snapshots
from recsvc.service.training.callbacks import CallbackFactory, ProgressWriter, no_callbacks
from recsvc.service.training.capacity import Capacity, count_data
from recsvc.service.training.pipeline import TrainingPipeline
from recsvc.service.training.release import TrainingOutcome
from recsvc.service.training_progress import TrainingProgress
from recsvc.service.training_spec import TrainingSpec

MIN_USERS, MIN_ITEMS, MIN_RATINGS = 3, 3, 20
MINIMUM = f"{MIN_RATINGS} ratings or interactions, {MIN_USERS} users and {MIN_ITEMS} items"


def request_training(
    session: Session,
    *,
    spec: TrainingSpec,
    now: datetime,
    requester: Requester = ANYONE,
    capacity: Capacity | None = None,
) -> Job:
    """Queue a training job.

    capacity  None: the time and the memory that it needs are not checked

    Raises UnknownHyperparameter, InvalidHyperparameter, TrainingTooLong, TrainingTooLarge,
    QueueFull, JobQuotaReached.
    """
    spec.all_hyperparameters()
    if capacity is not None:
        capacity.check(spec)
    queue = JobQueue(session)
    queue.admit(requester)
    return queue.enqueue(
        JobKind.TRAINING, spec=spec.as_dict(), now=now, key_prefix=requester.key_prefix
    )


def carry_out(
    context: Context, lease: Lease, job: Job, build_callbacks: CallbackFactory = no_callbacks
) -> dict[str, Any]:
    """Train, evaluate, publish if requested, record the findings; return the job's result.

    build_callbacks  returns further callbacks of the first fit
    Raises TrainingFailed for ratings that cannot be learned from, LeaseLost.
    """
    if (stored := release.find_result(context, job)) is not None:
        return stored
    try:
        result = _train(context, lease, job, build_callbacks)
    except TrainingFailed as failure:
        finding_events.record_final_findings(context, lease, failure=failure)
        raise
    finding_events.record_final_findings(context, lease, metrics=result["metrics"])
    return result


def _train(
    context: Context, lease: Lease, job: Job, build_callbacks: CallbackFactory
) -> dict[str, Any]:
    spec = TrainingSpec.from_dict(job.spec)
    _check_memory(context, spec)
    writer = ProgressWriter(context, lease, TrainingProgress.from_note(job.progress_note))
    writer.start_phase("reading ratings", job.progress)
    snapshot, snapshot_sha256 = snapshots.take_snapshot(context, lease, job)
    snapshot = exclude_suspect_ratings(snapshot, spec.all_hyperparameters().leave_out)
    scale = resolve_scale(context, snapshot, spec)
    split = split_snapshot(snapshot, scale, share=spec.validation_share)
    shape = DataShape.from_ratings(split.everything, scale.n_all_levels)
    hyper, choices = spec.resolve_hyperparameters(shape)
    baselines = evaluate_baselines(split)
    writer.update(
        replace(
            writer.progress,
            issues={one.code: one.share for one in profile(snapshot).issues},
            epochs=hyper.epochs,
            baselines=baselines,
            choices=choices,
            ratings_per_parameter=shape.ratings_per_parameter(hyper.n_hidden),
        )
    )
    warnings = collect_warnings(context, spec, scale)
    pipeline = TrainingPipeline(
        context, lease, job, spec, hyper, snapshot, split, writer, build_callbacks, warnings
    )
    models = pipeline.run()
    writer.start_phase("evaluating", 1.0)
    outcome = TrainingOutcome(spec, hyper, split, baselines, snapshot_sha256, models, warnings)
    return release.release(context, lease, outcome)


def collect_warnings(context: Context, spec: TrainingSpec, scale: RatingScale) -> list[str]:
    """Return a warning for each requested hyperparameter that has no effect."""
    warnings = [
        f"{name} was ignored: it applies to {' and '.join(kinds)} only."
        for name, kinds in spec.find_ignored().items()
    ]
    if "scaling" in spec.hyperparameters and scale.values and not scale.edges:
        reason = f"the ratings have only {scale.n_levels} distinct values"
        if context.rating_scale is not None:
            reason = f"a rating scale of {scale.n_levels} values is configured"
        warnings.append(
            f"scaling was ignored: {reason}. It applies above 20, when no rating scale is "
            "configured."
        )
    return warnings


def _check_memory(context: Context, spec: TrainingSpec) -> None:
    """Raise NotEnoughMemory for a job that will not fit, before any rating is read."""
    local.check_memory(estimate_job_bytes(context, spec), limit_bytes=context.memory_limit_bytes)


def estimate_job_bytes(context: Context, spec: TrainingSpec) -> int:
    """Estimate the memory of a job from counts alone."""
    shape = count_data(context)
    hyper, _ = spec.resolve_hyperparameters(shape)
    return estimate_bytes(shape, spec.model_kind, hyper)


def resolve_scale(context: Context, snapshot: Snapshot, spec: TrainingSpec) -> RatingScale:
    """Return the configured scale, else the one inferred from the ratings.

    A joint machine also learns from interactions: each type that occurs gets a level.
    Raises TooFewRatings, IdenticalRatings.
    """
    values = snapshot.values
    events = snapshot.events() if MACHINES[spec.model_kind].makes_lists else ()
    n_users, n_items = len(snapshot.users), len(snapshot.items)
    n_entries = values.size + (snapshot.event_users.size if events else 0)
    if n_users < MIN_USERS or n_items < MIN_ITEMS or n_entries < MIN_RATINGS:
        raise TooFewRatings(n_entries, n_users, n_items, MINIMUM)
    if not events and values.min() == values.max():
        raise IdenticalRatings(float(values[0]))
    if values.size == 0:
        return RatingScale((), (), events)
    scale = context.rating_scale or RatingScale.infer(values, spec.all_hyperparameters().scaling)
    return replace(scale, events=events)
