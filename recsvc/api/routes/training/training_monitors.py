"""Looks inside the machine of a training job."""

from typing import Annotated

from fastapi import Query
from pydantic import Field

from recsvc.api.concurrency.router import Router
from recsvc.api.dependencies import JobId, ReadingDep, ServingDep
from recsvc.api.openapi import responses
from recsvc.api.schemas import Answer
from recsvc.db.tables import JobState
from recsvc.errors import EpochNotWatched, JobNotFound
from recsvc.rbm.training.inspection import HISTOGRAM_EDGES
from recsvc.service.diagnosis import inspections
from recsvc.service.diagnosis.inspections import Activity
from recsvc.service.jobs import queries

MOST_EPOCHS = 100_000

router = Router(prefix="/v1/training-jobs", tags=["training jobs"])


class HiddenActivity(Answer):
    """What hidden units made of some cases: a row for each case, a column for each unit."""

    epoch: int = Field(examples=[12])
    cases: list[int] = Field(
        examples=[[0, 1]],
        description="Users, or items of an item_rbm, chosen by chance and the same in all epochs; "
        "only numbered, so that nobody who was erased is named.",
    )
    units: list[int] = Field(examples=[[0, 1]], description="Up to 64, evenly spread.")
    probabilities: list[list[float]] = Field(
        examples=[[[0.1, 0.9], [0.8, 0.2]]], description="P(h = 1 | v), to the nearest 255th."
    )

    @classmethod
    def of(cls, activity: Activity) -> "HiddenActivity":
        """Show one."""
        return cls(
            epoch=activity.epoch,
            cases=list(range(len(activity.probabilities))),
            units=activity.units.tolist(),
            probabilities=activity.probabilities.round(3).tolist(),
        )


class Histograms(Answer):
    """How many of up to 8,192 numbers had which order of magnitude, a row for each epoch."""

    edges: list[float] = Field(
        examples=[[-8.0, -7.75]],
        description="log10 of magnitudes; the first and the last bin have what lies beyond, too.",
    )
    zeros: list[int] = Field(examples=[[0]])
    counts: list[list[int]] = Field(examples=[[[3, 14]]])


class MonitorsOut(Answer):
    """The looks that were taken so far."""

    job_id: int = Field(examples=[7])
    state: JobState
    epochs: list[int] = Field(
        examples=[[0, 1, 2]],
        description="Those looked at: all up to 64, every second one up to 128, and so on.",
    )
    hidden_activity: HiddenActivity | None = Field(description="Null before the first epoch.")
    weights: Histograms
    updates: Histograms = Field(description="The last step of the epoch.")


@router.get(
    "/{job_id}/monitors",
    summary="Look inside the machine",
    responses=responses.of(JobNotFound, EpochNotWatched),
)
def get_monitors(
    job_id: JobId,
    session: ReadingDep,
    serving: ServingDep,
    epoch: Annotated[
        int | None,
        Query(ge=0, le=MOST_EPOCHS, description="Whose hidden activity; by default the last one."),
    ] = None,
) -> MonitorsOut:
    """Hidden units' activity, and histograms of weights and their last steps, by epoch.

    Healthy units are neither all on nor all off, and say different things of different users;
    healthy steps are some thousandth of the weights: three orders of magnitude apart.
    """
    found = inspections.read_inspections(session, job_id, epoch)
    queries.defer_success(session, found.job, serving.behind(session))
    shown = {
        name: Histograms(
            edges=HISTOGRAM_EDGES.tolist(),
            zeros=[getattr(one, name)["zeros"] for one in found.inspections],
            counts=[getattr(one, name)["counts"] for one in found.inspections],
        )
        for name in ("weights", "updates")
    }
    return MonitorsOut(
        job_id=job_id,
        state=JobState(found.job.state),
        epochs=[one.epoch for one in found.inspections],
        hidden_activity=found.activity and HiddenActivity.of(found.activity),
        **shown,
    )
