"""Predictions: how a user would rate items, as a distribution over the rating scale."""

from typing import Annotated, Literal

from fastapi import Query, Request
from pydantic import Field

from recsvc.api.concurrency.router import Router, runs_on
from recsvc.api.dependencies import UserId
from recsvc.api.openapi import responses
from recsvc.api.schemas import Answer
from recsvc.errors import InvalidId, ModelLoading, ModelUnreadable, NoModelPublished
from recsvc.service.recommendations.model_server import Serving
from recsvc.service.recommendations.recommend import Known, Prediction, predict

router = Router(tags=["recommendations"])

MOST = 500


class ProbabilityOut(Answer):
    """One value of the scale."""

    value: float = Field(examples=[4])
    probability: float = Field(ge=0, le=1, examples=[0.41])


class PredictionOut(Answer):
    """How the user would rate one item."""

    item_id: str = Field(examples=["318"])
    expected_rating: float | None = Field(
        examples=[4.1],
        description="Mean of the distribution; null where the model has learned from "
        "interactions alone, and then the distribution is empty.",
    )
    entropy: float = Field(examples=[1.2], description="How unsure it is, in nats.")
    distribution: list[ProbabilityOut]
    source: Literal["model", "baseline"] = Field(
        description="baseline: the model knows the item or the user too little, so the item's "
        "other ratings, or everybody's, answer."
    )

    @classmethod
    def of(cls, prediction: Prediction) -> "PredictionOut":
        """Show a prediction."""
        distribution = [
            ProbabilityOut(value=value, probability=probability)
            for value, probability in prediction.distribution
        ]
        return cls(
            item_id=prediction.item_id,
            expected_rating=prediction.expected_rating,
            entropy=prediction.entropy,
            distribution=distribution,
            source=prediction.source,
        )


class PredictionsOut(Answer):
    """One prediction for each item asked, in that order."""

    user_id: str = Field(examples=["u42"])
    model_version: int = Field(examples=[3])
    items: list[PredictionOut]


@router.get(
    "/v1/users/{user_id:id}/predictions",
    summary="Predict a user's ratings",
    responses=responses.of(InvalidId, NoModelPublished, ModelLoading, ModelUnreadable),
)
@runs_on("answers")
def get_predictions(
    request: Request,
    user_id: UserId,
    item_id: Annotated[
        list[str],
        Query(
            min_length=1, max_length=MOST, description="Items; repeat for each.", examples=[["318"]]
        ),
    ],
) -> PredictionsOut:
    """An item that the user has rated is predicted as if they had not."""
    serving: Serving = request.app.state.serving
    answering = serving.answering()
    known = Known.stored(answering, serving.histories.read(user_id))
    predictions = predict(answering, user_id, known, item_id)
    return PredictionsOut(
        user_id=user_id,
        model_version=answering.version,
        items=[PredictionOut.of(prediction) for prediction in predictions],
    )
