"""Ratings: one user's, one by one; or many users' at once, with a report of what was refused."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import Depends, Response, status
from pydantic import AwareDatetime, Field

from recsvc.api.bulk_body import BulkBody, bulk_body, bulk_body_schema
from recsvc.api.concurrency.router import Router
from recsvc.api.dependencies import (
    ContextDep,
    Cursor,
    ItemId,
    Limit,
    Now,
    ReadingDep,
    SessionDep,
    UserId,
)
from recsvc.api.openapi.responses import problem_responses
from recsvc.api.pagination import page
from recsvc.api.schemas import Answer, Body, Page
from recsvc.db.feedback.ratings import StoredRating
from recsvc.db.imports.refusals import RefusedLine
from recsvc.errors import (
    InvalidCursor,
    InvalidId,
    InvalidRating,
    RatingNotFound,
    UserNotFound,
    ValueOffScale,
)
from recsvc.service.feedback import ratings
from recsvc.service.imports.records import Refusal

router = Router(prefix="/v1", tags=["ratings"])

ONE_RATING = "/users/{user_id:id}/ratings/{item_id:id}"


class RatingIn(Body):
    """What a user thinks of an item."""

    value: float = Field(strict=True, examples=[4.5], description="A value of the rating scale.")
    rated_at: AwareDatetime | None = Field(
        None, examples=["2026-06-01T12:00:00Z"], description="Now, where left out. The newest wins."
    )


class RatingOut(Answer):
    """The rating that stands."""

    user_id: str = Field(examples=["u42"])
    item_id: str = Field(examples=["book/7"])
    value: float = Field(examples=[4.5])
    rated_at: datetime

    @classmethod
    def from_stored(cls, user_id: str, stored: StoredRating) -> Self:
        """Show a stored rating."""
        return cls(
            user_id=user_id, item_id=stored.item_id, value=stored.value, rated_at=stored.rated_at
        )


class RefusalOut(Answer):
    """A line that was not taken, and why."""

    line: int = Field(examples=[3], description="Counted from 1.")
    code: str = Field(examples=["not-a-number"], description="See docs/importing.md.")
    detail: str = Field(examples=["The rating is 'good', not a finite number."])

    @classmethod
    def from_refusal(cls, refused: RefusedLine | Refusal) -> Self:
        """Return the line, its code and its detail."""
        return cls(line=refused.line, code=refused.code, detail=refused.detail)


class RatingsReport(Answer):
    """What became of each line: accepted = added + changed + unchanged + outdated."""

    accepted: int = Field(examples=[2])
    added: int = Field(examples=[1], description="The pair had no rating.")
    changed: int = Field(examples=[1], description="The value replaced another one.")
    unchanged: int = Field(examples=[0], description="The pair had this very value.")
    outdated: int = Field(examples=[0], description="The pair's rating is newer, and stays.")
    refused: list[RefusalOut]


@router.put(
    ONE_RATING,
    summary="Rate an item",
    responses=problem_responses(InvalidId, InvalidRating, ValueOffScale)
    | {201: {"model": RatingOut, "description": "The user's first rating of this item"}},
)
def put_rating(
    user_id: UserId,
    item_id: ItemId,
    body: RatingIn,
    response: Response,
    session: SessionDep,
    context: ContextDep,
    now: Now,
) -> RatingOut:
    """The answer is the rating that stands: a newer one is not replaced by an older one."""
    standing, is_new = ratings.rate(
        session,
        user_id,
        item_id,
        body.value,
        rated_at=body.rated_at,
        now=now,
        scale=context.rating_scale,
    )
    response.status_code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
    return RatingOut.from_stored(user_id, standing)


@router.delete(
    ONE_RATING,
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Forget a rating",
    responses=problem_responses(RatingNotFound),
)
def delete_rating(user_id: UserId, item_id: ItemId, session: SessionDep) -> None:
    """Only this rating; the user and the item stay."""
    ratings.forget_rating(session, user_id, item_id)


@router.get(
    "/users/{user_id:id}/ratings",
    summary="List a user's ratings",
    responses=problem_responses(UserNotFound, InvalidCursor),
)
def list_ratings(
    user_id: UserId, session: ReadingDep, cursor: Cursor = None, limit: Limit = 50
) -> Page[RatingOut]:
    """In an order that stays, whatever is rated meanwhile."""
    return page(
        f"ratings/{user_id}",
        cursor,
        limit,
        read=lambda after, most: ratings.list_ratings(session, user_id, after=after, limit=most),
        show=lambda stored: RatingOut.from_stored(user_id, stored),
        place=lambda stored: stored.item_key,
    )


RatingsSent = Annotated[BulkBody, Depends(bulk_body("ratings", ratings.AT_ONCE))]


@router.post(
    "/ratings",
    summary="Add many ratings",
    openapi_extra=bulk_body_schema(
        "ratings",
        {"user_id": "u42", "item_id": "book/7", "value": 4.5, "rated_at": "2026-06-01T12:00:00Z"},
    ),
)
def add_ratings(
    body: RatingsSent, session: SessionDep, context: ContextDep, now: Now
) -> RatingsReport:
    """At most 10,000, as JSON or NDJSON. A refused line never stops the others."""
    if body.entries is None:
        read = ratings.read_ndjson(body.lines, now=now, scale=context.rating_scale)
    else:
        read = ratings.read_entries(body.entries, now=now, scale=context.rating_scale)
    written = ratings.add_ratings(session, read, now=now)
    return RatingsReport(
        accepted=written.total,
        added=written.added,
        changed=written.changed,
        unchanged=written.unchanged,
        outdated=written.outdated,
        refused=[RefusalOut.from_refusal(refusal) for refusal in read.refusals],
    )
