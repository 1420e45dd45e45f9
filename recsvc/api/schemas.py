"""Bodies and answers that several resources share."""

from datetime import datetime
from typing import Any, Generic, Self, TypedDict, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from recsvc.db.tables import Job, JobState

Entry = TypeVar("Entry")


class Body(BaseModel):
    """What a client sends: a field that is not known is refused, never dropped in silence."""

    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """What a client gets."""

    model_config = ConfigDict(from_attributes=True)


class Page(Answer, Generic[Entry]):
    """One page of a list."""

    items: list[Entry]
    next_cursor: str | None = Field(None, description="Send it back as `cursor`; null at the end.")


class FieldError(Answer):
    """One field that could not be read."""

    field: str = Field(examples=["ratings.0.value"])
    detail: str = Field(description="The field, its value and the remedy.")
    value: Any = Field(None, description="What was sent, where it is short.")


class Problem(Answer):
    """An error, after RFC 9457. Facts about it come as further members."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["/problems/user-not-found"], description="Opens a page about it.")
    title: str = Field(examples=["No such user"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["No user 'u42' has ever rated an item."])
    instance: str = Field(examples=["/v1/users/u42/ratings"], description="The address asked.")
    request_id: str = Field(examples=["4f1d2c3b9a8e7f60"], description="Find it in the log.")
    errors: list[FieldError] | None = None


class JobOut(Answer):
    """A job as the outside sees it; the same members for every kind."""

    id: int = Field(examples=[1])
    kind: str = Field(examples=["training"])
    state: JobState
    progress: float = Field(ge=0, le=1, examples=[0.4], description="Share of the work done.")
    attempt: int = Field(examples=[1], description="Claims since the last checkpoint.")
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: dict[str, Any] | None = Field(
        None, description="Why it failed: code, title, detail and facts."
    )
    result: dict[str, Any] | None = None
    links: dict[str, str] = Field(examples=[{"self": "/v1/training-jobs/1"}])

    @classmethod
    def from_job(cls, job: Job) -> Self:
        """Show a job, with the addresses that belong to it."""
        return cls(**job_fields(job))


class JobFields(TypedDict):
    """The members of `JobOut`, which every kind of job has."""

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
    """Give the members of `JobOut` for a job, so that a kind of its own can add to them."""
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
        "error": job.error,
        "result": job.result,
        "links": {"self": address},
    }
