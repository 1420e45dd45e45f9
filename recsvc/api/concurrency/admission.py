"""Start the requests of a burst a few at a time, so that others need not wait for all of them."""

import asyncio
from collections import deque

from starlette.types import ASGIApp, Receive, Scope, Send

from recsvc.api import problems
from recsvc.errors import ServiceBusy, ServiceFull

MAX_STARTS_PER_ITERATION = 4  # about two milliseconds of work
ALWAYS_ADMITTED = frozenset({"/livez", "/readyz", "/metrics"})


class Admission:
    """ASGI middleware: start at most MAX_STARTS_PER_ITERATION requests per loop iteration.

    The others wait in their order, each for at most `wait_seconds`. Further ones than
    `max_requests` in progress are refused at once. Health checks and metrics are always admitted.
    """

    def __init__(self, app: ASGIApp, *, wait_seconds: float, max_requests: int) -> None:
        self._app = app
        self._max_requests = max_requests
        self._n_in_progress = 0
        self._wait_seconds = wait_seconds
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._n_started = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait for admission, then run the request."""
        if scope["type"] != "http" or scope["path"] in ALWAYS_ADMITTED:
            await self._app(scope, receive, send)
            return
        if self._n_in_progress >= self._max_requests:
            error = ServiceFull(self._max_requests)
            await problems.problem(scope, error)(scope, receive, send)
            return
        self._n_in_progress += 1
        try:
            await self._run_in_turn(scope, receive, send)
        finally:
            self._n_in_progress -= 1

    async def _run_in_turn(self, scope: Scope, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        if self._n_started >= MAX_STARTS_PER_ITERATION or self._waiting:
            turn = loop.create_future()
            self._waiting.append(turn)
            arrived_at = loop.time()
            await turn
            if loop.time() - arrived_at > self._wait_seconds:
                await problems.problem(scope, ServiceBusy(self._wait_seconds))(scope, receive, send)
                return
        else:
            self._count(loop)
        await self._app(scope, receive, send)

    def _count(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._n_started == 0:
            loop.call_soon(self._admit_waiting, loop)
        self._n_started += 1

    def _admit_waiting(self, loop: asyncio.AbstractEventLoop) -> None:
        self._n_started = 0
        while self._waiting and self._n_started < MAX_STARTS_PER_ITERATION:
            turn = self._waiting.popleft()
            if not turn.done():  # otherwise its client has disconnected
                self._count(loop)
                turn.set_result(None)
