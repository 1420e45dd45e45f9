"""Training jobs: queue, follow, cancel and retry."""

from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from fastapi import Body as FromBody
from fastapi import Request, Response, status
from pydantic import ConfigDict, Field

from recsvc.api.access.requirements import Requirement
from recsvc.api.concurrency.router import Router
from recsvc.api.dependencies import (
    MAX_BIGINT,
    CapacityDep,
    Cursor,
    JobId,
    Limit,
    ModelServerDep,
    Now,
    ReadingDep,
    RequesterDep,
    SessionDep,
)
from recsvc.api.long_polling import NOT_MODIFIED, Wait, respond_with_job
from recsvc.api.openapi.responses import problem_responses
from recsvc.api.pagination import page
from recsvc.api.problems import RETRY_SECONDS
from recsvc.api.routes.diagnosis.diagnoses import ChangeOut
from recsvc.api.schemas import Answer, Body, JobOut, Page, job_fields
from recsvc.db.tables import Job, JobKind
from recsvc.errors import (
    InvalidCursor,
    InvalidHyperparameter,
    JobFinished,
    JobNotFound,
    JobQuotaReached,
    NothingToChange,
    QueueFull,
    TrainingTooLarge,
    TrainingTooLong,
    UnknownFinding,
    UnknownHyperparameter,
)
from recsvc.rbm.auto_hyperparameters import Choice
from recsvc.rbm.model_kind import ModelKind
from recsvc.service.access.scopes import Scope
from recsvc.service.jobs import queries, reported_jobs
from recsvc.service.training import retries, training_job
from recsvc.service.training_progress import TrainingProgress
from recsvc.service.training_spec import TrainingSpec
from recsvc.service.tuning import autopilot_outcome

router = Router(
    prefix="/v1/training-jobs",
    tags=["training jobs"],
    requirement=Requirement(Scope.TRAIN, is_audited=True),
)
cancel_router = Router(
    prefix="/v1",
    tags=["training jobs"],
    requirement=Requirement(Scope.TRAIN, is_audited=True),
)

Publish = Literal["if_better", "never", "always"]


class TrainingBase(Body):
    """Settings that the training jobs of a sweep can share."""

    model_config = ConfigDict(extra="forbid", strict=True, protected_namespaces=())

    hyperparameters: dict[str, Any] = Field(default_factory=dict)
    model_kind: ModelKind = "joint_rbm"
    seed: int = Field(0, ge=0, le=MAX_BIGINT, description="The same seed gives the same weights.")
    validation_share: float = Field(
        0.1,
        gt=0,
        le=0.5,
        allow_inf_nan=False,
        description="Share of ratings held out.",
    )
    warm_start: bool = Field(False, description="Start from the published version's weights.")

    def spec(self) -> TrainingSpec:
        """Return the specification of the job."""
        return TrainingSpec(
            hyperparameters=dict(self.hyperparameters),
            model_kind=self.model_kind,
            seed=self.seed,
            validation_share=self.validation_share,
            warm_start=self.warm_start,
        )


class TrainingRequest(TrainingBase):
    """What to train, and how. Every member has a default."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        protected_namespaces=(),
        json_schema_extra={
            "examples": [{"hyperparameters": {"n_hidden": 100, "epochs": 30}, "seed": 7}]
        },
    )

    publish: Publish = "if_better"
    autopilot: bool = Field(
        False, description="Follow the diagnosis: try its changes, keep those that help."
    )

    def spec(self) -> TrainingSpec:
        """Return the specification of the job."""
        return replace(super().spec(), publish=self.publish, autopilot=self.autopilot)


class Retry(Body):
    """Which findings of the diagnosis to fix."""

    apply: list[str] | None = Field(
        None,
        examples=[["rate_too_high"]],
        min_length=1,
        description="Codes of findings that suggest a change; by default all of them.",
    )


class ChoiceOut(Answer):
    """The value of a hyperparameter, and why it was chosen."""

    value: int = Field(examples=[256])
    because: str = Field(
        examples=["270 ratings an item and 166 a user are enough for many hidden units"]
    )

    @classmethod
    def from_choice(cls, choice: Choice) -> Self:
        """Return the value and the reason."""
        return cls(value=choice.value, because=choice.because)


class TryOut(ChangeOut):
    """A change that autopilot tries."""


class TriedOut(TryOut):
    """A change that autopilot has tried, with a job of its own."""

    job_id: int = Field(examples=[8])
    kept: bool = Field(description="Whether it reduced the loss.")


class AutopilotEndOut(Answer):
    """Why autopilot queues no further job."""

    because: str = Field(examples=["6 changes were tried"])
    best_job_id: int | None = Field(
        examples=[8], description="The last job whose change was kept, or the first; null if none."
    )


class TrainingJobOut(JobOut):
    """A training job: its settings and its progress."""

    hyperparameters: dict[str, Any]
    model_kind: ModelKind
    seed: int = Field(examples=[7])
    validation_share: float = Field(examples=[0.1])
    publish: Publish
    warm_start: bool
    retry_of: int | None = Field(
        None, examples=[6], description="The job whose diagnosis suggested the changes."
    )
    autopilot: bool
    trying: TryOut | None = Field(None, description="The change that autopilot tries here.")
    tried: list[TriedOut] = Field(
        default_factory=list, description="The changes that autopilot tried before, oldest first."
    )
    next_job_id: int | None = Field(
        None, examples=[9], description="The job that autopilot queued after this one."
    )
    autopilot_end: AutopilotEndOut | None = Field(
        None, description="How autopilot's way ended, if it did with this job."
    )
    cancel_requested: bool
    phase: str | None = Field(None, description="What it is at while it runs.")
    epoch: int | None = Field(None, examples=[12])
    epochs: int | None = Field(None, examples=[30])
    eta_seconds: float | None = Field(None, examples=[8.5])
    best_epoch: int | None = Field(None, examples=[11])
    baselines: dict[str, Any] | None = Field(
        None, description="Metrics of simple methods, for comparison."
    )
    choices: dict[str, ChoiceOut] | None = Field(
        None, description="Hyperparameters chosen from the data, with the reasons."
    )

    @classmethod
    def from_job(cls, job: Job) -> "TrainingJobOut":
        """Return a training job."""
        progress = TrainingProgress.from_job(job)
        spec = TrainingSpec.from_dict(job.spec)
        fields = job_fields(job)
        fields["links"] |= _links(job)
        end = autopilot_outcome.read_outcome(job)
        return cls(
            **fields,
            hyperparameters=spec.hyperparameters,
            model_kind=spec.model_kind,
            seed=spec.seed,
            validation_share=spec.validation_share,
            publish=spec.publish,
            warm_start=spec.warm_start,
            retry_of=spec.retry_of,
            autopilot=spec.autopilot,
            trying=spec.trying,
            tried=spec.tried,
            next_job_id=progress.next_job_id,
            phase=progress.phase,
            epoch=progress.epoch,
            epochs=progress.epochs,
            eta_seconds=progress.eta_seconds,
            cancel_requested=job.cancel_requested,
            best_epoch=progress.best_epoch,
            baselines=progress.baselines,
            choices=None
            if progress.choices is None
            else {name: ChoiceOut.from_choice(choice) for name, choice in progress.choices.items()},
            autopilot_end=end and AutopilotEndOut(because=end.because, best_job_id=end.best_job_id),
        )


def _links(job: Job) -> dict[str, str]:
    address = f"/v1/training-jobs/{job.id}"
    links = {
        "error_curve": f"{address}/error-curve",
        "diagnosis": f"{address}/diagnosis",
        "monitors": f"{address}/monitors",
        "events": f"{address}/events",
        "cancel": f"{address}/cancel",
        "retry": f"{address}/retry",
    }
    version = (job.result or {}).get("version")
    return links | ({"model": f"/v1/models/{version}"} if version else {})


@router.post(
    "",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Queue a training job",
    responses=problem_responses(
        UnknownHyperparameter,
        InvalidHyperparameter,
        TrainingTooLong,
        TrainingTooLarge,
        QueueFull,
        JobQuotaReached,
    ),
)
def request_training(
    response: Response,
    session: SessionDep,
    requester: RequesterDep,
    capacity: CapacityDep,
    now: Now,
    body: Annotated[TrainingRequest, FromBody()] = TrainingRequest(),  # noqa: B008 - never changed
) -> TrainingJobOut:
    """Queue a training job. A worker runs it; follow it at the Location."""
    return _accept(
        training_job.request_training(
            session, spec=body.spec(), now=now, requester=requester, capacity=capacity
        ),
        response,
    )


def _accept(job: Job, response: Response) -> TrainingJobOut:
    response.headers["Location"] = f"/v1/training-jobs/{job.id}"
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return TrainingJobOut.from_job(job)


@router.get("", summary="List training jobs", responses=problem_responses(InvalidCursor))
def list_training_jobs(
    session: ReadingDep, server: ModelServerDep, cursor: Cursor = None, limit: Limit = 50
) -> Page[TrainingJobOut]:
    """List training jobs, newest first."""
    return page(
        "training-jobs",
        cursor,
        limit,
        read=lambda before, most: reported_jobs.list_training_jobs(
            session, server, before=before, limit=most
        ),
        show=TrainingJobOut.from_job,
        place=lambda job: job.id,
    )


@router.get(
    "/{job_id}",
    summary="Read a training job",
    response_model=TrainingJobOut,
    responses=problem_responses(JobNotFound) | NOT_MODIFIED,
)
async def get_training_job(job_id: JobId, request: Request, wait: Wait = 0) -> Response:
    """Return a job. With `wait`, respond at its next state or epoch, or after that many seconds."""
    return await respond_with_job(
        request, job_id, JobKind.TRAINING, wait=wait, show=TrainingJobOut.from_job
    )


@router.post(
    "/{job_id}/cancel",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Cancel a training job",
    responses=problem_responses(JobNotFound, JobFinished),
)
def cancel_training(job_id: JobId, session: SessionDep, now: Now) -> TrainingJobOut:
    """Cancel a job. A running job stops within two seconds; its error curve is kept."""
    return TrainingJobOut.from_job(queries.cancel_job(session, job_id, JobKind.TRAINING, now=now))


class CancelledJobs(Answer):
    """The jobs that were cancelled."""

    job_ids: list[int] = Field(examples=[[8, 9]])


@cancel_router.post("/training-jobs:cancel-queued", summary="Cancel all queued training jobs")
def cancel_queued_training(session: SessionDep, now: Now) -> CancelledJobs:
    """Cancel every training job that has not started, trials of sweeps as well."""
    return CancelledJobs(job_ids=list(queries.cancel_queued(session, JobKind.TRAINING, now=now)))


@router.post(
    "/{job_id}/retry",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Retry with the changes that the diagnosis suggests",
    responses=problem_responses(
        JobNotFound,
        NothingToChange,
        UnknownFinding,
        InvalidHyperparameter,
        TrainingTooLong,
        TrainingTooLarge,
        QueueFull,
        JobQuotaReached,
    ),
)
def retry_training(
    job_id: JobId,
    response: Response,
    session: SessionDep,
    requester: RequesterDep,
    capacity: CapacityDep,
    now: Now,
    body: Annotated[Retry, FromBody()] = Retry(apply=None),  # noqa: B008 - never changed
) -> TrainingJobOut:
    """Queue a new job with the changes. The old job is not affected, even if it runs."""
    return _accept(
        retries.retry(session, job_id, body.apply, now=now, requester=requester, capacity=capacity),
        response,
    )
