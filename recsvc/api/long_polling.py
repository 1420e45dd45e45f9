"""Long polls and ETags of jobs: `?wait=20` responds at the next change, or after 20 s."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any

from fastapi import Query, Request, Response

from recsvc.api.concurrency.request_pools import RequestPools
from recsvc.api.concurrency.shared_reads import SharedReads
from recsvc.api.schemas import JobOut
from recsvc.db.tables import FINAL_STATES, Job
from recsvc.service.jobs import queries, reported_jobs

POLL_SECONDS = 0.25

Wait = Annotated[
    float,
    Query(
        ge=0,
        le=60,
        allow_inf_nan=False,
        description="Seconds to wait for a new state or epoch before responding.",
    ),
]
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "The job has not changed since the ETag in If-None-Match."}
}


async def respond_with_job(
    request: Request,
    job_id: int,
    kind: str,
    *,
    wait: float,
    show: Callable[[Job], JobOut],
) -> Response:
    """Respond with a job, or 304; with `wait`, once its state or epoch changes.

    The wait occupies neither a thread nor a transaction, and all that wait for one job share its
    reads. Raises JobNotFound.
    """
    pools: RequestPools = request.app.state.request_pools
    read = partial(
        reported_jobs.get_job_and_event,
        server=request.app.state.model_server,
        job_id=job_id,
        kind=kind,
    )
    known = request.headers.get("if-none-match", "")
    job, last = await pools.read(read)
    if not known or _matches(known, job):
        deadline = asyncio.get_running_loop().time() + wait
        shared: SharedReads = request.app.state.shared_reads
        follow = partial(shared.get, (job_id, kind), partial(pools.follow, read))
        job = await _wait_for_change(request, follow, job, last, deadline)
    headers = {"ETag": _etag(job)}
    if _matches(known, job):
        return Response(status_code=304, headers=headers)
    body = show(job).model_dump_json(by_alias=True)
    return Response(body, headers=headers, media_type="application/json")


async def _wait_for_change(
    request: Request,
    read: Callable[[], Awaitable[tuple[Job, int]]],
    job: Job,
    last: int,
    deadline: float,
) -> Job:
    """Return the job once it has a new event, is final, or the loop's clock passes `deadline`."""
    newest = last
    while newest == last and job.state not in FINAL_STATES:
        left = deadline - asyncio.get_running_loop().time()
        if left <= 0 or await request.is_disconnected():
            break
        await asyncio.sleep(min(POLL_SECONDS, left))
        job, newest = await read()
    return job


def _etag(job: Job) -> str:
    return f'W/"{queries.fingerprint(job)}"'


def _matches(if_none_match: str, job: Job) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in tags or _etag(job).removeprefix("W/") in tags
