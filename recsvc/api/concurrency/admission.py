"""A burst of requests is begun a few at a time, so that no other request waits for all of it."""

import asyncio
from collections import deque

from starlette.types import ASGIApp, Receive, Scope, Send

from recsvc.api import problems
from recsvc.errors import ServiceBusy

MAX_STARTS_PER_ITERATION = (
    4  # requests begun in one iteration of the event loop: about two milliseconds of work
)
ALWAYS_ADMITTED = frozenset({"/livez", "/readyz", "/metrics"})


class Admission:
    """ASGI middleware: begin at most AT_ONCE requests in one iteration of the event loop.

    The others wait in their order, each for at most `wait_seconds`. Readiness and metrics do not
    wait: the loop reads and answers them between two iterations.
    """

    def __init__(self, app: ASGIApp, *, wait_seconds: float) -> None:
        self._app = app
        self._wait_seconds = wait_seconds
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._n_begun = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait for a turn, then carry the request through."""
        if scope["type"] != "http" or scope["path"] in ALWAYS_ADMITTED:
            await self._app(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        if self._n_begun >= MAX_STARTS_PER_ITERATION or self._waiting:
            turn = loop.create_future()
            self._waiting.append(turn)
            asked = loop.time()
            await turn
            if loop.time() - asked > self._wait_seconds:
                await problems.problem(scope, ServiceBusy(self._wait_seconds))(scope, receive, send)
                return
        else:
            self._count(loop)
        await self._app(scope, receive, send)

    def _count(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._n_begun == 0:
            loop.call_soon(self._next_iteration, loop)
        self._n_begun += 1

    def _next_iteration(self, loop: asyncio.AbstractEventLoop) -> None:
        self._n_begun = 0
        while self._waiting and self._n_begun < MAX_STARTS_PER_ITERATION:
            turn = self._waiting.popleft()
            if not turn.done():  # else its client has gone
                self._count(loop)
                turn.set_result(None)
