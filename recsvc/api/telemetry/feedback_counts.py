"""What one request has stored and refused, counted once its transaction is committed.

A route assigns the counts; the middleware adds them to the metrics if the response is a success.
A transaction may run more than once, so its route must not add to a counter itself.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Request
from starlette.types import Scope

from recsvc.service.imports.bulk import BulkReport

KEY = "recsvc.feedback"


class FeedbackCounts:
    """Accepted ratings and interactions of a request, and its refused lines by code."""

    __slots__ = ("interactions", "ratings", "refused")

    def __init__(self) -> None:
        self.ratings = 0
        self.interactions = 0
        self.refused: Mapping[str, int] = {}

    def assign_ratings(self, report: BulkReport) -> None:
        """Assign the counts of a request with many ratings."""
        self.ratings, self.refused = report.written.total, _by_code(report)

    def assign_interactions(self, report: BulkReport) -> None:
        """Assign the counts of a request with many interactions."""
        self.interactions, self.refused = report.written.total, _by_code(report)


def feedback_of(scope: Scope) -> FeedbackCounts | None:
    """Return the counts of a request, None if its route has none."""
    counts: FeedbackCounts | None = scope.get(KEY)
    return counts


async def attach_counts(request: Request) -> FeedbackCounts:
    """Return the counts of a request, all 0, that its route assigns."""
    counts = request.scope[KEY] = FeedbackCounts()
    return counts


FeedbackCountsDep = Annotated[FeedbackCounts, Depends(attach_counts)]


def _by_code(report: BulkReport) -> Mapping[str, int]:
    return Counter(refusal.code for refusal in report.refusals)
