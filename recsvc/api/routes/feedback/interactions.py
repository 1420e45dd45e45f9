"""Interactions: what users view, put in a cart or buy, many at once."""

from typing import Annotated

from fastapi import Depends
from pydantic import Field

from recsvc.api.bulk_body import BulkBody, bulk_body, bulk_body_schema
from recsvc.api.concurrency.router import Router
from recsvc.api.dependencies import Now, SessionDep
from recsvc.api.routes.feedback.ratings import RefusalOut
from recsvc.api.schemas import Answer
from recsvc.service.feedback import interactions

router = Router(prefix="/v1", tags=["interactions"])


class InteractionsReport(Answer):
    """What became of each line: accepted = added + changed + unchanged."""

    accepted: int = Field(examples=[3])
    added: int = Field(examples=[2], description="There was no such event.")
    changed: int = Field(examples=[0], description="The event had another quantity.")
    unchanged: int = Field(examples=[1], description="The event was there already.")
    refused: list[RefusalOut]


InteractionsSent = Annotated[BulkBody, Depends(bulk_body("interactions", interactions.AT_ONCE))]


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
def add_interactions(body: InteractionsSent, session: SessionDep, now: Now) -> InteractionsReport:
    """At most 10,000, as JSON or NDJSON; `type` is view, cart or purchase.

    A refused line never stops the others. The same user, item, type and `occurred_at` (now, where
    left out) are the same event: sent again, it counts once.
    """
    if body.entries is None:
        read = interactions.read_ndjson(body.lines, now=now)
    else:
        read = interactions.read_entries(body.entries, now=now)
    written = interactions.add_interactions(session, read, now=now)
    return InteractionsReport(
        accepted=written.total,
        added=written.added,
        changed=written.changed,
        unchanged=written.unchanged,
        refused=[RefusalOut.from_refusal(refusal) for refusal in read.refusals],
    )
