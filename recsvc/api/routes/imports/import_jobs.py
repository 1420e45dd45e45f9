"""Import jobs: upload a file, follow it, read which lines were refused and why."""

from functools import partial
from typing import Annotated

from fastapi import File, Form, Request, Response, UploadFile, status
from pydantic import Field

from recsvc.api.concurrency.router import Router
from recsvc.api.dependencies import (
    ContextDep,
    Cursor,
    JobId,
    Limit,
    Now,
    ReadingDep,
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
from recsvc.errors import InvalidCursor, JobFinished, JobNotFound
from recsvc.service.imports import import_job
from recsvc.service.jobs import queries

router = Router(prefix="/v1/import-jobs", tags=["import jobs"])


class Counts(Answer):
    """What became of each line so far: lines = header + blank + accepted + all refused."""

    lines: int = Field(0, examples=[1000])
    header: int = Field(0, examples=[1])
    blank: int = Field(0, examples=[0])
    accepted: int = Field(
        0, examples=[997], description="ratings + interactions = added + … + outdated"
    )
    ratings: int = Field(0, examples=[900], description="Lines that are ratings.")
    interactions: int = Field(0, examples=[97], description="Views, carts and purchases.")
    added: int = Field(0, examples=[990], description="The pair, or the event, was new.")
    changed: int = Field(0, examples=[3], description="Value or quantity replaced another one.")
    unchanged: int = Field(0, examples=[4], description="The very same was there.")
    outdated: int = Field(0, examples=[0], description="The pair's rating is newer, and stays.")
    refused: dict[str, int] = Field(
        default_factory=dict, examples=[{"not-a-number": 2}], description="Lines by code."
    )


class ImportJobOut(JobOut):
    """An import job: what was sent, and what became of its lines."""

    filename: str = Field(examples=["ratings.csv"])
    format: str = Field(examples=["csv"], description="As recognised, once it is.")
    dry_run: bool
    cancel_requested: bool
    counts: Counts

    @classmethod
    def from_job(cls, job: Job) -> "ImportJobOut":
        """Show an import job."""
        told = job.result or job.progress_note or job.error or {}
        fields = job_fields(job)
        address = fields["links"]["self"]
        fields["links"] |= {"refusals": f"{address}/refusals", "cancel": f"{address}/cancel"}
        return cls(
            **fields,
            filename=job.spec["filename"],
            format=told.get("format") or job.spec["format"],
            dry_run=job.spec["dry_run"],
            cancel_requested=job.cancel_requested,
            counts=Counts.model_validate(told),
        )


@router.post("", status_code=status.HTTP_202_ACCEPTED, summary="Import a file")
async def request_import(
    response: Response,
    context: ContextDep,
    pools: RequestPoolsDep,
    now: Now,
    file: Annotated[UploadFile, File(description="CSV, TSV, `::` or NDJSON; also .gz or .zst.")],
    format: Annotated[  # noqa: A002 - the field's name
        str, Form(description="auto, csv, tsv, semicolon, double-colon or ndjson.")
    ] = "auto",
    dry_run: Annotated[bool, Form(description="Read and report, but store nothing.")] = False,
) -> ImportJobOut:
    """Answer once the file is safe; a worker reads it. Follow it at the Location."""
    shelve = partial(
        import_job.shelve_upload,
        context,
        file.file,
        filename=file.filename or "upload",
        file_format=format,
    )
    upload = await pools.slow.run(shelve, is_patient=True)
    request = partial(import_job.request_import, upload=upload, dry_run=dry_run, now=now)
    job = await pools.write(request, is_patient=True)
    response.headers["Location"] = f"/v1/import-jobs/{job.id}"
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return ImportJobOut.from_job(job)


@router.get("", summary="List import jobs", responses=problem_responses(InvalidCursor))
def list_import_jobs(
    session: ReadingDep, cursor: Cursor = None, limit: Limit = 50
) -> Page[ImportJobOut]:
    """Newest first."""
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
    summary="Look at an import job",
    response_model=ImportJobOut,
    responses=problem_responses(JobNotFound) | NOT_MODIFIED,
)
async def get_import_job(job_id: JobId, request: Request, wait: Wait = 0) -> Response:
    """With `wait`, the answer comes once its state changes, or after so many seconds."""
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
    """Each refused line with its number, code and detail, in order; while the job runs, too."""
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
    summary="Stop an import job",
    responses=problem_responses(JobNotFound, JobFinished),
)
def cancel_import(job_id: JobId, session: SessionDep, now: Now) -> ImportJobOut:
    """A running job stops within two seconds; what it has stored by then stays."""
    return ImportJobOut.from_job(queries.cancel_job(session, job_id, JobKind.IMPORT, now=now))
