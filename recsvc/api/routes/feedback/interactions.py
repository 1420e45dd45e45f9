"""Interactions: add many views, carts and purchases at once."""

from typing import Annotated, Self

from fastapi import Depends
from pydantic import Field

from recsvc.api.access.requirements import Requirement
from recsvc.api.bulk_body import bulk_body, bulk_body_schema
from recsvc.api.concurrency.router import Router
from recsvc.api.dependencies import Now, SessionDep
from recsvc.api.routes.feedback.ratings import RefusalOut
from recsvc.api.schemas import Answer
from recsvc.api.telemetry.feedback_counts import FeedbackCountsDep
from recsvc.service.access.scopes import Scope
from recsvc.service.feedback import interactions
from recsvc.service.imports.bulk import Bulk, BulkReport

router = Router(prefix="/v1", tags=["interactions"], requirement=Requirement(Scope.WRITE))


class InteractionsReport(Answer):
    """The number of lines by outcome: accepted = added + changed + unchanged."""

    accepted: int = Field(examples=[3])
    added: int = Field(examples=[2], description="The event was new.")
    changed: int = Field(examples=[0], description="The event had another quantity.")
    unchanged: int = Field(examples=[1], description="The event was stored with this quantity.")
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
            refused=[RefusalOut.from_refusal(refusal) for refusal in report.refusals],
        )


InteractionsBody = Annotated[
    Bulk, Depends(bulk_body("interactions", interactions.MAX_INTERACTIONS))
]


@router.post(
    "/interactions",
    summary="Add many interactions",
    openapi_extra=bulk_body_schema(
        "interactions",
        {
            "user_id": "u42",
            "item_id": "book/7",
            "type": "purchase",
            "occurred_at": "2026-06-01T12:00:00Z",
            "quantity": 1,
        },
    ),
)
def add_interactions(
    body: InteractionsBody, session: SessionDep, counts: FeedbackCountsDep, now: Now
) -> InteractionsReport:
    """Add at most 10,000 interactions, as JSON or NDJSON. `type` is view, cart or purchase.

    A refused line does not affect the others. `occurred_at` defaults to now. User, item, type and
    `occurred_at` identify an event, which counts once however often it is sent.
    """
    report = interactions.add_interactions(session, body, now=now)
    counts.assign_interactions(report)
    return InteractionsReport.from_report(report)
