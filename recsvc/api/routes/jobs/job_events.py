"""Server-sent events of a training job, from any event on."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from recsvc.api.access.requirements import Requirement
from recsvc.api.concurrency.router import Router
from recsvc.api.concurrency.shared_reads import SharedReads
from recsvc.api.dependencies import MAX_BIGINT, JobId, ModelServerDep, RequestPoolsDep
from recsvc.api.long_polling import POLL_SECONDS
from recsvc.api.openapi.responses import problem_responses
from recsvc.api.routes.diagnosis.diagnoses import FindingOut
from recsvc.api.routes.training.error_curve import Epoch
from recsvc.api.routes.training.training_jobs import TrainingJobOut
from recsvc.db.tables import JobKind
from recsvc.errors import JobNotFound, MalformedRequest, TooManyStreams
from recsvc.runtime.draining import is_draining
from recsvc.service.access.scopes import Scope
from recsvc.service.jobs import queries, reported_jobs
from recsvc.service.jobs.reported_jobs import TrainingEvent

RETRY_MILLISECONDS = 500  # until a client connects to another process

router = Router(
    prefix="/v1/training-jobs", tags=["training jobs"], requirement=Requirement(Scope.TRAIN)
)

EXAMPLE = """event: epoch
data: {"epoch": 1, "validation_nll": 1.32, "validation_rmse": 0.97, "validation_ndcg": 0.31}
id: 17

"""


class EventStreams:
    """Counts the open event streams of this process, up to a limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._n_open = 0

    def check(self) -> None:
        """Raise TooManyStreams if no further stream may be opened."""
        if self._n_open >= self._limit:
            raise TooManyStreams(self._limit)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Count a stream while it is open."""
        self._n_open += 1
        try:
            yield
        finally:
            self._n_open -= 1


async def _streams(request: Request) -> EventStreams:
    streams: EventStreams = request.app.state.event_streams
    streams.check()
    return streams


async def _reads(request: Request) -> SharedReads:
    reads: SharedReads = request.app.state.shared_reads
    return reads


async def _existing_job_id(job_id: JobId, pools: RequestPoolsDep) -> int:
    job = await pools.read(lambda session: queries.get_job(session, job_id, JobKind.TRAINING))
    return job.id


async def _last_event_id(
    last_event_id: Annotated[
        str, Header(description="The id of the last event received; the stream continues after it.")
    ] = "",
) -> int:
    if last_event_id and not (last_event_id.isascii() and last_event_id.isdecimal()):
        raise MalformedRequest(
            f"Last-Event-ID is {last_event_id[:40]!r}, which is not the id of an event. "
            "Send the id of the last event received, or leave the header out."
        )
    return min(int(last_event_id[:20] or 0), MAX_BIGINT)


@router.get(
    "/{job_id}/events",
    summary="Follow a training job",
    response_class=EventSourceResponse,
    responses=problem_responses(JobNotFound, MalformedRequest, TooManyStreams)
    | {
        200: {
            "description": "Events as they happen, until the job ends.",
            "content": {"text/event-stream": {"example": EXAMPLE}},
        }
    },
)
async def stream_training_events(
    streams: Annotated[EventStreams, Depends(_streams)],
    reads: Annotated[SharedReads, Depends(_reads)],
    pools: RequestPoolsDep,
    server: ModelServerDep,
    job_id: Annotated[int, Depends(_existing_job_id)],
    last_id: Annotated[int, Depends(_last_event_id)],
) -> AsyncIterator[ServerSentEvent]:
    """Stream the events of a training job, from the first one or from `Last-Event-ID` on.

    `epoch` has the metrics of an epoch, `state` a new state, `finding` a finding that no earlier
    diagnosis had. `done` has the finished job and ends the stream. Between events, comments keep
    the connection open. If the process is replaced, the stream ends and says when to reconnect.
    """
    done = False
    with streams.open():
        while not done:
            if is_draining.is_set():
                yield ServerSentEvent(comment="restarting", retry=RETRY_MILLISECONDS)
                return
            read = partial(reported_jobs.read_events, server=server, job_id=job_id, after=last_id)
            for event in await reads.get((job_id, last_id), partial(pools.follow, read)):
                yield _to_sse(event)
                last_id, done = event.id, event.name == "done"
            if not done:
                await asyncio.sleep(POLL_SECONDS)


def _to_sse(event: TrainingEvent) -> ServerSentEvent:
    data: Any = {"state": event.state}
    if event.epoch is not None:
        data = Epoch.model_validate(event.epoch)
    elif event.finding is not None:
        data = FindingOut.from_finding(event.finding).model_dump(mode="json", by_alias=True)
    elif event.job is not None:
        data = TrainingJobOut.from_job(event.job)
    return ServerSentEvent(event=event.name, id=str(event.id), data=data)
