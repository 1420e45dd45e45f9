"""What routes ask for: a transaction, the time, the service's context."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from pydantic import AfterValidator

from recsvc.api.concurrency.router import LanesDep, ReadingDep, SessionDep
from recsvc.service.context import Context
from recsvc.service.imports.fields import checked_id
from recsvc.service.recommendations.model_server import Serving

__all__ = [
    "ContextDep",
    "Cursor",
    "ItemId",
    "JobId",
    "LanesDep",
    "Limit",
    "Now",
    "ReadingDep",
    "ServingDep",
    "SessionDep",
    "UserId",
    "Version",
]

LARGEST_INTEGER = 2**63 - 1  # of a BIGINT column


async def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


ContextDep = Annotated[Context, Depends(_context)]


async def _serving(request: Request) -> Serving:
    serving: Serving = request.app.state.serving
    return serving


ServingDep = Annotated[Serving, Depends(_serving)]


async def _now() -> datetime:
    return datetime.now(UTC)


Now = Annotated[datetime, Depends(_now)]

UserId = Annotated[
    str,
    Path(description="The shop's own id of a user.", examples=["u42"]),
    AfterValidator(partial(checked_id, "user_id")),
]
ItemId = Annotated[
    str,
    Path(description="The shop's own id of an item.", examples=["book/7"]),
    AfterValidator(partial(checked_id, "item_id")),
]
JobId = Annotated[int, Path(ge=1, le=LARGEST_INTEGER, description="A job's number.", examples=[1])]
Version = Annotated[
    int, Path(ge=1, le=LARGEST_INTEGER, description="A model version's number.", examples=[1])
]
Cursor = Annotated[
    str | None,
    Query(max_length=1024, description="`next_cursor` of the page before; leave out to start."),
]
Limit = Annotated[int, Query(ge=1, le=500, description="Most entries in one page.")]
