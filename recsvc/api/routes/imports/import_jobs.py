"""Import jobs: upload a file, follow its import, list the refused lines."""

from functools import partial
from typing import Annotated

from fastapi import File, Form, Request, Response, UploadFile, status
from pydantic import Field

from recsvc.api.access.requirements import Requirement, requires
from recsvc.api.concurrency.router import Router
from recsvc.api.dependencies import (
    ContextDep,
    Cursor,
    JobId,
    Limit,
    Now,
    ReadingDep,
    RequesterDep,
    RequestPoolsDep,
    SessionDep,
)
from recsvc.api.long_polling import NOT_MODIFIED, Wait, respond_with_job
from recsvc.api.openapi.responses import problem_responses
from recsvc.api.pagination import page
from recsvc.api.problems import RETRY_SECONDS
from recsvc.api.routes.feedback.ratings import RefusalOut
from recsvc.api.schemas import Answer, JobOut, Page, job_fields
from recsvc.db.tables import Job, JobKind
from recsvc.errors import (
    InvalidCursor,
    JobFinished,
    JobNotFound,
    JobQuotaReached,
    QueueFull,
)
from recsvc.service.access.scopes import Scope
from recsvc.service.imports import import_job
from recsvc.service.jobs import queries

router = Router(
    prefix="/v1/import-jobs", tags=["import jobs"], requirement=Requirement(Scope.WRITE)
)


class Counts(Answer):
    """The number of lines by outcome so far: lines = header + blank + accepted + all refused."""

    lines: int = Field(0, examples=[1000])
    header: int = Field(0, examples=[1])
    blank: int = Field(0, examples=[0])
    accepted: int = Field(
        0, examples=[997], description="ratings + interactions = added + … + outdated"
    )
    ratings: int = Field(0, examples=[900], description="Accepted ratings.")
    interactions: int = Field(0, examples=[97], description="Accepted views, carts and purchases.")
    added: int = Field(0, examples=[990], description="The pair, or the event, was new.")
    changed: int = Field(0, examples=[3], description="Value or quantity replaced another one.")
    unchanged: int = Field(0, examples=[4], description="The same was stored.")
    outdated: int = Field(0, examples=[0], description="The pair has a newer rating.")
    refused: dict[str, int] = Field(
        default_factory=dict, examples=[{"not-a-number": 2}], description="Refused lines by code."
    )


class ImportJobOut(JobOut):
    """An import job: its file, and the number of lines by outcome."""

    filename: str = Field(examples=["ratings.csv"])
    format: str = Field(examples=["csv"], description="The recognised or requested format.")
    dry_run: bool
    cancel_requested: bool
    counts: Counts

    @classmethod
    def from_job(cls, job: Job) -> "ImportJobOut":
        """Return an import job."""
        note = job.result or job.progress_note or job.error or {}
        fields = job_fields(job)
        address = fields["links"]["self"]
        fields["links"] |= {"refusals": f"{address}/refusals", "cancel": f"{address}/cancel"}
        return cls(
            **fields,
            filename=job.spec["filename"],
            format=note.get("format") or job.spec["format"],
            dry_run=job.spec["dry_run"],
            cancel_requested=job.cancel_requested,
            counts=Counts.model_validate(note),
        )


@router.post(
    "",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Import a file",
    responses=problem_responses(QueueFull, JobQuotaReached),
)
@requires(Scope.WRITE, is_audited=True)
async def request_import(
    response: Response,
    context: ContextDep,
    requester: RequesterDep,
    pools: RequestPoolsDep,
    now: Now,
    file: Annotated[UploadFile, File(description="CSV, TSV, `::` or NDJSON; also .gz or .zst.")],
    format: Annotated[  # noqa: A002 - the field's name
        str, Form(description="auto, csv, tsv, semicolon, double-colon or ndjson.")
    ] = "auto",
    dry_run: Annotated[bool, Form(description="Parse and report, but store nothing.")] = False,
) -> ImportJobOut:
    """Store the file and queue its import. Follow the job at the Location."""
    shelve = partial(
        import_job.shelve_upload,
        context,
        file.file,
        filename=file.filename or "upload",
        file_format=format,
        requester=requester,
    )
    upload = await pools.slow.run(shelve, is_patient=True)
    request = partial(
        import_job.request_import,
        upload=upload,
        dry_run=dry_run,
        now=now,
        requester=requester,
    )
    job = await pools.write(request, is_patient=True)
    response.headers["Location"] = f"/v1/import-jobs/{job.id}"
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return ImportJobOut.from_job(job)


@router.get("", summary="List import jobs", responses=problem_responses(InvalidCursor))
def list_import_jobs(
    session: ReadingDep, cursor: Cursor = None, limit: Limit = 50
) -> Page[ImportJobOut]:
    """List import jobs, newest first."""
    return page(
        "import-jobs",
        cursor,
        limit,
        read=lambda before, most: queries.list_jobs(
            session, JobKind.IMPORT, before=before, limit=most
        ),
        show=ImportJobOut.from_job,
        place=lambda job: job.id,
    )


@router.get(
    "/{job_id}",
    summary="Read an import job",
    response_model=ImportJobOut,
    responses=problem_responses(JobNotFound) | NOT_MODIFIED,
)
async def get_import_job(job_id: JobId, request: Request, wait: Wait = 0) -> Response:
    """Return a job. With `wait`, respond at its next state, or after that many seconds."""
    return await respond_with_job(
        request, job_id, JobKind.IMPORT, wait=wait, show=ImportJobOut.from_job
    )


@router.get(
    "/{job_id}/refusals",
    summary="List refused lines",
    responses=problem_responses(JobNotFound, InvalidCursor),
)
def list_import_refusals(
    job_id: JobId, session: ReadingDep, cursor: Cursor = None, limit: Limit = 50
) -> Page[RefusalOut]:
    """List refused lines by number, with code and detail, also while the job runs."""
    return page(
        f"refusals/{job_id}",
        cursor,
        limit,
        read=lambda after, most: import_job.list_refusals(
            session, job_id, after=after or 0, limit=most
        ),
        show=RefusalOut.from_refusal,
        place=lambda refused: refused.line,
    )


@router.post(
    "/{job_id}/cancel",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Cancel an import job",
    responses=problem_responses(JobNotFound, JobFinished),
)
@requires(Scope.WRITE, is_audited=True)
def cancel_import(job_id: JobId, session: SessionDep, now: Now) -> ImportJobOut:
    """Cancel a job. A running job stops within two seconds; the lines stored so far are kept."""
    return ImportJobOut.from_job(queries.cancel_job(session, job_id, JobKind.IMPORT, now=now))
