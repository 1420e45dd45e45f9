"""Server-sent events of a training job, from any point on."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from itertools import takewhile
from typing import Annotated, Any

from fastapi import Depends, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent

from recsvc.api.concurrency.router import Router
from recsvc.api.dependencies import LARGEST_INTEGER, JobId, LanesDep, ServingDep
from recsvc.api.long_polling import LOOK_EVERY_SECONDS
from recsvc.api.openapi import responses
from recsvc.api.routes.diagnosis.diagnoses import FindingOut
from recsvc.api.routes.training.error_curve import Epoch
from recsvc.api.routes.training.training_jobs import TrainingJobOut
from recsvc.db.session import Session
from recsvc.db.tables import FINAL_STATES, JobEvent, JobKind
from recsvc.errors import JobNotFound, MalformedRequest
from recsvc.rbm.diagnosis import Finding
from recsvc.service.jobs import queries
from recsvc.service.recommendations.model_server import Serving

router = Router(prefix="/v1/training-jobs", tags=["training jobs"])

EXAMPLE = """event: epoch
data: {"epoch": 1, "validation_nll": 1.32, "validation_rmse": 0.97, "validation_ndcg": 0.31}
id: 17

"""


async def _existing(job_id: JobId, lanes: LanesDep) -> int:
    job = await lanes.read(lambda session: queries.get_job(session, job_id, JobKind.TRAINING))
    return job.id


async def _seen(
    last_event_id: Annotated[
        str, Header(description="The id of the last event that came; the stream goes on after it.")
    ] = "",
) -> int:
    if last_event_id and not (last_event_id.isascii() and last_event_id.isdecimal()):
        raise MalformedRequest(
            f"Last-Event-ID is {last_event_id[:40]!r}, which is no event's id. "
            "Send back the id of the last event that came, or none."
        )
    return min(int(last_event_id[:20] or 0), LARGEST_INTEGER)


@router.get(
    "/{job_id}/events",
    summary="Follow a training job",
    response_class=EventSourceResponse,
    responses=responses.of(JobNotFound, MalformedRequest)
    | {
        200: {
            "description": "Events as they happen, to the end of the job.",
            "content": {"text/event-stream": {"example": EXAMPLE}},
        }
    },
)
async def stream_training_events(
    lanes: LanesDep,
    serving: ServingDep,
    job_id: Annotated[int, Depends(_existing)],
    seen: Annotated[int, Depends(_seen)],
) -> AsyncIterator[ServerSentEvent]:
    """`epoch` with its figures, `state`, `done` with the finished job, which ends the stream.

    `finding` tells what a diagnosis has found that it had not found before; a later one may not
    find it any more. What happened before is told first. While nothing happens a comment keeps
    the connection.
    """
    done = False
    while not done:
        for event in await lanes.follow(partial(_after, serving, job_id, seen)):
            yield event
            seen, done = int(event.id or seen), event.event == "done"
        if not done:
            await asyncio.sleep(LOOK_EVERY_SECONDS)


def _after(serving: Serving, job_id: int, seen: int, session: Session) -> list[ServerSentEvent]:
    """Read the next events. A success is deferred until this process answers with its version."""
    happened = queries.events_after(session, job_id, seen)
    if not all(map(_is_before_the_end, happened)):
        job = queries.get_job(session, job_id, JobKind.TRAINING)
        if queries.defer_success(session, job, serving.behind(session)):
            happened = list(takewhile(_is_before_the_end, happened))
    figures = _figures(session, job_id, happened)
    return [_told(session, event, figures) for event in happened]


def _is_before_the_end(event: JobEvent) -> bool:
    return event.name != "done" and event.state not in FINAL_STATES


def _figures(session: Session, job_id: int, happened: Sequence[JobEvent]) -> dict[int, Epoch]:
    told = [event.epoch for event in happened if event.epoch is not None]
    if not told:
        return {}
    curve = queries.error_curve(session, job_id, first=min(told))
    return {row.epoch: Epoch.model_validate(row) for row in curve}


def _told(session: Session, event: JobEvent, figures: dict[int, Epoch]) -> ServerSentEvent:
    data: Any = {"state": event.state}
    if event.name == "epoch":
        data = figures[event.epoch or 0]
    elif event.finding is not None:
        found = FindingOut.of(Finding.from_dict(event.finding))
        data = found.model_dump(mode="json", by_alias=True)
    elif event.name == "done":
        data = TrainingJobOut.of(queries.get_job(session, event.job_id, JobKind.TRAINING))
    return ServerSentEvent(event=event.name, id=str(event.id), data=data)
