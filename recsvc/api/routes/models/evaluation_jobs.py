"""Evaluation jobs: evaluate a model version again, together with the baselines."""

from typing import Annotated

from fastapi import Body as FromBody
from fastapi import Request, Response, status
from pydantic import ConfigDict, Field

from recsvc.api.access.requirements import Requirement
from recsvc.api.concurrency.router import Router
from recsvc.api.dependencies import (
    Cursor,
    JobId,
    Limit,
    Now,
    ReadingDep,
    RequesterDep,
    SessionDep,
    Version,
)
from recsvc.api.long_polling import NOT_MODIFIED, Wait, respond_with_job
from recsvc.api.openapi.responses import problem_responses
from recsvc.api.pagination import page
from recsvc.api.problems import RETRY_SECONDS
from recsvc.api.schemas import Body, JobOut, Page, job_fields
from recsvc.db.tables import Job, JobKind
from recsvc.errors import (
    InvalidCursor,
    JobFinished,
    JobNotFound,
    JobQuotaReached,
    ModelVersionNotFound,
    QueueFull,
    VersionRetired,
)
from recsvc.service.access.scopes import Scope
from recsvc.service.jobs import queries
from recsvc.service.models import evaluation_job
from recsvc.service.models.evaluation_job import EvaluationSpec

router = Router(tags=["evaluation jobs"], requirement=Requirement(Scope.TRAIN, is_audited=True))

MAX_LIST_LENGTH = 500
ADDRESS = "/v1/evaluation-jobs"


class EvaluationRequest(Body):
    """Which lists to evaluate. Every member has a default."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"n": 20, "n_users": None}]}
    )

    n: int = Field(10, ge=1, le=MAX_LIST_LENGTH, description="Length of the lists.")
    n_users: int | None = Field(
        2000,
        ge=1,
        le=2**31 - 1,
        description="Number of users whose lists are evaluated, evenly spread; null for all users.",
    )


class EvaluationJobOut(JobOut):
    """An evaluation job. Its result has metrics, baselines, calibration and protocol."""

    version: int = Field(examples=[3])
    n: int = Field(examples=[10])
    n_users: int | None = Field(examples=[2000])
    cancel_requested: bool
    phase: str | None = Field(None, description="The current phase of a running job.")

    @classmethod
    def from_job(cls, job: Job) -> "EvaluationJobOut":
        """Return an evaluation job."""
        fields = job_fields(job)
        fields["links"] |= {
            "model": f"/v1/models/{job.spec['version']}",
            "cancel": f"{ADDRESS}/{job.id}/cancel",
        }
        return cls(
            **fields,
            version=job.spec["version"],
            n=job.spec["n"],
            n_users=job.spec["n_users"],
            cancel_requested=job.cancel_requested,
            phase=(job.progress_note or {}).get("phase"),
        )


@router.post(
    "/v1/models/{version}/evaluation",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Evaluate a model version again",
    responses=problem_responses(ModelVersionNotFound, VersionRetired, QueueFull, JobQuotaReached),
)
def request_evaluation(
    version: Version,
    response: Response,
    session: SessionDep,
    requester: RequesterDep,
    now: Now,
    body: Annotated[EvaluationRequest, FromBody()] = EvaluationRequest(),  # noqa: B008 - never changed
) -> EvaluationJobOut:
    """Queue an evaluation on the ratings held out from training. Follow the job at the Location."""
    spec = EvaluationSpec(version, body.n, body.n_users)
    job = evaluation_job.request_evaluation(session, spec, now=now, requester=requester)
    response.headers["Location"] = f"{ADDRESS}/{job.id}"
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return EvaluationJobOut.from_job(job)


@router.get(ADDRESS, summary="List evaluation jobs", responses=problem_responses(InvalidCursor))
def list_evaluation_jobs(
    session: ReadingDep, cursor: Cursor = None, limit: Limit = 50
) -> Page[EvaluationJobOut]:
    """List evaluation jobs, newest first."""
    return page(
        "evaluation-jobs",
        cursor,
        limit,
        read=lambda before, most: queries.list_jobs(
            session, JobKind.EVALUATION, before=before, limit=most
        ),
        show=EvaluationJobOut.from_job,
        place=lambda job: job.id,
    )


@router.get(
    f"{ADDRESS}/{{job_id}}",
    summary="Read an evaluation job",
    response_model=EvaluationJobOut,
    responses=problem_responses(JobNotFound) | NOT_MODIFIED,
)
async def get_evaluation_job(job_id: JobId, request: Request, wait: Wait = 0) -> Response:
    """Return a job. With `wait`, respond at its next state, or after that many seconds."""
    return await respond_with_job(
        request, job_id, JobKind.EVALUATION, wait=wait, show=EvaluationJobOut.from_job
    )


@router.post(
    f"{ADDRESS}/{{job_id}}/cancel",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Cancel an evaluation job",
    responses=problem_responses(JobNotFound, JobFinished),
)
def cancel_evaluation(job_id: JobId, session: SessionDep, now: Now) -> EvaluationJobOut:
    """Cancel a job. A running job stops within two seconds."""
    return EvaluationJobOut.from_job(
        queries.cancel_job(session, job_id, JobKind.EVALUATION, now=now)
    )
