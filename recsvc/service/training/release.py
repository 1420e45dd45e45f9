"""From a trained machine to a model version: evaluated, shelved, and published if it earns it."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version as package_version
from typing import Any

from recsvc.db.jobs.queue import JobQueue, Lease
from recsvc.db.models.versions import ModelVersions
from recsvc.db.session import reading, unit_of_work
from recsvc.db.tables import Job, ModelVersion
from recsvc.errors import CheckpointUnreadable, ShelfError
from recsvc.rbm import checkpoint
from recsvc.rbm.evaluation import ModelFigures
from recsvc.rbm.params import Hyperparameters
from recsvc.service.context import Context
from recsvc.service.models import comparison, publishing
from recsvc.service.models.comparison import Split
from recsvc.service.training.pipeline import Learned
from recsvc.service.training_spec import TrainingSpec

PACKAGES = ("recsvc", "numpy", "numba")


@dataclass(frozen=True)
class Candidate:
    """What a finished training has to show."""

    spec: TrainingSpec
    hyper: Hyperparameters
    split: Split
    baselines: dict[str, Any]
    snapshot_sha256: str
    learned: Learned
    warnings: list[str]


def already_released(context: Context, job: Job) -> dict[str, Any] | None:
    """Give the result of a job that was killed after its version was stored, else None."""
    with reading(context.database) as session:
        version = ModelVersions(session).find_by_job(job.id)
        if version is None:
            return None
        published = ModelVersions(session).was_published(version.version)
    return _result(version, published=published, reason="found stored on resuming", warnings=[])


def release(context: Context, lease: Lease, candidate: Candidate) -> dict[str, Any]:
    """Evaluate, shelve, store and perhaps publish; give the job's result.

    The version and its publication appear together, or, where the lease was lost, not at all.
    """
    figures = comparison.figures(candidate.learned.judged, candidate.split)
    wanted, reason = _worth_publishing(context, candidate)
    data = checkpoint.write_model(candidate.learned.model)
    sha256 = context.shelf.put(data)
    now = datetime.now(UTC)
    with unit_of_work(context.database) as session:
        JobQueue(session).update_progress(lease, 1.0)  # raises LeaseLost before anything is stored
        version = publishing.add_version(
            session, _card(lease, candidate, figures, sha256, len(data), now)
        )
        if wanted:
            publishing.publish(session, version.version, now=now)
    return _result(version, published=wanted, reason=reason, warnings=candidate.warnings)


def _worth_publishing(context: Context, candidate: Candidate) -> tuple[bool, str]:
    """Decide as the job was asked to, and say why."""
    if candidate.spec.publish == "never":
        return False, "publish is never"
    if candidate.spec.publish == "always":
        return True, "publish is always"
    with reading(context.database) as session:
        present = publishing.published_version(session)
    if present is None:
        return True, "the first version"
    try:
        published = checkpoint.read_model(context.shelf.map(present.model_as_judged_sha256))
    except (ShelfError, CheckpointUnreadable) as error:
        return True, f"the published version cannot be read: {error.detail}"
    side_by_side = comparison.ndcg_side_by_side(
        candidate.learned.judged, published, candidate.split
    )
    if side_by_side is None:
        return True, f"no validation rating tells it from version {present.version}"
    ours, theirs = side_by_side
    word = "better" if ours > theirs else "not better"
    return ours > theirs, (
        f"{word} than version {present.version}: validation nDCG@10 {ours:.4f} against {theirs:.4f}"
    )


def _card(
    lease: Lease,
    candidate: Candidate,
    figures: ModelFigures | None,
    checkpoint_sha256: str,
    checkpoint_bytes: int,
    now: datetime,
) -> ModelVersion:
    split, spec = candidate.split, candidate.spec
    return ModelVersion(
        job_id=lease.job_id,
        model_kind=spec.model_kind,
        seed=spec.seed,
        hyperparameters=candidate.hyper.as_dict(),
        rating_scale=asdict(split.scale),
        metrics=figures.as_dict() if figures else {},
        baselines=candidate.baselines,
        calibration=comparison.calibration(figures, split.scale),
        protocol=split.protocol.as_dict(),
        packages={name: package_version(name) for name in PACKAGES},
        n_users=len(split.users),
        n_items=len(split.items),
        n_ratings=split.everything.n_ratings,
        best_epoch=candidate.learned.best_epoch,
        checkpoint_sha256=checkpoint_sha256,
        checkpoint_bytes=checkpoint_bytes,
        weights_sha256=candidate.learned.model.params.sha256(),
        snapshot_sha256=candidate.snapshot_sha256,
        judged_sha256=candidate.learned.judged_sha256,
        created_at=now,
    )


def _result(
    version: ModelVersion, *, published: bool, reason: str, warnings: list[str]
) -> dict[str, Any]:
    return {
        "version": version.version,
        "published": published,
        "reason": reason,
        "best_epoch": version.best_epoch,
        "weights_sha256": version.weights_sha256,
        "metrics": version.metrics,
        "baselines": version.baselines,
        "warnings": warnings,
    }
