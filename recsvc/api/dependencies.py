"""Dependencies and parameters of routes: a transaction, the time, the context, ids, pages."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from pydantic import AfterValidator

from recsvc.api.access.authorization import GRANT
from recsvc.api.concurrency.router import ReadingDep, RequestPoolsDep, SessionDep
from recsvc.db.jobs.queue import Requester
from recsvc.service.access.key_ring import Grant
from recsvc.service.context import Context
from recsvc.service.imports.fields import check_id
from recsvc.service.recommendations.model_server import ModelServer
from recsvc.service.training.capacity import Capacity, CapacityMeter

__all__ = [
    "CapacityDep",
    "ContextDep",
    "Cursor",
    "ItemId",
    "JobId",
    "Limit",
    "ModelServerDep",
    "Now",
    "ReadingDep",
    "RequestPoolsDep",
    "RequesterDep",
    "SessionDep",
    "UserId",
    "Version",
]

MAX_BIGINT = 2**63 - 1  # the largest number in a BIGINT column


async def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


ContextDep = Annotated[Context, Depends(_context)]


async def _requester(request: Request, context: ContextDep) -> Requester:
    grant: Grant | None = request.scope.get(GRANT)
    return Requester(
        key_prefix=grant.prefix if grant else None,
        queue_limit=context.max_queued_jobs,
        key_limit=context.max_jobs_per_key,
    )


RequesterDep = Annotated[Requester, Depends(_requester)]


async def _capacity(request: Request, pools: RequestPoolsDep) -> Capacity:
    meter: CapacityMeter = request.app.state.capacity_meter
    return await pools.reads.run(meter.read)


CapacityDep = Annotated[Capacity, Depends(_capacity)]


async def _model_server(request: Request) -> ModelServer:
    server: ModelServer = request.app.state.model_server
    return server


ModelServerDep = Annotated[ModelServer, Depends(_model_server)]


async def _now() -> datetime:
    return datetime.now(UTC)


Now = Annotated[datetime, Depends(_now)]

UserId = Annotated[
    str,
    Path(description="Your id of the user.", examples=["u42"]),
    AfterValidator(partial(check_id, "user_id")),
]
ItemId = Annotated[
    str,
    Path(description="Your id of the item.", examples=["book/7"]),
    AfterValidator(partial(check_id, "item_id")),
]
JobId = Annotated[int, Path(ge=1, le=MAX_BIGINT, description="Number of the job.", examples=[1])]
Version = Annotated[
    int, Path(ge=1, le=MAX_BIGINT, description="Number of the model version.", examples=[1])
]
Cursor = Annotated[
    str | None,
    Query(
        max_length=1024,
        description="`next_cursor` of the previous page; none for the first page.",
    ),
]
Limit = Annotated[int, Query(ge=1, le=500, description="Maximum number of entries in the page.")]
