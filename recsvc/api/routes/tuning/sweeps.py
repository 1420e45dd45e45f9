"""Sweeps: many training jobs, the best of them, and the effect of each hyperparameter."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Path, Response, status
from pydantic import ConfigDict, Field

from recsvc.api.access.requirements import Requirement
from recsvc.api.concurrency.router import Router
from recsvc.api.dependencies import (
    MAX_BIGINT,
    CapacityDep,
    Cursor,
    Limit,
    Now,
    ReadingDep,
    RequesterDep,
    SessionDep,
)
from recsvc.api.openapi.responses import problem_responses
from recsvc.api.pagination import page
from recsvc.api.problems import RETRY_SECONDS
from recsvc.api.routes.training.training_jobs import TrainingBase
from recsvc.api.schemas import Answer, Body, Page
from recsvc.db.tables import JobState
from recsvc.errors import (
    InvalidCursor,
    InvalidHyperparameter,
    InvalidSweep,
    JobQuotaReached,
    QueueFull,
    SweepFinished,
    SweepNotFound,
    TrainingTooLarge,
    TrainingTooLong,
    UnknownHyperparameter,
)
from recsvc.service.access.scopes import Scope
from recsvc.service.tuning import sweep_status, sweeps
from recsvc.service.tuning.sweep_status import SweepStatus, Trial
from recsvc.service.tuning.sweeps import SweepKind, SweepSpec

router = Router(
    prefix="/v1/sweeps", tags=["sweeps"], requirement=Requirement(Scope.TRAIN, is_audited=True)
)

SweepId = Annotated[
    int, Path(ge=1, le=MAX_BIGINT, description="The number of a sweep.", examples=[1])
]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Value = int | Finite | str
Values = Annotated[list[Value], Field(min_length=1, max_length=200)]
STRICT = ConfigDict(extra="forbid", strict=True, protected_namespaces=())
KINDS: tuple[SweepKind, ...] = ("grid", "random", "rate_range")


class Bounds(Body):
    """A range that values are sampled from."""

    model_config = STRICT

    low: Finite = Field(examples=[0.001])
    high: Finite = Field(examples=[1])
    scale: Literal["linear", "log"] = "linear"


class RandomOver(Body):
    """Trials with sampled values."""

    model_config = STRICT

    trials: int = Field(20, examples=[20])
    seed: int = Field(0, ge=0, le=MAX_BIGINT, description="The same seed samples the same values.")
    over: dict[str, Bounds | Values] = Field(
        min_length=1,
        examples=[{"learning_rate": {"low": 0.001, "high": 1, "scale": "log"}}],
    )


class RateRange(Body):
    """A learning-rate range test: short trials with rising learning rates."""

    model_config = STRICT

    low: Finite = 1e-5
    high: Finite = 10.0
    trials: int = 8


class SweepRequest(Body):
    """The search space: exactly one of `grid`, `random` and `rate_range`."""

    model_config = ConfigDict(
        **STRICT,
        json_schema_extra={
            "examples": [
                {
                    "grid": {"learning_rate": [0.002, 0.02, 0.2], "n_hidden": [50, 100]},
                    "base": {"model_kind": "user_rbm", "seed": 7},
                }
            ]
        },
    )

    grid: dict[str, Values] | None = Field(
        None, min_length=1, description="Every combination of these values is a trial."
    )
    random: RandomOver | None = None
    rate_range: RateRange | None = None
    base: TrainingBase = Field(default_factory=TrainingBase, description="Settings of all trials.")
    early_stopping: bool = Field(
        True,
        description="Stop trials that are worse than the median of the others.",
    )

    def spec(self) -> SweepSpec:
        """Return the specification of the sweep. Raises InvalidSweep."""
        body = self.model_dump()
        kinds: list[SweepKind] = [kind for kind in KINDS if body[kind] is not None]
        if len(kinds) != 1:
            named = " and ".join(kinds) or "empty"
            raise InvalidSweep("body", named, "send exactly one of grid, random and rate_range.")
        return SweepSpec(kinds[0], body[kinds[0]], self.base.spec(), self.early_stopping)


class TrialOut(Answer):
    """One training job of a sweep."""

    job_id: int = Field(examples=[12])
    hyperparameters: dict[str, Any] = Field(
        examples=[{"learning_rate": 0.02}], description="The sampled hyperparameters."
    )
    state: JobState
    epochs: int = Field(examples=[30], description="Number of epochs so far.")
    best_epoch: int | None = Field(examples=[22])
    best: float | None = Field(examples=[0.31], description="Metric of the best epoch.")
    stopped_early: bool

    @classmethod
    def from_trial(cls, trial: Trial) -> "TrialOut":
        """Return a trial."""
        return cls(
            job_id=trial.job_id,
            hyperparameters=trial.hyperparameters,
            state=JobState(trial.state),
            epochs=trial.epochs,
            best_epoch=trial.best_epoch,
            best=trial.best,
            stopped_early=trial.stopped_early,
        )


class SensitivityOut(Answer):
    """The effect of one hyperparameter on the metric."""

    hyperparameter: str = Field(examples=["learning_rate"])
    share: float = Field(
        examples=[0.7], description="Share of the metric's variance that it explains by itself."
    )


class SuggestionOut(Answer):
    """The result of a learning-rate range test."""

    learning_rate: float = Field(examples=[0.02])
    falls_from: float = Field(examples=[0.002], description="Lowest rate at which the loss falls.")
    falls_to: float = Field(examples=[0.2], description="Highest rate at which the loss falls.")
    diverges_at: float | None = Field(
        examples=[2.0],
        description="Lowest rate above it at which the loss rises, if any.",
    )


class SweepOut(Answer):
    """A sweep and its trials so far."""

    id: int = Field(examples=[3])
    kind: SweepKind
    state: JobState
    created_at: datetime
    metric: sweep_status.Metric = Field(
        description="Metric that trials are compared by: a higher nDCG or a lower NLL is better."
    )
    early_stopping: bool
    trials: list[TrialOut]
    best_job_id: int | None = Field(examples=[12])
    best_model_version: int | None = Field(
        examples=[4], description="Publish it with POST /v1/models/{version}/publish."
    )
    sensitivity: list[SensitivityOut] = Field(
        description="Sorted by share. Incomplete if there are too few trials to estimate it."
    )
    suggestion: SuggestionOut | None = Field(description="Result of a finished `rate_range`.")
    links: dict[str, str] = Field(examples=[{"self": "/v1/sweeps/3"}])

    @classmethod
    def from_status(cls, current: SweepStatus) -> "SweepOut":
        """Return a sweep with its links."""
        sweep, best = current.sweep, current.best_model_version
        address = f"/v1/sweeps/{sweep.id}"
        links = {"self": address, "cancel": f"{address}/cancel"}
        if best is not None:
            links |= {"model": f"/v1/models/{best}", "publish": f"/v1/models/{best}/publish"}
        shares = current.sensitivity.items()
        return cls(
            id=sweep.id,
            kind=sweep.kind,
            state=current.state,
            created_at=sweep.created_at,
            metric=current.metric,
            early_stopping=sweep.spec["early_stopping"],
            trials=[TrialOut.from_trial(one) for one in current.trials],
            best_job_id=current.best_job_id,
            best_model_version=best,
            sensitivity=[SensitivityOut(hyperparameter=name, share=of) for name, of in shares],
            suggestion=current.suggestion,
            links=links,
        )


@router.post(
    "",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Queue a sweep",
    responses=problem_responses(
        InvalidSweep,
        UnknownHyperparameter,
        InvalidHyperparameter,
        TrainingTooLong,
        TrainingTooLarge,
        QueueFull,
        JobQuotaReached,
    ),
)
def request_sweep(
    body: SweepRequest,
    response: Response,
    session: SessionDep,
    requester: RequesterDep,
    capacity: CapacityDep,
    now: Now,
) -> SweepOut:
    """Queue the training jobs of a sweep. All workers share them; no trial is published."""
    sweep = sweeps.request_sweep(
        session, body.spec(), now=now, requester=requester, capacity=capacity
    )
    response.headers["Location"] = f"/v1/sweeps/{sweep.id}"
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return SweepOut.from_status(sweep_status.build_status(session, sweep))


@router.get("", summary="List sweeps", responses=problem_responses(InvalidCursor))
def list_sweeps(session: ReadingDep, cursor: Cursor = None, limit: Limit = 50) -> Page[SweepOut]:
    """List sweeps, newest first."""
    return page(
        "sweeps",
        cursor,
        limit,
        read=lambda before, most: sweep_status.list_sweeps(session, before=before, limit=most),
        show=SweepOut.from_status,
        place=lambda current: current.sweep.id,
    )


@router.get("/{sweep_id}", summary="Read a sweep", responses=problem_responses(SweepNotFound))
def get_sweep(sweep_id: SweepId, session: ReadingDep) -> SweepOut:
    """Return the trials, the best of them, and the effect of each hyperparameter."""
    return SweepOut.from_status(sweep_status.get_sweep(session, sweep_id))


@router.post(
    "/{sweep_id}/cancel",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Cancel a sweep",
    responses=problem_responses(SweepNotFound, SweepFinished),
)
def cancel_sweep(sweep_id: SweepId, session: SessionDep, now: Now) -> SweepOut:
    """Cancel all trials. Running ones stop within two seconds; error curves are kept."""
    sweep = sweeps.cancel_sweep(session, sweep_id, now=now)
    return SweepOut.from_status(sweep_status.build_status(session, sweep))
