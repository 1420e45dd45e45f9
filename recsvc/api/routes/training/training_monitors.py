"""Inspections of the model of a training job: hidden activity and weights."""

from typing import Annotated, Self

from fastapi import Query
from pydantic import Field

from recsvc.api.access.requirements import Requirement
from recsvc.api.concurrency.router import Router
from recsvc.api.dependencies import JobId, ModelServerDep, ReadingDep
from recsvc.api.openapi.responses import problem_responses
from recsvc.api.schemas import Answer
from recsvc.db.tables import JobState
from recsvc.errors import EpochNotWatched, JobNotFound
from recsvc.rbm.training.inspection import HISTOGRAM_EDGES
from recsvc.service.access.scopes import Scope
from recsvc.service.diagnosis.inspections import Activity, JobInspections
from recsvc.service.jobs import reported_jobs

MAX_EPOCHS = 100_000

router = Router(
    prefix="/v1/training-jobs", tags=["training jobs"], requirement=Requirement(Scope.TRAIN)
)


class HiddenActivity(Answer):
    """Activations of hidden units: a row for each case, a column for each unit."""

    epoch: int = Field(examples=[12])
    cases: list[int] = Field(
        examples=[[0, 1]],
        description="Random users, or items for an item_rbm; the same in all epochs. They have "
        "numbers only, so that an erased user is not named.",
    )
    units: list[int] = Field(examples=[[0, 1]], description="Up to 64, evenly spread.")
    probabilities: list[list[float]] = Field(
        examples=[[[0.1, 0.9], [0.8, 0.2]]],
        description="P(h = 1 | v), to the nearest 255th.",
    )

    @classmethod
    def from_activity(cls, activity: Activity) -> "HiddenActivity":
        """Return the activations of one epoch."""
        return cls(
            epoch=activity.epoch,
            cases=list(range(len(activity.probabilities))),
            units=activity.units.tolist(),
            probabilities=activity.probabilities.round(3).tolist(),
        )


class Histograms(Answer):
    """Histograms of the magnitudes of up to 8,192 numbers, a row for each epoch."""

    edges: list[float] = Field(
        examples=[[-8.0, -7.75]],
        description="log10 of magnitudes; the first and the last bin include all values beyond.",
    )
    zeros: list[int] = Field(examples=[[0]])
    counts: list[list[int]] = Field(examples=[[[3, 14]]])


class MonitorsOut(Answer):
    """The inspections so far."""

    job_id: int = Field(examples=[7])
    state: JobState
    epochs: list[int] = Field(
        examples=[[0, 1, 2]],
        description="Inspected epochs: all up to 64, every second one up to 128, and so on.",
    )
    hidden_activity: HiddenActivity | None = Field(description="Null before the first epoch.")
    weights: Histograms
    updates: Histograms = Field(description="The last step of each epoch.")

    @classmethod
    def from_inspections(cls, found: JobInspections) -> Self:
        """Return the inspections of a job."""
        weights, updates = (
            Histograms(
                edges=HISTOGRAM_EDGES.tolist(),
                zeros=[getattr(inspection, name)["zeros"] for inspection in found.inspections],
                counts=[getattr(inspection, name)["counts"] for inspection in found.inspections],
            )
            for name in ("weights", "updates")
        )
        return cls(
            job_id=found.job.id,
            state=JobState(found.job.state),
            epochs=[inspection.epoch for inspection in found.inspections],
            hidden_activity=found.activity and HiddenActivity.from_activity(found.activity),
            weights=weights,
            updates=updates,
        )


@router.get(
    "/{job_id}/monitors",
    summary="Inspect the model",
    responses=problem_responses(JobNotFound, EpochNotWatched),
)
def get_monitors(
    job_id: JobId,
    session: ReadingDep,
    server: ModelServerDep,
    epoch: Annotated[
        int | None,
        Query(
            ge=0,
            le=MAX_EPOCHS,
            description="Epoch of the hidden activity; by default the last.",
        ),
    ] = None,
) -> MonitorsOut:
    """Return the activity of hidden units, and histograms of weights and steps by epoch.

    In healthy training, units are neither all on nor all off and differ between users. Steps are
    about a thousandth of the weights: three orders of magnitude.
    """
    found = reported_jobs.get_inspections(session, server, job_id, epoch)
    return MonitorsOut.from_inspections(found)
