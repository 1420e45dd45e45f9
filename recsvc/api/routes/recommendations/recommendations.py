"""Recommendations for a stored user, or for a history that the request contains."""

from hashlib import blake2b
from typing import Annotated, Literal

from fastapi import Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field
from pydantic_core import to_json

from recsvc.api.access.requirements import Requirement
from recsvc.api.concurrency.ranking import run_ranking
from recsvc.api.concurrency.router import Router
from recsvc.api.dependencies import UserId
from recsvc.api.openapi.responses import problem_responses
from recsvc.api.schemas import Answer, Body
from recsvc.api.telemetry.register import NO_ITEM
from recsvc.api.telemetry.request_metrics import RequestMetrics
from recsvc.errors import InvalidId, InvalidRating, ValueOffScale
from recsvc.service.access.scopes import Scope
from recsvc.service.recommendations.model_server import RecommendationList, RecommendationQuery
from recsvc.service.recommendations.reasons import MAX_REASONS
from recsvc.service.recommendations.user_history import AnonymousHistory

router = Router(tags=["recommendations"], requirement=Requirement(Scope.RECOMMEND))

MAX_LENGTH = 500
EXPLAIN = "Add to each item the ratings and interactions that raise its score."

N = Annotated[int, Query(ge=1, le=MAX_LENGTH, description="Length of the list.")]
Exclude = Annotated[list[str], Query(max_length=MAX_LENGTH, description="Items to leave out.")]
IncludeRated = Annotated[bool, Query(description="List items that the user rated or bought, too.")]
Explain = Annotated[bool, Query(description=EXPLAIN)]


class ReasonOut(Answer):
    """A rating or an interaction of the user that raises the score of an item."""

    item_id: str = Field(examples=["50"])
    rating: float | None = Field(
        examples=[5], description="As the user gave it; null for an interaction."
    )
    type: Literal["view", "cart", "purchase"] | None = Field(
        examples=[None], description="Type of the interaction; null for a rating."
    )
    effect: float = Field(
        gt=0, examples=[0.83], description="The part of the score that is lost without it."
    )


class RecommendationOut(Answer):
    """One place of the list."""

    item_id: str = Field(examples=["318"])
    title: str | None = Field(examples=["The Shawshank Redemption"])
    score: float = Field(examples=[5.1], description="Orders the list; it has no unit.")
    expected_rating: float | None = Field(
        examples=[4.4],
        description="On the rating scale; null for an item that the model does not know.",
    )
    source: Literal["model", "popular", "new"]
    because: list[ReasonOut] = Field(
        default_factory=list,
        max_length=MAX_REASONS,
        description="With `explain`: the strongest reasons, strongest first. Empty for a popular "
        "item and for an item_rbm.",
    )


class RecommendationsOut(Answer):
    """The list, best first, and the model version that ranked it."""

    user_id: str | None = Field(examples=["u42"])
    model_version: int | None = Field(
        examples=[3],
        description="Null before the first version is loaded: the list has popular and new items.",
    )
    items: list[RecommendationOut]
    shortfall: str | None = Field(
        None, description="Why the list is shorter than `n`; null if it is not."
    )


class GivenRating(Body):
    """A rating that is not stored."""

    item_id: str = Field(min_length=1, max_length=256, examples=["318"])
    value: float = Field(examples=[4])


class GivenInteraction(Body):
    """An interaction that is not stored, such as an item in an anonymous cart."""

    item_id: str = Field(min_length=1, max_length=256, examples=["318"])
    type: Literal["view", "cart", "purchase"] = Field(examples=["cart"])


class RecommendationsRequest(Body):
    """A history of ratings and interactions, and which list to return for it."""

    ratings: list[GivenRating] = Field(
        default_factory=list, max_length=10_000, examples=[[{"item_id": "318", "value": 5}]]
    )
    interactions: list[GivenInteraction] = Field(
        default_factory=list, max_length=10_000, examples=[[{"item_id": "50", "type": "cart"}]]
    )
    n: int = Field(10, ge=1, le=MAX_LENGTH)
    exclude: list[str] = Field(default_factory=list, max_length=MAX_LENGTH)
    include_rated: bool = False
    explain: bool = Field(False, description=EXPLAIN)

    def query(self) -> RecommendationQuery:
        """Return which list is requested."""
        return RecommendationQuery(self.n, self.exclude, self.include_rated, self.explain)

    def history(self) -> AnonymousHistory:
        """Return the ratings and interactions."""
        return AnonymousHistory(
            {rating.item_id: rating.value for rating in self.ratings},
            [(event.item_id, event.type) for event in self.interactions],
        )


@router.get(
    "/v1/users/{user_id:id}/recommendations",
    summary="Recommend to a stored user",
    response_model=RecommendationsOut,
    responses=problem_responses(InvalidId)
    | {304: {"description": "The list has not changed since the ETag in If-None-Match."}},
)
async def get_recommendations(
    request: Request,
    user_id: UserId,
    n: N = 10,
    exclude: Exclude = [],  # noqa: B006 - FastAPI copies defaults
    include_rated: IncludeRated = False,
    explain: Explain = False,
) -> Response:
    """Rank all items by the user's current ratings and interactions.

    A user who is not stored gets the items with the most ratings, with the source `popular`. Until
    the first model version is loaded, every user gets popular items, then the newest ones.
    """
    query = RecommendationQuery(n, exclude, include_rated, explain)
    result = await run_ranking(request, query, lambda server: server.recommend(user_id, query))
    return _respond(request, result)


@router.post(
    "/v1/recommendations",
    summary="Recommend for a history in the request",
    response_model=RecommendationsOut,
    responses=problem_responses(InvalidRating, ValueOffScale),
)
async def recommend_to_anybody(request: Request, body: RecommendationsRequest) -> Response:
    """Rank all items by the ratings and interactions in the body. Nothing is stored.

    An item_rbm knows only the users it was trained on, so it lists popular items.
    """
    query, history = body.query(), body.history()
    result = await run_ranking(request, query, lambda server: server.recommend_for(history, query))
    return _respond(request, result)


def _respond(request: Request, result: RecommendationList) -> Response:
    """Render a list, or 304 if the client has it.

    The body is not validated against its own schema: validation takes longer than the ranking.
    """
    metrics: RequestMetrics = request.app.state.metrics
    metrics.add_list(result.items[0].source if result.items else NO_ITEM)
    body = to_json(result._asdict())
    tag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
    if tag in request.headers.get("if-none-match", ""):  # it may hold several tags, or a weak one
        return Response(status_code=304, headers={"ETag": tag})
    return Response(body, media_type=JSONResponse.media_type, headers={"ETag": tag})
