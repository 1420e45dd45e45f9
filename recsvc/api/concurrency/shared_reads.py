"""Reads of a job that all requests which follow it share."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from typing import Any, TypeVar, cast

T = TypeVar("T")


class SharedReads:
    """Runs each read once for all who ask within `seconds` of its start.

    Requests that follow one job poll it; hundreds of them cause no more reads than one.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._reads: dict[Hashable, asyncio.Task[Any]] = {}

    async def get(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """Return the result of the read of `key`, which equal keys share. Raises its errors."""
        task = self._reads.get(key)
        if task is None:
            loop = asyncio.get_running_loop()
            # In a context of its own: the read belongs to no single request.
            coroutine = cast(Coroutine[Any, Any, T], read())
            task = loop.create_task(coroutine, context=contextvars.Context())
            self._reads[key] = task
            task.add_done_callback(_retrieve_error)
            loop.call_later(self._seconds, self._expire, key)
        result: T = await asyncio.shield(task)
        return result

    def _expire(self, key: Hashable) -> None:
        if self._reads[key].done():
            del self._reads[key]
        else:
            self._reads[key].add_done_callback(lambda _: self._reads.pop(key))


def _retrieve_error(task: "asyncio.Task[Any]") -> None:
    """Mark the error as seen: all who asked may have disconnected."""
    if not task.cancelled():
        task.exception()
