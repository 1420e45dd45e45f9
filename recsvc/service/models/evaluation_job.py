"""Evaluation jobs: a model version measured again on the ratings that its training held out.

The split is made anew from the version's own snapshot, by hash, so that it is the very one that
the version was trained with; lists can be of another length, or those of every user.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from math import isqrt
from typing import Any

from recsvc.compute.memory import available_bytes
from recsvc.db.jobs.queue import JobQueue, Lease
from recsvc.db.models.versions import ModelVersions
from recsvc.db.session import Session, reading, unit_of_work
from recsvc.db.tables import Job, JobKind, ModelVersion
from recsvc.errors import NothingHeldOut, VersionRetired
from recsvc.rbm import checkpoint, evaluation
from recsvc.rbm.rating_matrix import RatingScale
from recsvc.service.context import Context
from recsvc.service.models import comparison
from recsvc.service.models.comparison import Split
from recsvc.service.training_spec import TrainingSpec

EASE_BYTES = 4  # of each number of its item–item matrix


@dataclass(frozen=True)
class EvaluationSpec:
    """What somebody asked for; kept as the job's `spec`.

    n        length of the lists
    n_users  users whose lists are measured, an even spread of them; None: everybody
    """

    version: int
    n: int
    n_users: int | None


def request_evaluation(session: Session, spec: EvaluationSpec, *, now: datetime) -> Job:
    """Queue an evaluation. What it needs stays on the shelf until it is done.

    Raises ModelVersionNotFound, VersionRetired.
    """
    versions = ModelVersions(session)
    versions.lock_publications()  # with what retires versions
    version = versions.get(spec.version)
    if version.retired_at is not None:
        raise VersionRetired(spec.version)
    job = JobQueue(session).enqueue(JobKind.EVALUATION, spec=asdict(spec), now=now)
    job.snapshot_sha256 = version.snapshot_sha256
    job.checkpoint_sha256 = version.model_as_judged_sha256
    return job


def carry_out(context: Context, lease: Lease, job: Job) -> dict[str, Any]:
    """Measure the version and the baselines; give the job's result.

    Raises NothingHeldOut, RatingsLeaked, ShelfError, CheckpointUnreadable, LeaseLost.
    """
    spec = EvaluationSpec(job.spec["version"], job.spec["n"], job.spec["n_users"])
    evaluation.use_threads(context.training_threads)
    _say(context, lease, 0.0, "reading ratings")
    split = _split(context, job, spec.version)
    model = checkpoint.read_model(context.shelf.map(_known(job.checkpoint_sha256)))
    _say(context, lease, 0.1, "measuring the model")
    figures = comparison.figures(model, split, n=spec.n, most_users=spec.n_users)
    if figures is None:
        raise NothingHeldOut(spec.version)
    _say(context, lease, 0.5, "measuring the baselines")
    baselines = comparison.baseline_figures(
        split, n=spec.n, most_users=spec.n_users, ease_up_to=_ease_up_to(context)
    )
    return {
        **asdict(spec),
        "metrics": figures.as_dict(),
        "baselines": baselines,
        "calibration": comparison.calibration(figures, split.scale),
        "protocol": split.protocol.as_dict(),
    }


def _split(context: Context, job: Job, version: int) -> Split:
    """Divide the version's ratings as its training did."""
    with reading(context.database) as session:
        card = ModelVersions(session).get(version)
        share = _validation_share(session, card)
    scale = RatingScale.from_dict(card.rating_scale)
    buffer = context.shelf.map(_known(job.snapshot_sha256))
    return comparison.split_of(checkpoint.read_snapshot(buffer), scale, share=share)


def _validation_share(session: Session, card: ModelVersion) -> float:
    """Give the share that was held out; a card older than protocols leaves it to its job."""
    share = card.protocol.get("share")
    if share is None:
        asked = session.get_one(Job, card.job_id).spec
        share = TrainingSpec.from_dict(asked).validation_share
    return float(share)


def _ease_up_to(context: Context) -> int:
    """Give the most items for which EASE is measured: it may take half of the memory."""
    memory = context.memory_limit_bytes or available_bytes()
    return min(comparison.EASE_AT_MOST, isqrt(memory // 2 // EASE_BYTES))


def _known(sha256: str | None) -> str:
    if sha256 is None:
        raise ValueError("an evaluation job without its version's objects")
    return sha256


def _say(context: Context, lease: Lease, share: float, phase: str) -> None:
    with unit_of_work(context.database) as session:
        JobQueue(session).update_progress(lease, share, {"phase": phase})
