"""Model versions: their cards, and which one answers."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Self

from pydantic import Field

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
from recsvc.service.models import publishing
from recsvc.service.recommendations.model_server import ModelServer

router = Router(prefix="/v1/models", tags=["models"])

SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


class ModelCard(Answer):
    """What a model version was learned from, how well it does, and whether it answers."""

    version: int = Field(examples=[3])
    published: bool = Field(examples=[True], description="Whether this process answers with it.")
    job_id: int = Field(examples=[7])
    model_kind: ModelKind
    created_at: datetime
    retired_at: datetime | None = Field(description="Since then its weights are no longer kept.")
    best_epoch: int = Field(examples=[12])
    metrics: dict[str, Any] = Field(
        examples=[{"validation_nll": 1.21, "validation_rmse": 0.93, "ndcg_at_10": 0.31}]
    )
    baselines: dict[str, Any] = Field(
        description="The same figures of methods that learn little or nothing, and of EASE.",
        examples=[{"item_mean": {"rmse": 1.02}, "most_rated": {"ndcg_at_10": 0.24}}],
    )
    protocol: dict[str, Any] = Field(
        description="Which ratings the figures were measured on, in words too.",
        examples=[{"kind": "by_hash", "share": 0.1, "seed": 0, "words": "10 % of the ratings …"}],
    )
    calibration: dict[str, Any] = Field(
        description="Whether what is given a probability of 30 % happens in 30 % of the cases.",
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
        description="Of the model that was measured: it has not learned from validation ratings. "
        "Null where it is the one that answers.",
    )
    weights_sha256: str = Field(
        examples=[SHA256], description="Of the parameters: the same seed and data give the same."
    )
    snapshot_sha256: str = Field(examples=[SHA256], description="Of the ratings it learned from.")
    links: dict[str, str] = Field(examples=[{"self": "/v1/models/3"}])

    @classmethod
    def from_version(cls, version: ModelVersion, *, published: int | None) -> Self:
        """Show a version, where `published` is the number of the one that answers."""
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
    """Newest first; `published` says which one answers."""
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
    summary="Go back to the version published before",
    responses=problem_responses(NothingToRollBackTo, VersionRetired),
)
async def rollback_model(server: ModelServerDep, pools: RequestPoolsDep, now: Now) -> ModelCard:
    """Go back, and respond once this process answers with it; all others do within a second.

    Once more goes one further back.
    """
    return await _publish_and_load(partial(publishing.rollback, now=now), server, pools)


@router.get(
    "/{version}",
    summary="Read a model card",
    responses=problem_responses(ModelVersionNotFound),
)
def get_model(version: Version, session: ReadingDep, server: ModelServerDep) -> ModelCard:
    """The card outlives the weights."""
    found = publishing.get_model(session, version)
    return ModelCard.from_version(found, published=server.version)


@router.post(
    "/{version}/publish",
    summary="Let a version answer",
    responses=problem_responses(ModelVersionNotFound, AlreadyPublished, VersionRetired),
)
async def publish_model(
    version: Version, server: ModelServerDep, pools: RequestPoolsDep, now: Now
) -> ModelCard:
    """Publish, and respond once this process answers with it; all others do within a second.

    No request fails meanwhile. A version that cannot be read is not published.
    """
    await asyncio.to_thread(server.check, version)
    return await _publish_and_load(
        partial(publishing.publish, version=version, now=now), server, pools
    )


async def _publish_and_load(
    publish: Callable[[Session], ModelVersion], server: ModelServer, pools: RequestPools
) -> ModelCard:
    """Publish a version, and respond once this process answers with it."""
    chosen = await pools.write(publish)
    await asyncio.to_thread(server.refresh)  # no pool: a committed change is not refused as busy
    return ModelCard.from_version(chosen, published=server.version)
