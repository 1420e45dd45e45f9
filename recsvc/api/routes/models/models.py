"""Model versions: read cards, publish, roll back."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Self

from pydantic import Field

from recsvc.api.access.requirements import Requirement, requires
from recsvc.api.concurrency.request_pools import RequestPools
from recsvc.api.concurrency.router import Router
from recsvc.api.dependencies import (
    Cursor,
    Limit,
    ModelServerDep,
    Now,
    ReadingDep,
    RequestPoolsDep,
    Version,
)
from recsvc.api.openapi.responses import problem_responses
from recsvc.api.pagination import page
from recsvc.api.schemas import Answer, Page
from recsvc.db.session import Session
from recsvc.db.tables import ModelVersion
from recsvc.errors import (
    AlreadyPublished,
    InvalidCursor,
    ModelVersionNotFound,
    NothingToRollBackTo,
    VersionRetired,
)
from recsvc.rbm.model_kind import ModelKind
from recsvc.service.access.scopes import Scope
from recsvc.service.models import publishing
from recsvc.service.recommendations.model_server import ModelServer

router = Router(prefix="/v1/models", tags=["models"], requirement=Requirement(Scope.TRAIN))

SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


class ModelCard(Answer):
    """A model version: its training data, its metrics, and whether it is published."""

    version: int = Field(examples=[3])
    published: bool = Field(examples=[True], description="Whether this process serves it.")
    job_id: int = Field(examples=[7])
    model_kind: ModelKind
    created_at: datetime
    retired_at: datetime | None = Field(description="When its weights were deleted.")
    best_epoch: int = Field(examples=[12])
    metrics: dict[str, Any] = Field(
        examples=[{"validation_nll": 1.21, "validation_rmse": 0.93, "ndcg_at_10": 0.31}]
    )
    baselines: dict[str, Any] = Field(
        description="The same metrics of simple methods, and of EASE.",
        examples=[{"item_mean": {"rmse": 1.02}, "most_rated": {"ndcg_at_10": 0.24}}],
    )
    protocol: dict[str, Any] = Field(
        description="The ratings that the metrics were measured on, also in words.",
        examples=[{"kind": "by_hash", "share": 0.1, "seed": 0, "words": "10 % of the ratings …"}],
    )
    calibration: dict[str, Any] = Field(
        description="How well predicted probabilities match observed frequencies.",
        examples=[{"error": 0.012, "levels": [], "reliability": [], "liked_reliability": []}],
    )
    hyperparameters: dict[str, Any] = Field(examples=[{"n_hidden": 100, "epochs": 30}])
    seed: int = Field(examples=[0])
    rating_scale: dict[str, Any] = Field(examples=[{"values": [1, 2, 3, 4, 5]}])
    n_users: int = Field(examples=[943])
    n_items: int = Field(examples=[1682])
    n_ratings: int = Field(examples=[100000])
    packages: dict[str, Any] = Field(examples=[{"recsvc": "0.1.0", "numpy": "2.4.6"}])
    checkpoint_sha256: str = Field(examples=[SHA256])
    checkpoint_bytes: int = Field(examples=[3400000])
    judged_sha256: str | None = Field(
        examples=[SHA256],
        description="Checkpoint of the evaluated model, which was not trained on validation "
        "ratings. Null if it is the published checkpoint.",
    )
    weights_sha256: str = Field(
        examples=[SHA256], description="Hash of the parameters: equal for equal seed and data."
    )
    snapshot_sha256: str = Field(examples=[SHA256], description="Hash of the training data.")
    links: dict[str, str] = Field(examples=[{"self": "/v1/models/3"}])

    @classmethod
    def from_version(cls, version: ModelVersion, *, published: int | None) -> Self:
        """Return a version; `published` is the number of the version that this process serves."""
        address = f"/v1/models/{version.version}"
        columns = {
            name: getattr(version, name) for name in cls.model_fields if hasattr(version, name)
        }
        return cls(
            **columns,
            published=version.version == published,
            links={
                "self": address,
                "publish": f"{address}/publish",
                "evaluation": f"{address}/evaluation",
                "training_job": f"/v1/training-jobs/{version.job_id}",
            },
        )


@router.get("", summary="List model versions", responses=problem_responses(InvalidCursor))
def list_models(
    session: ReadingDep, server: ModelServerDep, cursor: Cursor = None, limit: Limit = 50
) -> Page[ModelCard]:
    """List model versions, newest first."""
    published = server.version
    return page(
        "models",
        cursor,
        limit,
        read=lambda before, most: publishing.list_models(session, before=before, limit=most),
        show=lambda version: ModelCard.from_version(version, published=published),
        place=lambda version: version.version,
    )


@router.post(
    "/rollback",
    summary="Publish the previous version again",
    responses=problem_responses(NothingToRollBackTo, VersionRetired),
)
@requires(Scope.ADMIN, is_audited=True)
async def rollback_model(server: ModelServerDep, pools: RequestPoolsDep, now: Now) -> ModelCard:
    """Publish the previously published version again, and respond once this process serves it.

    Other processes follow within a second. A second rollback goes one version further back.
    """
    return await _publish_and_load(partial(publishing.rollback, now=now), server, pools)


@router.get(
    "/{version}",
    summary="Read a model card",
    responses=problem_responses(ModelVersionNotFound),
)
def get_model(version: Version, session: ReadingDep, server: ModelServerDep) -> ModelCard:
    """Return a model card. It is kept after the weights are deleted."""
    found = publishing.get_model(session, version)
    return ModelCard.from_version(found, published=server.version)


@router.post(
    "/{version}/publish",
    summary="Publish a version",
    responses=problem_responses(ModelVersionNotFound, AlreadyPublished, VersionRetired),
)
@requires(Scope.ADMIN, is_audited=True)
async def publish_model(
    version: Version, server: ModelServerDep, pools: RequestPoolsDep, now: Now
) -> ModelCard:
    """Publish a version, and respond once this process serves it.

    Other processes follow within a second; no request fails meanwhile. A version whose weights
    cannot be read is not published.
    """
    await asyncio.to_thread(server.check, version)
    return await _publish_and_load(
        partial(publishing.publish, version=version, now=now), server, pools
    )


async def _publish_and_load(
    publish: Callable[[Session], ModelVersion], server: ModelServer, pools: RequestPools
) -> ModelCard:
    """Publish a version and load it in this process."""
    version = await pools.write(publish)
    await asyncio.to_thread(server.refresh)  # no pool: a committed change must not respond 503
    return ModelCard.from_version(version, published=server.version)
