"""Request and response schemas that several resources share."""

from datetime import datetime
from typing import Any, Generic, Self, TypedDict, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from recsvc.api.remedies import job_error_with_remedy
from recsvc.db.tables import Job, JobState

Entry = TypeVar("Entry")


class Body(BaseModel):
    """A request body. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """A response body."""

    model_config = ConfigDict(from_attributes=True)


class Page(Answer, Generic[Entry]):
    """One page of a list."""

    items: list[Entry]
    next_cursor: str | None = Field(
        None, description="The `cursor` of the next page; null on the last."
    )


class FieldError(Answer):
    """One invalid field."""

    field: str = Field(examples=["ratings.0.value"])
    detail: str = Field(description="The field, its value and the remedy.")
    value: Any = Field(None, description="The value that was sent, if it is short.")


class Problem(Answer):
    """An error, after RFC 9457. Facts about it are further members."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["/problems/user-not-found"], description="Path of a page about it.")
    title: str = Field(examples=["No such user"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["No data is stored for user 'u42'."])
    instance: str = Field(examples=["/v1/users/u42/ratings"], description="Path of the request.")
    request_id: str = Field(examples=["4f1d2c3b9a8e7f60"], description="Find it in the log.")
    errors: list[FieldError] | None = None


class JobOut(Answer):
    """A job. These members are the same for every kind of job."""

    id: int = Field(examples=[1])
    kind: str = Field(examples=["training"])
    state: JobState
    progress: float = Field(ge=0, le=1, examples=[0.4], description="Finished share of the work.")
    attempt: int = Field(
        examples=[1],
        description="Claims since the last checkpoint.",
    )
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: dict[str, Any] | None = Field(
        None, description="The error of a failed job: code, title, detail and facts."
    )
    result: dict[str, Any] | None = None
    links: dict[str, str] = Field(examples=[{"self": "/v1/training-jobs/1"}])

    @classmethod
    def from_job(cls, job: Job) -> Self:
        """Return a job with its links."""
        return cls(**job_fields(job))


class JobFields(TypedDict):
    """The members of `JobOut`."""

    id: int
    kind: str
    state: JobState
    progress: float
    attempt: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: dict[str, Any] | None
    result: dict[str, Any] | None
    links: dict[str, str]


def job_fields(job: Job) -> JobFields:
    """Return the members of `JobOut`, to which each kind of job adds its own."""
    address = f"/v1/{job.kind}-jobs/{job.id}"
    return {
        "id": job.id,
        "kind": job.kind,
        "state": JobState(job.state),
        "progress": job.progress,
        "attempt": job.attempt,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "error": job_error_with_remedy(job.error),
        "result": job.result,
        "links": {"self": address},
    }
