"""Thread pools for synchronous work, independent of each other.

A pool has a fixed number of threads and one first-in, first-out queue. Work that has waited longer
than the limit does not start and raises ServiceBusy (503). A request uses one thread of its pool
for its transaction and for the rendering of its response, so no thread waits for another one of
the same pool.

A pool may run several queued calls as one group: the writes of SQLite share one commit, and single
ratings share their statements on both databases.
"""

import asyncio
import contextvars
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple, TypeVar

from recsvc.api.access.current_change import CHANGE
from recsvc.db.group_commit import MergeableWork, commit_together
from recsvc.db.session import Database, Session, reading
from recsvc.errors import ServiceBusy
from recsvc.service.access import audit

T = TypeVar("T")
A = TypeVar("A")
Work = Callable[..., Any]
Group = Sequence[Work]
Outcomes = Sequence[Any]  # of each call of a group: its result, or the exception that it raised

LARGEST_GROUP = 64  # writes that share a commit
ANSWER_THREADS = max(2, os.cpu_count() or 1)  # they use no pooled database connection
PREVIEW_THREADS = 1  # each has all ratings in memory
THREADS_PER_OTHER_POOL = 2  # in each of the other pools
STOP_SECONDS = 3.0
REQUEUED = object()  # the outcome of work that returned to the queue
RESERVED_CONNECTIONS = (
    5  # for the threads that follow publications, check the database and read its metrics, and more
)


class ThreadCounts(NamedTuple):
    """Threads of the pools whose work uses the database, each with one connection.

    writes  on PostgreSQL; SQLite has one writer at a time
    """

    reads: int = 2
    writes: int = 4

    @property
    def connections(self) -> int:
        """The maximum number of database connections of the process."""
        others = 2 * THREADS_PER_OTHER_POOL + PREVIEW_THREADS + RESERVED_CONNECTIONS
        return self.reads + self.writes + others


DEFAULT_COUNTS = ThreadCounts()


class _Entry:
    """One call in a queue, and the future for its outcome."""

    def __init__(
        self, work: Callable[..., Any], future: "asyncio.Future[Any]", deadline: float
    ) -> None:
        self.work = work
        if not isinstance(work, MergeableWork):  # that one runs for several requests
            self.work = partial(
                contextvars.copy_context().run, work
            )  # the log has the request's id
        self.future = future
        self.deadline = deadline

    def settle(self, outcome: Any) -> None:  # noqa: ANN401 - see Outcomes
        """Set the outcome of the future, unless its request was cancelled."""
        if self.future.done():
            return
        if isinstance(outcome, StopIteration):  # a future does not accept it
            outcome = RuntimeError("The work raised StopIteration.")
        if isinstance(outcome, BaseException):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)


class RequestPool:
    """A fixed number of threads with a queue of their own.

    wait_seconds   longest time in the queue; after it the work raises ServiceBusy
    largest_group  maximum number of calls that a thread runs as one group
    is_grouped     whether a call may join the group of another one; by default any may
    run_group      runs a group in order and returns the outcomes of all calls, or of the first
                   ones; the others return to the queue. By default the calls run one by one
    """

    def __init__(
        self,
        name: str,
        n_threads: int,
        wait_seconds: float,
        *,
        largest_group: int = 1,
        is_grouped: Callable[[Work, Work], bool] = lambda first, other: True,
        run_group: Callable[[Group], Outcomes] | None = None,
    ) -> None:
        self._wait_seconds = wait_seconds
        self._largest_group = largest_group
        self._is_grouped = is_grouped
        self._run_group = run_group or _run_each
        self._queue: deque[_Entry] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(1, n_threads + 1)
        ]

    def start(self) -> None:
        """Start the threads. Must be called on the event loop that awaits `run`."""
        self._loop = asyncio.get_running_loop()
        for thread in self._threads:
            thread.start()

    def shut_down(self) -> None:
        """Signal the threads to finish the queued work and end."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def join(self, deadline: float) -> None:
        """Wait for the threads until `deadline` of time.monotonic()."""
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    async def run(self, work: Callable[..., T], *, is_patient: bool = False) -> T:
        """Run work on a thread and return its result.

        is_patient  wait without a limit, for an upload that has arrived or a long poll

        Raises the errors of the work, and ServiceBusy if it has not started after `wait_seconds`.
        """
        wait = float("inf") if is_patient else self._wait_seconds
        entry = _Entry(work, self._loop.create_future(), time.monotonic() + wait)
        with self._changed:
            self._queue.append(entry)
            self._changed.notify()
        timer = None if is_patient else self._loop.call_later(wait, self._expire, entry)
        try:
            result: T = await entry.future
        finally:
            if timer:
                timer.cancel()
        return result

    def _expire(self, entry: _Entry) -> None:
        """Remove work that has not started from the queue."""
        with self._changed:
            if entry not in self._queue:
                return
            self._queue.remove(entry)
        entry.settle(ServiceBusy(self._wait_seconds))

    def _work(self) -> None:
        while group := self._take():
            try:
                outcomes = self._run_group([entry.work for entry in group])
            except BaseException as error:
                outcomes = [error] * len(group)
            if rest := group[len(outcomes) :]:
                outcomes = [*outcomes, *self._put_back(rest)]
            with suppress(RuntimeError):  # the loop is closed: no request awaits the outcomes
                self._loop.call_soon_threadsafe(_settle, group, outcomes)
            del group, outcomes, rest  # they may be large, and the next work may arrive much later

    def _take(self) -> list[_Entry]:
        """Wait for work and remove it from the queue; return an empty list when the pool stops."""
        with self._changed:
            while True:
                while self._queue and self._queue[0].future.done():  # the request was cancelled
                    self._queue.popleft()
                if self._queue or self._stopping:
                    break
                self._changed.wait()
            group: list[_Entry] = []
            while self._queue and len(group) < self._largest_group:
                if group and not self._is_grouped(group[0].work, self._queue[0].work):
                    break
                group.append(self._queue.popleft())
            return group

    def _put_back(self, rest: Sequence[_Entry]) -> Outcomes:
        """Queue the work that the group left over again; return ServiceBusy for expired work."""
        now = time.monotonic()
        with self._changed:
            self._queue.extendleft(entry for entry in reversed(rest) if entry.deadline > now)
        busy = ServiceBusy(self._wait_seconds)
        return [busy if entry.deadline <= now else REQUEUED for entry in rest]


def _settle(group: Sequence[_Entry], outcomes: Outcomes) -> None:
    for entry, outcome in zip(group, outcomes, strict=True):
        if outcome is not REQUEUED:
            entry.settle(outcome)


def _run_each(group: Group) -> Outcomes:
    return [work() for work in group]


def _is_same_function(first: Work, other: Work) -> bool:
    return (
        isinstance(first, MergeableWork)
        and isinstance(other, MergeableWork)
        and first.run_together == other.run_together
    )


# SQLite has one writer at a time, so all writes share commits. On PostgreSQL a transaction of
# several requests would hold the locks of all of them.
IS_GROUPED: dict[str, Callable[[Work, Work], bool]] = {
    "sqlite": lambda first, other: True,
    "postgresql": _is_same_function,
}


class RequestPools:
    """The pools of an API process. Their threads use at most `counts.connections` connections.

    reads     short transactions that only read
    answers   ranking and prediction
    slow      uploads, and diagnoses of curves from elsewhere
    previews  previews of training jobs, which read all ratings: one at a time
    service   metrics
    """

    def __init__(
        self, database: Database, wait_seconds: float, counts: ThreadCounts = DEFAULT_COUNTS
    ) -> None:
        self._database = database
        kind = database.dialect
        self.reads = RequestPool("reads", counts.reads, wait_seconds)
        self._writes = RequestPool(
            "writes",
            1 if kind == "sqlite" else counts.writes,
            wait_seconds,
            largest_group=LARGEST_GROUP,
            is_grouped=IS_GROUPED[kind],
            run_group=partial(commit_together, database),
        )
        self._follows = RequestPool("follows", THREADS_PER_OTHER_POOL, wait_seconds)
        self.answers = RequestPool("answers", ANSWER_THREADS, wait_seconds)
        self.slow = RequestPool("slow", THREADS_PER_OTHER_POOL, wait_seconds)
        self.previews = RequestPool("previews", PREVIEW_THREADS, wait_seconds)
        self.service = RequestPool("service", THREADS_PER_OTHER_POOL, wait_seconds)

    async def read(self, work: Callable[[Session], T]) -> T:
        """Run work in a transaction that only reads."""
        return await self.reads.run(partial(_read, self._database, work))

    async def follow(self, work: Callable[[Session], T]) -> T:
        """Run a read of a long poll or an event stream, in a pool of its own."""
        return await self._follows.run(partial(_read, self._database, work), is_patient=True)

    async def write_merged(
        self, run_together: Callable[[Session, Sequence[A]], Sequence[T]], argument: A
    ) -> T:
        """Run a write together with waiting ones of the same function; see MergeableWork."""
        return await self._writes.run(MergeableWork(run_together, argument))

    async def write(self, work: Callable[[Session], T], *, is_patient: bool = False) -> T:
        """Run work in a transaction and return its result after the commit."""
        return await self._writes.run(partial(_write_and_audit, work), is_patient=is_patient)

    def start(self) -> None:
        """Start all threads, on the running event loop."""
        for pool in self._all():
            pool.start()

    def stop(self) -> None:
        """Finish the queued work within STOP_SECONDS and end all threads."""
        for pool in self._all():
            pool.shut_down()
        deadline = time.monotonic() + STOP_SECONDS
        for pool in self._all():
            pool.join(deadline)

    def _all(self) -> tuple[RequestPool, ...]:
        others = (self._follows, self.answers, self.slow, self.previews, self.service)
        return (self.reads, self._writes, *others)


def _write_and_audit(work: Callable[[Session], T], session: Session) -> T:
    """Run a write of a request; an audited one adds its entry in the same transaction."""
    result = work(session)
    if (change := CHANGE.get()) is not None:
        audit.record(session, change, now=datetime.now(UTC))
    return result


def _read(database: Database, work: Callable[[Session], T]) -> T:
    with reading(database) as session:
        return work(session)
