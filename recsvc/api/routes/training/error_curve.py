"""The error curve of a training job: as JSON, as CSV, or as a plot with other jobs."""

import csv
import io
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import Field

from recsvc.api.concurrency.router import Router
from recsvc.api.dependencies import MAX_BIGINT, JobId, ModelServerDep, Now, ReadingDep
from recsvc.api.openapi.responses import problem_responses
from recsvc.api.schemas import Answer
from recsvc.db.tables import JobState
from recsvc.errors import JobNotFound
from recsvc.plots import svg
from recsvc.plots.curve_plot import MOST_JOBS, plot_of
from recsvc.plots.metrics import Figure
from recsvc.service.jobs import reported_jobs

router = Router(prefix="/v1/training-jobs", tags=["training jobs"])


class CurveFormat(StrEnum):
    """Format of the response."""

    JSON = "json"
    CSV = "csv"
    SVG = "svg"


class Scale(StrEnum):
    """Scale of the axes of a plot."""

    LINEAR = "linear"
    LOG = "log"


class Epoch(Answer):
    """The metrics of one epoch. A metric that the job does not compute is null."""

    epoch: int = Field(examples=[1])
    validation_nll: float | None = Field(
        examples=[1.32], description="Mean −log p(level | item, user) on held-out ratings."
    )
    validation_rmse: float | None = Field(examples=[0.97], description="In units of the ratings.")
    validation_ndcg: float | None = Field(
        examples=[0.31],
        description="nDCG@10 of up to 1,024 users, by hidden units alone. It selects the best "
        "epoch. Null for kinds that only predict ratings.",
    )
    train_nll: float | None = Field(examples=[1.28])
    reconstruction_error: float | None = Field(examples=[0.41])
    train_free_energy: float | None = Field(examples=[-112.4])
    validation_free_energy: float | None = Field(
        examples=[-110.9], description="A growing gap to the training one indicates overfitting."
    )
    update_to_weight_ratio: float | None = Field(examples=[0.001])
    prediction_spread: float | None = Field(
        examples=[0.55],
        description="Deviation of expected ratings over that of actual ratings.",
    )
    kept_levels: float | None = Field(
        examples=[0.48], description="Share of ratings that the Gibbs chain reproduces."
    )
    hidden_activity: float | None = Field(examples=[0.31], description="Mean of P(h = 1 | v).")
    hidden_certainty: float | None = Field(
        examples=[0.22], description="Mean of |P(h = 1 | v) − ½|."
    )
    saturated_units: float | None = Field(
        examples=[0.02],
        description="Share of hidden units on, or off, for nearly all cases.",
    )
    dead_units: float | None = Field(
        examples=[0.0], description="Share of hidden units with the same activation for all cases."
    )
    unit_similarity: float | None = Field(
        examples=[0.61], description="Greatest |cosine| between the weights of two hidden units."
    )
    largest_weight: float | None = Field(examples=[1.7], description="Largest absolute weight.")
    rollbacks: int | None = Field(
        examples=[0],
        description="Times that training diverged and resumed from its best epoch.",
    )
    learning_rate: float = Field(examples=[0.01])
    momentum: float = Field(examples=[0.9])
    cd_steps: int = Field(examples=[1])
    seconds: float = Field(examples=[0.42])


class ErrorCurve(Answer):
    """The metrics of every epoch so far."""

    job_id: int = Field(examples=[7])
    state: JobState
    best_epoch: int | None = Field(examples=[12])
    baselines: dict[str, Any] | None
    epochs: list[Epoch]


@router.get(
    "/{job_id}/error-curve",
    summary="Read the error curve",
    response_model=ErrorCurve,
    responses=problem_responses(JobNotFound)
    | {
        200: {
            "description": "The metrics of every epoch so far.",
            "content": {
                "text/csv": {
                    "schema": {"type": "string"},
                    "example": "epoch,validation_nll,validation_ndcg\n1,1.3,0.31\n",
                },
                "image/svg+xml": {"schema": {"type": "string"}, "example": "<svg …></svg>"},
            },
        }
    },
)
def get_error_curve(
    job_id: JobId,
    session: ReadingDep,
    server: ModelServerDep,
    now: Now,
    form: Annotated[CurveFormat, Query(alias="format")] = CurveFormat.JSON,
    metric: Annotated[
        list[Figure], Query(description="For svg: the metrics to plot.", max_length=20)
    ] = [],  # noqa: B006 - FastAPI copies it
    beside: Annotated[
        list[Annotated[int, Field(ge=1, le=MAX_BIGINT)]],
        Query(description="For svg: more jobs to plot.", max_length=MOST_JOBS - 1),
    ] = [],  # noqa: B006 - FastAPI copies it
    scale: Annotated[Scale, Query(description="For svg: the scale of the axes.")] = Scale.LINEAR,
) -> Response:
    """Return the error curve, which is empty before the first epoch and kept after the job ends.

    A plot marks the best epoch and the epochs of the diagnosis findings.
    """
    if form is CurveFormat.SVG:
        curves = reported_jobs.get_plot_curves(session, (job_id, *beside), now=now)
        plot = plot_of(curves, metric, is_log=scale is Scale.LOG)
        return Response(svg.draw(plot), media_type="image/svg+xml")
    curve = ErrorCurve.model_validate(reported_jobs.get_error_curve(session, server, job_id))
    if form is CurveFormat.CSV:
        return Response(_as_csv(curve.epochs), media_type="text/csv; charset=utf-8")
    return Response(curve.model_dump_json(), media_type="application/json")


def _as_csv(epochs: list[Epoch]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(Epoch.model_fields))
    writer.writeheader()
    writer.writerows(epoch.model_dump() for epoch in epochs)
    return text.getvalue()
