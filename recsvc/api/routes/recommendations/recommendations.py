"""Recommendations: for a stored user, folded in from their newest ratings, or for anybody."""

from collections.abc import Callable
from hashlib import blake2b
from typing import Annotated, Literal, TypeVar

from fastapi import Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field
from pydantic_core import to_json

from recsvc.api.concurrency.request_pools import Lanes
from recsvc.api.concurrency.router import Router
from recsvc.api.dependencies import UserId
from recsvc.api.openapi import responses
from recsvc.api.schemas import Answer, Body
from recsvc.db.session import Session
from recsvc.errors import (
    InvalidId,
    InvalidRating,
    ValueOffScale,
)
from recsvc.service.imports.fields import checked_value
from recsvc.service.recommendations.explain import MOST_REASONS, add_reasons, stored_ratings
from recsvc.service.recommendations.model_server import Serving
from recsvc.service.recommendations.published_model import Answering
from recsvc.service.recommendations.recommend import Known, RankedList, recommend

router = Router(tags=["recommendations"])

T = TypeVar("T")

MOST = 500
QUICK_MULTIPLICATIONS = 3_000_000  # ranked within a millisecond; more is done in a thread

N = Annotated[int, Query(ge=1, le=MOST, description="Length of the list.")]
Exclude = Annotated[list[str], Query(max_length=MOST, description="Items that must not come.")]
IncludeRated = Annotated[bool, Query(description="Let items rated or bought come back.")]
EXPLAIN = "Say for each item which ratings and interactions brought it here."
Explain = Annotated[bool, Query(description=EXPLAIN)]


class ReasonOut(Answer):
    """A rating or an interaction of the user that speaks for an item."""

    item_id: str = Field(examples=["50"])
    rating: float | None = Field(
        examples=[5], description="As the user gave it; null for an interaction."
    )
    type: Literal["view", "cart", "purchase"] | None = Field(
        examples=[None], description="Of an interaction; null for a rating."
    )
    effect: float = Field(
        gt=0, examples=[0.83], description="What the score would lose without it."
    )


class RecommendationOut(Answer):
    """One place of the list."""

    item_id: str = Field(examples=["318"])
    title: str | None = Field(examples=["The Shawshank Redemption"])
    score: float = Field(examples=[5.1], description="For ordering alone.")
    expected_rating: float | None = Field(
        examples=[4.4], description="On your scale; null for an item that the model does not know."
    )
    source: Literal["model", "popular", "new"]
    because: list[ReasonOut] = Field(
        default_factory=list,
        max_length=MOST_REASONS,
        description="Where `explain` asks for it: the strongest reasons, strongest first. None for "
        "a popular item, and none by an item_rbm.",
    )


class RecommendationsOut(Answer):
    """The list, best first, and the version that made it."""

    user_id: str | None = Field(examples=["u42"])
    model_version: int | None = Field(
        examples=[3], description="Null until the first version is loaded: popular and new items."
    )
    items: list[RecommendationOut]
    shortfall: str | None = Field(None, description="Why fewer came than were asked for.")


class GivenRating(Body):
    """A rating that is not stored."""

    item_id: str = Field(min_length=1, max_length=256, examples=["318"])
    value: float = Field(examples=[4])


class GivenInteraction(Body):
    """Something done without a rating, and not stored: what is in an anonymous cart."""

    item_id: str = Field(min_length=1, max_length=256, examples=["318"])
    type: Literal["view", "cart", "purchase"] = Field(examples=["cart"])


class RecommendationsRequest(Body):
    """Somebody's ratings and interactions, and what to give for them."""

    ratings: list[GivenRating] = Field(
        default_factory=list, max_length=10_000, examples=[[{"item_id": "318", "value": 5}]]
    )
    interactions: list[GivenInteraction] = Field(
        default_factory=list, max_length=10_000, examples=[[{"item_id": "50", "type": "cart"}]]
    )
    n: int = Field(10, ge=1, le=MOST)
    exclude: list[str] = Field(default_factory=list, max_length=MOST)
    include_rated: bool = False
    explain: bool = Field(False, description=EXPLAIN)


@router.get(
    "/v1/users/{user_id:id}/recommendations",
    summary="Recommend to a stored user",
    response_model=RecommendationsOut,
    responses=responses.of(InvalidId)
    | {304: {"description": "The list is the one whose ETag was sent as If-None-Match."}},
)
async def get_recommendations(
    request: Request,
    user_id: UserId,
    n: N = 10,
    exclude: Exclude = [],  # noqa: B006 - FastAPI copies defaults
    include_rated: IncludeRated = False,
    explain: Explain = False,
) -> Response:
    """Fold in the ratings and interactions as they are now and rank everything else.

    A user nobody has heard of gets the most-rated items, and each says so. Until the first model
    version is loaded, everybody gets popular items, filled up with the newest.
    """
    serving: Serving = request.app.state.serving
    answering = serving.present
    if answering is None:

        def popular(session: Session) -> RankedList:
            history = serving.histories.read(user_id)
            done = () if include_rated else {*history.rated_keys, *history.purchase_keys()}
            return serving.popular.recommend(session, n=n, done_keys=done, exclude=exclude)

        return _answer(request, user_id, None, await request.app.state.lanes.read(popular))

    def work() -> RankedList:
        history = serving.histories.read(user_id)
        known = Known.stored(answering, history)
        ranked = recommend(
            answering, user_id, known, n=n, include_rated=include_rated, exclude=exclude
        )
        if explain:
            ranked = add_reasons(answering, known, stored_ratings(answering, history), ranked)
        return ranked

    ranked = await _done(request, answering, work, in_thread=explain)
    return _answer(request, user_id, answering.version, ranked)


@router.post(
    "/v1/recommendations",
    summary="Recommend to somebody who is not stored",
    response_model=RecommendationsOut,
    responses=responses.of(InvalidRating, ValueOffScale),
)
async def recommend_to_anybody(request: Request, body: RecommendationsRequest) -> Response:
    """Do the same from the ratings and interactions in the body, of which nothing is kept.

    Of an item-oriented model, which knows only those it was trained on, popular items come.
    """
    serving: Serving = request.app.state.serving
    answering = serving.present
    scale = request.app.state.context.rating_scale
    ratings = {rating.item_id: checked_value(rating.value, scale) for rating in body.ratings}

    events = [(event.item_id, event.type) for event in body.interactions]
    done = ratings.keys() | {item_id for item_id, type_ in events if type_ == "purchase"}
    exclude = set(body.exclude) | (set() if body.include_rated else done)
    if answering is None:

        def popular(session: Session) -> RankedList:
            return serving.popular.recommend(session, n=body.n, exclude=exclude)

        return _answer(request, None, None, await request.app.state.lanes.read(popular))

    def work() -> RankedList:
        known = Known.given(answering, ratings, events)
        ranked = recommend(
            answering, None, known, n=body.n, include_rated=body.include_rated, exclude=exclude
        )
        return add_reasons(answering, known, ratings, ranked) if body.explain else ranked

    ranked = await _done(request, answering, work, in_thread=body.explain)
    return _answer(request, None, answering.version, ranked)


async def _done(
    request: Request, answering: Answering, work: Callable[[], T], *, in_thread: bool
) -> T:
    """Work here if it takes less than a millisecond, in a thread if it would keep others waiting.

    Measured in benchmarks/RESULTS.md: a hop to a thread costs more than a quick answer does. An
    explanation goes to a thread: of 300 ratings it takes more than a millisecond.
    """
    state = request.app.state
    is_quick = state.serving.reads_quickly and answering.multiplications <= QUICK_MULTIPLICATIONS
    if is_quick and not in_thread:
        return work()
    lanes: Lanes = state.lanes
    return await lanes.answers.run(work)


def _answer(
    request: Request, user_id: str | None, version: int | None, ranked: RankedList
) -> Response:
    """Write the list without checking it against its own schema: this answer has to be quick."""
    body = to_json(
        {
            "user_id": user_id,
            "model_version": version,
            "items": ranked.items,
            "shortfall": ranked.shortfall,
        }
    )
    tag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
    if tag in request.headers.get("if-none-match", ""):  # one of a list, or weakened on the way
        return Response(status_code=304, headers={"ETag": tag})
    return Response(body, media_type=JSONResponse.media_type, headers={"ETag": tag})
