"""Ratings: store, delete and list a user's, or add many at once with a report."""

from datetime import UTC, datetime
from typing import Annotated, Self

from fastapi import Depends, Request, Response, status
from pydantic import AwareDatetime, Field

from recsvc.api.access.requirements import Requirement
from recsvc.api.bulk_body import bulk_body, bulk_body_schema
from recsvc.api.concurrency.router import Router, answers_plainly
from recsvc.api.dependencies import (
    ContextDep,
    Cursor,
    ItemId,
    Limit,
    Now,
    ReadingDep,
    RequestPoolsDep,
    SessionDep,
    UserId,
)
from recsvc.api.openapi.responses import problem_responses
from recsvc.api.pagination import page
from recsvc.api.schemas import Answer, Body, Page
from recsvc.api.telemetry.feedback_counts import FeedbackCountsDep, attach_counts
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
from recsvc.service.access.scopes import Scope
from recsvc.service.feedback import ratings
from recsvc.service.imports.bulk import Bulk, BulkReport
from recsvc.service.imports.records import Refusal

router = Router(prefix="/v1", tags=["ratings"], requirement=Requirement(Scope.WRITE))

ONE_RATING = "/users/{user_id:id}/ratings/{item_id:id}"


class RatingIn(Body):
    """A user's rating of an item."""

    value: float = Field(strict=True, examples=[4.5], description="A value of the rating scale.")
    rated_at: AwareDatetime | None = Field(
        None,
        examples=["2026-06-01T12:00:00Z"],
        description="Defaults to now; the newest wins.",
    )


class RatingOut(Answer):
    """The stored rating."""

    user_id: str = Field(examples=["u42"])
    item_id: str = Field(examples=["book/7"])
    value: float = Field(examples=[4.5])
    rated_at: datetime

    @classmethod
    def from_stored(cls, user_id: str, stored: StoredRating) -> Self:
        """Return a stored rating."""
        return cls(
            user_id=user_id, item_id=stored.item_id, value=stored.value, rated_at=stored.rated_at
        )


class RefusalOut(Answer):
    """A refused line, and the reason."""

    line: int = Field(examples=[3], description="Counted from 1.")
    code: str = Field(examples=["not-a-number"], description="See docs/how-to/import.md.")
    detail: str = Field(examples=["The rating is 'good', not a finite number."])

    @classmethod
    def from_refusal(cls, refused: RefusedLine | Refusal) -> Self:
        """Return the line, its code and its detail."""
        return cls(line=refused.line, code=refused.code, detail=refused.detail)


class RatingsReport(Answer):
    """The number of lines by outcome: accepted = added + changed + unchanged + outdated."""

    accepted: int = Field(examples=[2])
    added: int = Field(examples=[1], description="The pair had no rating.")
    changed: int = Field(examples=[1], description="The value replaced another one.")
    unchanged: int = Field(examples=[0], description="The pair had the same value.")
    outdated: int = Field(examples=[0], description="The pair has a newer rating, which is kept.")
    refused: list[RefusalOut]

    @classmethod
    def from_report(cls, report: BulkReport) -> Self:
        """Return the counts and the refused lines."""
        written = report.written
        return cls(
            accepted=written.total,
            added=written.added,
            changed=written.changed,
            unchanged=written.unchanged,
            outdated=written.outdated,
            refused=[RefusalOut.from_refusal(refusal) for refusal in report.refusals],
        )


async def _put_plainly(request: Request, body: RatingIn) -> Response:
    path, state = request.path_params, request.app.state
    counts = await attach_counts(request)
    return await put_rating(
        path["user_id"],
        path["item_id"],
        body,
        pools=state.request_pools,
        context=state.context,
        counts=counts,
        now=datetime.now(UTC),
    )


@router.put(
    ONE_RATING,
    summary="Rate an item",
    response_model=RatingOut,
    responses=problem_responses(InvalidId, InvalidRating, ValueOffScale)
    | {201: {"model": RatingOut, "description": "The user's first rating of this item"}},
)
@answers_plainly(RatingIn, _put_plainly)
async def put_rating(
    user_id: UserId,
    item_id: ItemId,
    body: RatingIn,
    pools: RequestPoolsDep,
    context: ContextDep,
    counts: FeedbackCountsDep,
    now: Now,
) -> Response:
    """Store a rating and return the current one, which is the newest by `rated_at`."""
    rating = ratings.single_rating(
        user_id, item_id, body.value, rated_at=body.rated_at, now=now, scale=context.rating_scale
    )
    outcome = await pools.write_merged(ratings.rate_each, rating)
    counts.ratings = 1
    return Response(
        RatingOut.from_stored(user_id, outcome.current).model_dump_json(),
        status.HTTP_201_CREATED if outcome.is_new else status.HTTP_200_OK,
        media_type="application/json",
    )


@router.delete(
    ONE_RATING,
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Delete a rating",
    responses=problem_responses(RatingNotFound),
)
def delete_rating(user_id: UserId, item_id: ItemId, session: SessionDep) -> None:
    """Delete one rating. The user and the item are kept."""
    ratings.delete_rating(session, user_id, item_id)


@router.get(
    "/users/{user_id:id}/ratings",
    summary="List a user's ratings",
    responses=problem_responses(UserNotFound, InvalidCursor),
)
def list_ratings(
    user_id: UserId, session: ReadingDep, cursor: Cursor = None, limit: Limit = 50
) -> Page[RatingOut]:
    """List ratings in a fixed order, which new ratings do not change."""
    return page(
        f"ratings/{user_id}",
        cursor,
        limit,
        read=lambda after, most: ratings.list_ratings(session, user_id, after=after, limit=most),
        show=lambda stored: RatingOut.from_stored(user_id, stored),
        place=lambda stored: stored.item_key,
    )


RatingsBody = Annotated[Bulk, Depends(bulk_body("ratings", ratings.MAX_RATINGS))]


@router.post(
    "/ratings",
    summary="Add many ratings",
    openapi_extra=bulk_body_schema(
        "ratings",
        {"user_id": "u42", "item_id": "book/7", "value": 4.5, "rated_at": "2026-06-01T12:00:00Z"},
    ),
)
def add_ratings(
    body: RatingsBody,
    session: SessionDep,
    context: ContextDep,
    counts: FeedbackCountsDep,
    now: Now,
) -> RatingsReport:
    """Add at most 10,000 ratings, as JSON or NDJSON. A refused line does not affect the others."""
    report = ratings.add_ratings(session, body, now=now, scale=context.rating_scale)
    counts.assign_ratings(report)
    return RatingsReport.from_report(report)
