"""Evaluation jobs: a model version evaluated again on the ratings that its training held out.

The hash split of the version's own snapshot equals the split of its training. The lists can have
another length, or be those of every user.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from math import isqrt
from typing import Any

from recsvc.compute.machine_memory import available_bytes
from recsvc.db.jobs.queue import ANYONE, JobQueue, Lease, Requester
from recsvc.db.models.versions import ModelVersions
from recsvc.db.session import Session, reading, unit_of_work
from recsvc.db.tables import Job, JobKind, ModelVersion
from recsvc.errors import NothingHeldOut, VersionRetired
from recsvc.rbm import checkpoint, evaluation
from recsvc.rbm.rating_scale import RatingScale
from recsvc.service.context import Context
from recsvc.service.models import comparison
from recsvc.service.models.split import Split, split_snapshot
from recsvc.service.training_spec import TrainingSpec

EASE_BYTES = 4  # for each number of its item–item matrix


@dataclass(frozen=True)
class EvaluationSpec:
    """The requested evaluation, stored as the job's `spec`.

    n        length of the lists
    n_users  number of users whose lists are evaluated, evenly spread; None: all users
    """

    version: int
    n: int
    n_users: int | None


def request_evaluation(
    session: Session, spec: EvaluationSpec, *, now: datetime, requester: Requester = ANYONE
) -> Job:
    """Queue an evaluation. Its objects stay on the shelf until it has finished.

    Raises ModelVersionNotFound, VersionRetired, QueueFull, JobQuotaReached.
    """
    queue = JobQueue(session)
    queue.admit(requester)
    versions = ModelVersions(session)
    versions.lock_publications()  # so that the version is not retired meanwhile
    version = versions.get(spec.version)
    if version.retired_at is not None:
        raise VersionRetired(spec.version)
    job = queue.enqueue(
        JobKind.EVALUATION, spec=asdict(spec), now=now, key_prefix=requester.key_prefix
    )
    job.snapshot_sha256 = version.snapshot_sha256
    job.checkpoint_sha256 = version.model_as_judged_sha256
    return job


def carry_out(context: Context, lease: Lease, job: Job) -> dict[str, Any]:
    """Evaluate the version and the baselines; return the job's result.

    Raises NothingHeldOut, RatingsLeaked, ShelfError, CheckpointUnreadable, LeaseLost.
    """
    spec = EvaluationSpec(job.spec["version"], job.spec["n"], job.spec["n_users"])
    evaluation.use_threads(context.training_threads)
    _start_phase(context, lease, 0.0, "reading ratings")
    split = _read_split(context, job, spec.version)
    model = checkpoint.read_model(context.shelf.map(_require(job.checkpoint_sha256)))
    _start_phase(context, lease, 0.1, "measuring the model")
    metrics = comparison.evaluate_model(model, split, n=spec.n, most_users=spec.n_users)
    if metrics is None:
        raise NothingHeldOut(spec.version)
    _start_phase(context, lease, 0.5, "measuring the baselines")
    baselines = comparison.evaluate_baselines(
        split, n=spec.n, most_users=spec.n_users, ease_up_to=_most_ease_items(context)
    )
    return {
        **asdict(spec),
        "metrics": metrics.as_dict(),
        "baselines": baselines,
        "calibration": comparison.calibration_summary(metrics, split.scale),
        "protocol": split.protocol.as_dict(),
    }


def _read_split(context: Context, job: Job, version: int) -> Split:
    """Split the version's ratings as its training did."""
    with reading(context.database) as session:
        card = ModelVersions(session).get(version)
        share = _validation_share(session, card)
    scale = RatingScale.from_dict(card.rating_scale)
    buffer = context.shelf.map(_require(job.snapshot_sha256))
    return split_snapshot(checkpoint.read_snapshot(buffer), scale, share=share)


def _validation_share(session: Session, card: ModelVersion) -> float:
    """Return the held-out share, from the card or, if the card has no protocol, from its job."""
    share = card.protocol.get("share")
    if share is None:
        spec = session.get_one(Job, card.job_id).spec
        share = TrainingSpec.from_dict(spec).validation_share
    return float(share)


def _most_ease_items(context: Context) -> int:
    """Return the most items for which EASE is evaluated: it may take half of the memory."""
    memory = context.memory_limit_bytes or available_bytes()
    return min(comparison.EASE_AT_MOST, isqrt(memory // 2 // EASE_BYTES))


def _require(sha256: str | None) -> str:
    if sha256 is None:
        raise ValueError("the evaluation job has no snapshot or checkpoint")
    return sha256


def _start_phase(context: Context, lease: Lease, share: float, phase: str) -> None:
    with unit_of_work(context.database) as session:
        JobQueue(session).update_progress(lease, share, {"phase": phase})
