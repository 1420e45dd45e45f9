"""Start the requests of a burst a few at a time, so that others need not wait for all of them."""

import asyncio
from collections import deque

from starlette.types import ASGIApp, Receive, Scope, Send

from recsvc.api import problems
from recsvc.errors import ServiceBusy

MAX_STARTS_PER_ITERATION = 4  # about two milliseconds of work
ALWAYS_ADMITTED = frozenset({"/livez", "/readyz", "/metrics"})


class Admission:
    """ASGI middleware: start at most MAX_STARTS_PER_ITERATION requests per loop iteration.

    The others wait in their order, each for at most `wait_seconds`. Health checks and metrics do
    not wait.
    """

    def __init__(self, app: ASGIApp, *, wait_seconds: float) -> None:
        self._app = app
        self._wait_seconds = wait_seconds
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._n_started = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait for admission, then run the request."""
        if scope["type"] != "http" or scope["path"] in ALWAYS_ADMITTED:
            await self._app(scope, receive, send)
            return
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
