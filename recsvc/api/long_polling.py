"""Long polls and ETags of jobs: `?wait=20` answers when something has happened, or after 20 s."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any

from fastapi import Query, Request, Response

from recsvc.api.concurrency.request_pools import Lanes
from recsvc.api.schemas import JobOut
from recsvc.db.jobs.events import JobEvents
from recsvc.db.session import Session
from recsvc.db.tables import FINAL_STATES, Job
from recsvc.service.jobs import queries
from recsvc.service.recommendations.model_server import Serving

LOOK_EVERY_SECONDS = 0.25

Wait = Annotated[
    float,
    Query(
        ge=0,
        le=60,
        allow_inf_nan=False,
        description="Seconds to wait for a new state or epoch before answering.",
    ),
]
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "Nothing has changed since the ETag in If-None-Match."}
}


async def answer_job(
    request: Request,
    job_id: int,
    kind: str,
    *,
    wait: float,
    show: Callable[[Job], JobOut],
) -> Response:
    """Answer with a job, or 304; with `wait`, once its state or epoch changes.

    Between two looks neither a thread nor a transaction is held. Raises JobNotFound.
    """
    lanes: Lanes = request.app.state.lanes
    look = partial(_look, request.app.state.serving, job_id, kind)
    known = request.headers.get("if-none-match", "")
    job, told = await lanes.read(look)
    if not known or _matches(known, job):
        deadline = asyncio.get_running_loop().time() + wait
        job = await _changed(request, partial(lanes.follow, look), job, told, deadline)
    headers = {"ETag": _etag(job), "Cache-Control": "no-cache"}
    if _matches(known, job):
        return Response(status_code=304, headers=headers)
    body = show(job).model_dump_json(by_alias=True)
    return Response(body, headers=headers, media_type="application/json")


async def _changed(
    request: Request,
    look: Callable[[], Awaitable[tuple[Job, int]]],
    job: Job,
    told: int,
    deadline: float,
) -> Job:
    """Return the job once it has a new event, is final, or the loop's clock passes `deadline`."""
    last = told
    while last == told and job.state not in FINAL_STATES:
        left = deadline - asyncio.get_running_loop().time()
        if left <= 0 or await request.is_disconnected():
            break
        await asyncio.sleep(min(LOOK_EVERY_SECONDS, left))
        job, last = await look()
    return job


def _look(serving: Serving, job_id: int, kind: str, session: Session) -> tuple[Job, int]:
    """Return the job as it stands, and the number of its newest event.

    A job that has published a version runs until this process can answer with it.
    """
    job, last = queries.get_job(session, job_id, kind), JobEvents(session).last_id(job_id)
    queries.defer_success(session, job, serving.behind(session))
    return job, last


def _etag(job: Job) -> str:
    return f'W/"{queries.fingerprint(job)}"'


def _matches(if_none_match: str, job: Job) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in tags or _etag(job).removeprefix("W/") in tags
