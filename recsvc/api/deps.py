"""What routes ask for: a transaction, the time, the service's context."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from pydantic import AfterValidator

from recsvc.db.session import Session, reading, unit_of_work
from recsvc.service.context import Context
from recsvc.service.rating_fields import checked_id

LARGEST_KEY = 2**63 - 1  # what a BIGINT column can hold


async def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


ContextDep = Annotated[Context, Depends(_context)]


def _session(context: ContextDep) -> Iterator[Session]:
    with unit_of_work(context.database) as session:
        yield session


def _reading(context: ContextDep) -> Iterator[Session]:
    with reading(context.database) as session:
        yield session


async def _now() -> datetime:
    return datetime.now(UTC)


# scope="function": commit before the answer leaves, so that a 202 is never followed by a 404.
SessionDep = Annotated[Session, Depends(_session, scope="function")]
ReadingDep = Annotated[Session, Depends(_reading, scope="function")]
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
JobId = Annotated[int, Path(ge=1, le=LARGEST_KEY, description="A job's number.", examples=[1])]
Version = Annotated[
    int, Path(ge=1, le=LARGEST_KEY, description="A model version's number.", examples=[1])
]
Cursor = Annotated[
    str | None,
    Query(max_length=1024, description="`next_cursor` of the page before; leave out to start."),
]
Limit = Annotated[int, Query(ge=1, le=500, description="Most entries in one page.")]
