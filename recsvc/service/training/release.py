"""Release of a trained model: evaluated, stored as a version, and published if it is better."""

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
from recsvc.rbm.evaluation import ModelMetrics
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.service.context import Context
from recsvc.service.models import comparison, publishing
from recsvc.service.models.split import Split
from recsvc.service.training.pipeline import TrainedModels
from recsvc.service.training_spec import TrainingSpec

PACKAGES = ("recsvc", "numpy", "numba")


@dataclass(frozen=True)
class TrainingOutcome:
    """The models of a finished training, with everything that their version records."""

    spec: TrainingSpec
    hyper: Hyperparameters
    split: Split
    baselines: dict[str, Any]
    snapshot_sha256: str
    models: TrainedModels
    warnings: list[str]


def find_result(context: Context, job: Job) -> dict[str, Any] | None:
    """Return the result of a job that was interrupted after its version was stored, else None."""
    with reading(context.database) as session:
        version = ModelVersions(session).find_by_job(job.id)
        if version is None:
            return None
        published = ModelVersions(session).was_published(version.version)
    return _result(version, published=published, reason="found stored on resuming", warnings=[])


def release(context: Context, lease: Lease, outcome: TrainingOutcome) -> dict[str, Any]:
    """Evaluate the model, store a version, publish it if it should be; return the job's result.

    The version and its publication appear together, or not at all if the lease was lost.
    """
    metrics = comparison.evaluate_model(outcome.models.evaluated, outcome.split)
    is_published, reason = _decide_publication(context, outcome)
    data = checkpoint.write_model(outcome.models.served)
    sha256 = context.shelf.put(data)
    now = datetime.now(UTC)
    with unit_of_work(context.database) as session:
        JobQueue(session).update_progress(lease, 1.0)  # raises LeaseLost before anything is stored
        version = publishing.add_version(
            session, _card(lease, outcome, metrics, sha256, len(data), now)
        )
        if is_published:
            publishing.publish(session, version.version, now=now)
    return _result(version, published=is_published, reason=reason, warnings=outcome.warnings)


def _decide_publication(context: Context, outcome: TrainingOutcome) -> tuple[bool, str]:
    """Return whether to publish, as the job requests, and the reason."""
    if outcome.spec.publish == "never":
        return False, "publish is never"
    if outcome.spec.publish == "always":
        return True, "publish is always"
    with reading(context.database) as session:
        present = publishing.published_version(session)
    if present is None:
        return True, "the first version"
    try:
        published = checkpoint.read_model(context.shelf.map(present.model_as_judged_sha256))
    except (ShelfError, CheckpointUnreadable) as error:
        return True, f"the published version cannot be read: {error.detail}"
    compared = comparison.compare_ndcg(outcome.models.evaluated, published, outcome.split)
    if compared is None:
        return True, f"no validation rating allows a comparison with version {present.version}"
    new, old = compared
    word = "better" if new > old else "not better"
    return new > old, (
        f"{word} than version {present.version}: validation nDCG@10 {new:.4f} against {old:.4f}"
    )


def _card(
    lease: Lease,
    outcome: TrainingOutcome,
    metrics: ModelMetrics | None,
    checkpoint_sha256: str,
    checkpoint_bytes: int,
    now: datetime,
) -> ModelVersion:
    split, spec, models = outcome.split, outcome.spec, outcome.models
    return ModelVersion(
        job_id=lease.job_id,
        model_kind=spec.model_kind,
        seed=spec.seed,
        hyperparameters=outcome.hyper.as_dict(),
        rating_scale=asdict(split.scale),
        metrics=metrics.as_dict() if metrics else {},
        baselines=outcome.baselines,
        calibration=comparison.calibration_summary(metrics, split.scale),
        protocol=split.protocol.as_dict(),
        packages={name: package_version(name) for name in PACKAGES},
        n_users=len(split.users),
        n_items=len(split.items),
        n_ratings=split.everything.n_ratings,
        best_epoch=models.best_epoch,
        checkpoint_sha256=checkpoint_sha256,
        checkpoint_bytes=checkpoint_bytes,
        weights_sha256=models.served.params.sha256(),
        snapshot_sha256=outcome.snapshot_sha256,
        judged_sha256=models.evaluated_sha256,
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
