"""A training job's error curve: as JSON, as CSV, as a picture of it and of others."""

import csv
import io
import math
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Query, Response
from pydantic import Field, create_model

from recsvc.api.concurrency.router import Router
from recsvc.api.dependencies import LARGEST_INTEGER, JobId, Now, ReadingDep, ServingDep
from recsvc.api.openapi import responses
from recsvc.api.schemas import Answer
from recsvc.db.session import Session
from recsvc.db.tables import Job, JobKind, JobState, TrainingEpoch
from recsvc.epoch_metrics import METRICS, EpochMetric, MetricName
from recsvc.errors import JobNotFound
from recsvc.plots import svg
from recsvc.plots.curve_plot import MAX_JOBS, Curve, build_plot
from recsvc.plots.panels import Span
from recsvc.service.diagnosis import job_diagnosis
from recsvc.service.jobs import queries
from recsvc.service.training_progress import TrainingProgress

router = Router(prefix="/v1/training-jobs", tags=["training jobs"])


class CurveFormat(StrEnum):
    """How the curve is wanted."""

    JSON = "json"
    CSV = "csv"
    SVG = "svg"


class Scale(StrEnum):
    """How a picture's values stand on their axes."""

    LINEAR = "linear"
    LOG = "log"


class EpochNumber(Answer):
    """One pass over the ratings: its figures. Null where the job does not compute one."""

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
    """The figures of every epoch so far."""

    job_id: int = Field(examples=[7])
    state: JobState
    best_epoch: int | None = Field(examples=[12])
    baselines: dict[str, Any] | None
    epochs: list[Epoch]


@router.get(
    "/{job_id}/error-curve",
    summary="Read the error curve",
    response_model=ErrorCurve,
    responses=responses.of(JobNotFound)
    | {
        200: {
            "description": "The figures of every epoch so far.",
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
    serving: ServingDep,
    now: Now,
    form: Annotated[CurveFormat, Query(alias="format")] = CurveFormat.JSON,
    metric: Annotated[
        list[MetricName], Query(description="Of a picture: the figures to draw.", max_length=20)
    ] = [],  # noqa: B006 - FastAPI copies it
    beside: Annotated[
        list[Annotated[int, Field(ge=1, le=LARGEST_INTEGER)]],
        Query(description="Of a picture: jobs to draw beside this one.", max_length=MAX_JOBS - 1),
    ] = [],  # noqa: B006 - FastAPI copies it
    scale: Annotated[Scale, Query(description="Of a picture: its values' axes.")] = Scale.LINEAR,
) -> Response:
    """Empty before the first epoch; kept whatever becomes of the job.

    A picture marks the best epoch and those that the diagnosis speaks of.
    """
    if form is CurveFormat.SVG:
        drawn = [_drawn(session, one, now) for one in dict.fromkeys((job_id, *beside))]
        plot = build_plot(drawn, metric, is_log=scale is Scale.LOG)
        return Response(svg.draw(plot), media_type="image/svg+xml")
    job = queries.get_job(session, job_id, JobKind.TRAINING)
    curve = _curve(job, queries.error_curve(session, job_id))
    if queries.defer_success(session, job, serving.behind(session)):
        curve.state = JobState(job.state)
    if form is CurveFormat.CSV:
        return Response(_as_csv(curve.epochs), media_type="text/csv; charset=utf-8")
    return Response(curve.model_dump_json(), media_type="application/json")


def _curve(job: Job, epochs: Sequence[TrainingEpoch]) -> ErrorCurve:
    progress = TrainingProgress.from_job(job)
    return ErrorCurve(
        job_id=job.id,
        state=JobState(job.state),
        best_epoch=_best(epochs) if progress.best_epoch is None else progress.best_epoch,
        baselines=progress.baselines,
        epochs=[Epoch.model_validate(epoch) for epoch in epochs],
    )


def _best(epochs: Sequence[TrainingEpoch]) -> int | None:
    """Return the best epoch by the rule of training, for a job that has not reported it yet."""
    judged = [
        (
            math.inf if epoch.validation_ndcg is None else -epoch.validation_ndcg,
            math.inf if epoch.validation_nll is None else epoch.validation_nll,
            epoch.epoch,
        )
        for epoch in epochs
        if (epoch.validation_ndcg, epoch.validation_nll) != (None, None)
    ]
    return min(judged)[2] if judged else None


def _as_csv(epochs: list[Epoch]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(Epoch.model_fields))
    writer.writeheader()
    writer.writerows(epoch.model_dump() for epoch in epochs)
    return text.getvalue()


def _drawn(session: Session, job_id: int, now: datetime) -> Curve:
    """Give a job's curve as a plot wants it. Raises JobNotFound."""
    job, diagnosis = job_diagnosis.diagnose_job(session, job_id, now=now)
    curve = _curve(job, queries.error_curve(session, job_id))
    return Curve(
        job_id,
        curve.state,
        [epoch.model_dump() for epoch in curve.epochs],
        curve.best_epoch,
        curve.baselines or {},
        [Span(found.code, found.severity, found.epochs) for found in diagnosis.findings],
        {name: job.spec.get(name) for name in ("model_kind", "seed")} | job.spec["hyperparameters"],
    )
