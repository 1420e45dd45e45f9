"""Predictions: how a user would rate items, as distributions over the rating scale."""

from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field

from recsvc.api.access.requirements import Requirement
from recsvc.api.concurrency.router import Router, runs_on
from recsvc.api.dependencies import ModelServerDep, UserId
from recsvc.api.openapi.responses import problem_responses
from recsvc.api.schemas import Answer
from recsvc.errors import InvalidId, ModelLoading, ModelUnreadable, NoModelPublished
from recsvc.service.access.scopes import Scope

router = Router(tags=["recommendations"], requirement=Requirement(Scope.RECOMMEND))

MAX_ITEMS = 500


class ProbabilityOut(Answer):
    """The probability of one value of the rating scale."""

    value: float = Field(examples=[4])
    probability: float = Field(ge=0, le=1, examples=[0.41])


class PredictionOut(Answer):
    """How the user would rate one item."""

    item_id: str = Field(examples=["318"])
    expected_rating: float | None = Field(
        examples=[4.1],
        description="Mean of the distribution. Null if the model was trained on interactions "
        "alone; the distribution is then empty.",
    )
    entropy: float = Field(
        examples=[1.2], description="Entropy of the distribution in nats: the uncertainty."
    )
    distribution: list[ProbabilityOut]
    source: Literal["model", "baseline"] = Field(
        description="baseline: the model does not know the item or the user; the prediction uses "
        "the item's other ratings, or all ratings."
    )


class PredictionsOut(Answer):
    """One prediction for each requested item, in the order of the request."""

    user_id: str = Field(examples=["u42"])
    model_version: int = Field(examples=[3])
    items: list[PredictionOut]


@router.get(
    "/v1/users/{user_id:id}/predictions",
    summary="Predict a user's ratings",
    responses=problem_responses(InvalidId, NoModelPublished, ModelLoading, ModelUnreadable),
)
@runs_on("answers")
def get_predictions(
    server: ModelServerDep,
    user_id: UserId,
    item_id: Annotated[
        list[str],
        Query(
            min_length=1,
            max_length=MAX_ITEMS,
            description="Items to predict; repeat the parameter for each.",
            examples=[["318"]],
        ),
    ],
) -> PredictionsOut:
    """Predict each item as if the user had not rated it."""
    return PredictionsOut.model_validate(server.predict(user_id, item_id))
