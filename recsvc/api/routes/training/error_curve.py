"""The error curve of a training job: as JSON, as CSV, or as a plot with other jobs."""

import csv
import io
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Query, Response
from pydantic import Field, create_model

from recsvc.api.access.requirements import Requirement
from recsvc.api.concurrency.router import Router
from recsvc.api.dependencies import MAX_BIGINT, JobId, ModelServerDep, Now, ReadingDep
from recsvc.api.openapi.responses import problem_responses
from recsvc.api.schemas import Answer
from recsvc.db.tables import JobState
from recsvc.epoch_metrics import METRICS, EpochMetric, MetricName
from recsvc.errors import JobNotFound
from recsvc.plots import svg
from recsvc.plots.curve_plot import MAX_JOBS, build_plot
from recsvc.service.access.scopes import Scope
from recsvc.service.jobs import reported_jobs

router = Router(
    prefix="/v1/training-jobs", tags=["training jobs"], requirement=Requirement(Scope.TRAIN)
)


class CurveFormat(StrEnum):
    """Format of the response."""

    JSON = "json"
    CSV = "csv"
    SVG = "svg"


class Scale(StrEnum):
    """Scale of the axes of a plot."""

    LINEAR = "linear"
    LOG = "log"


class EpochNumber(Answer):
    """The metrics of one epoch. A metric that the job does not compute is null."""

    epoch: int = Field(examples=[1])


def _field(metric: EpochMetric) -> tuple[Any, Any]:
    """Return the type and the description of a metric's field."""
    number = int if metric.is_count else float
    type_ = number if metric.is_setting else number | None
    return type_, Field(examples=[metric.example], description=f"{metric.text}.")


if TYPE_CHECKING:
    Epoch = EpochNumber
else:
    Epoch = create_model(
        "Epoch",
        __base__=EpochNumber,
        __doc__=EpochNumber.__doc__,
        **{metric.name: _field(metric) for metric in METRICS},
    )


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
        list[MetricName], Query(description="For svg: the metrics to plot.", max_length=20)
    ] = [],  # noqa: B006 - FastAPI copies it
    beside: Annotated[
        list[Annotated[int, Field(ge=1, le=MAX_BIGINT)]],
        Query(description="For svg: more jobs to plot.", max_length=MAX_JOBS - 1),
    ] = [],  # noqa: B006 - FastAPI copies it
    scale: Annotated[Scale, Query(description="For svg: the scale of the axes.")] = Scale.LINEAR,
) -> Response:
    """Return the error curve, which is empty before the first epoch and kept after the job ends.

    A plot marks the best epoch and the epochs of the diagnosis findings.
    """
    if form is CurveFormat.SVG:
        curves = reported_jobs.get_plot_curves(session, (job_id, *beside), now=now)
        plot = build_plot(curves, metric, is_log=scale is Scale.LOG)
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
