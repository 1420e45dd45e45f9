"""Threads for synchronous work, in lanes that do not wait for each other.

A lane has a fixed number of threads and one queue: first come, first served. Work that has waited
longer than the lane allows never begins and raises ServiceBusy, which is answered 503. Whatever a
request does on a lane – its transaction and the rendering of its response – stays on one thread,
so no thread ever waits for another one of the same lane.

A lane may run what has come together as one group: the writes of SQLite share one commit.
"""

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from recsvc.db.session import Database, Session, commit_together, reading
from recsvc.errors import ServiceBusy

T = TypeVar("T")
Group = Sequence[Callable[..., Any]]
Outcomes = Sequence[Any]  # for each of a group what it returned, or the exception that it raised

READ_THREADS = 2
WRITE_THREADS = {"sqlite": 1, "postgresql": 4}  # SQLite has one writer at a time
LARGEST_GROUP = {"sqlite": 64, "postgresql": 1}  # writes that share a commit
OTHER_THREADS = 2  # of each lane but reads and writes
RESERVE = 4  # connections of the threads that watch publications and the database, and more
CONNECTIONS = READ_THREADS + max(WRITE_THREADS.values()) + 3 * OTHER_THREADS + RESERVE


class _Entry:
    """One piece of work in a queue, and the future that waits for its outcome."""

    def __init__(self, work: Callable[..., Any], future: "asyncio.Future[Any]") -> None:
        self._work = work
        self._context = contextvars.copy_context()  # the request's id, for the log
        self.future = future

    def __call__(self, *arguments: object) -> Any:  # noqa: ANN401 - whatever the work returns
        return self._context.run(self._work, *arguments)


class Lane:
    """A fixed number of threads with a queue of their own.

    wait_seconds   work that has not begun by then raises ServiceBusy
    largest_group  how many pieces of work a thread takes at once
    run_group      runs them and returns an outcome for each; by default one after the other
    """

    def __init__(
        self,
        name: str,
        n_threads: int,
        wait_seconds: float,
        *,
        largest_group: int = 1,
        run_group: Callable[[Group], Outcomes] | None = None,
    ) -> None:
        self._wait_seconds = wait_seconds
        self._largest_group = largest_group
        self._run_group = run_group or _run_each
        self._queue: deque[_Entry] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(1, n_threads + 1)
        ]

    def start(self) -> None:
        """Start the threads. Call it on the event loop that will await `run`."""
        self._loop = asyncio.get_running_loop()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish what is queued, then end the threads."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    async def run(self, work: Callable[..., T]) -> T:
        """Run work on a thread and return its result.

        Raises what the work raises, and ServiceBusy if it has not begun after `wait_seconds`.
        """
        entry = _Entry(work, self._loop.create_future())
        with self._changed:
            self._queue.append(entry)
            self._changed.notify()
        timer = self._loop.call_later(self._wait_seconds, self._expire, entry)
        try:
            result: T = await entry.future
        finally:
            timer.cancel()
        return result

    def _expire(self, entry: _Entry) -> None:
        """Remove work that has not begun from the queue."""
        with self._changed:
            if entry not in self._queue:
                return
            self._queue.remove(entry)
        _settle([entry], [ServiceBusy(self._wait_seconds)])

    def _work(self) -> None:
        while group := self._take():
            try:
                outcomes = self._run_group(group)
            except BaseException as error:
                outcomes = [error] * len(group)
            with suppress(RuntimeError):  # the loop has closed: nobody awaits the outcomes
                self._loop.call_soon_threadsafe(_settle, group, outcomes)

    def _take(self) -> list[_Entry]:
        """Wait for work and remove it from the queue; none means that the lane stops."""
        with self._changed:
            while not self._queue and not self._stopping:
                self._changed.wait()
            n = min(len(self._queue), self._largest_group)
            return [self._queue.popleft() for _ in range(n)]


def _settle(group: Sequence[_Entry], outcomes: Outcomes) -> None:
    """Hand each outcome to the request that awaits it, unless the request has gone."""
    for entry, outcome in zip(group, outcomes, strict=True):
        if entry.future.done():
            continue
        if isinstance(outcome, BaseException):
            entry.future.set_exception(outcome)
        else:
            entry.future.set_result(outcome)


def _run_each(group: Group) -> Outcomes:
    return [work() for work in group]


class Lanes:
    """The lanes of an API process. Their threads hold at most CONNECTIONS database connections.

    answers    ranking and prediction
    following  long polls and event streams, which ask again and again
    slow       uploads, and whatever reads all data
    service    metrics
    """

    def __init__(self, database: Database, wait_seconds: float) -> None:
        self._database = database
        kind = database.dialect
        self._reads = Lane("reads", READ_THREADS, wait_seconds)
        self._writes = Lane(
            "writes",
            WRITE_THREADS[kind],
            wait_seconds,
            largest_group=LARGEST_GROUP[kind],
            run_group=partial(commit_together, database),
        )
        self.answers = Lane("answers", OTHER_THREADS, wait_seconds)
        self.following = Lane("following", OTHER_THREADS, wait_seconds)
        self.slow = Lane("slow", OTHER_THREADS, wait_seconds)
        self.service = Lane("service", OTHER_THREADS, wait_seconds)

    async def read(self, work: Callable[[Session], T]) -> T:
        """Run work in a transaction that only reads."""

        def in_transaction() -> T:
            with reading(self._database) as session:
                return work(session)

        return await self._reads.run(in_transaction)

    async def write(self, work: Callable[[Session], T]) -> T:
        """Run work in a transaction and return its result once that is committed."""
        return await self._writes.run(work)

    def start(self) -> None:
        """Start all threads, on the running event loop."""
        for lane in self._all():
            lane.start()

    def stop(self) -> None:
        """Finish what is queued, then end all threads."""
        for lane in self._all():
            lane.stop()

    def _all(self) -> tuple[Lane, ...]:
        others = (self.answers, self.following, self.slow, self.service)
        return (self._reads, self._writes, *others)
