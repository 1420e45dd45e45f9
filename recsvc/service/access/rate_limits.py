"""Rate limits of API keys, which hold for all API processes together.

Each process counts the requests of the current second and learns once a second how many the other
processes have counted in their last one. It admits what they leave, but at least its equal share,
so that busy processes do not block each other in turns. When traffic moves between processes, a
key may for one second send up to its limit times the number of processes.
"""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from recsvc.db.access import request_counts
from recsvc.db.access.request_counts import OtherCount
from recsvc.db.session import Database, reading, unit_of_work
from recsvc.errors import RecsvcError

EXCHANGE_SECONDS = 1.0
STALE_SECONDS = 3  # a process that reports nothing for so long has no share
KEPT_SECONDS = 600  # rows of ended processes
NOBODY = OtherCount(0, 0)


class Quota(NamedTuple):
    """The state of a key after a request.

    admitted   whether the request may proceed
    remaining  further requests in this second
    """

    admitted: bool
    limit: int
    remaining: int


class RateLimiter:
    """Counts requests by key. Only the event loop calls `count`.

    limit  requests a second of each key, 0 for no limit
    clock  seconds since 1970, equal in all processes up to the error of their clocks
    """

    def __init__(self, limit: int, *, clock: Callable[[], float] = time.time) -> None:
        self.limit = limit
        self._clock = clock
        self._second = 0
        self._own: dict[int, int] = {}
        self._last: tuple[int, dict[int, int]] = (0, {})
        self._others: dict[int, OtherCount] = {}

    def count(self, key_id: int) -> Quota:
        """Count a request of a key, unless the key has used up this second."""
        second = self.current_second()
        if second != self._second:
            if self._own:
                self._last = (self._second, self._own)
            self._second, self._own = second, {}
        used = self._own.get(key_id, 0)
        budget = self._budget(key_id)
        if used >= budget:
            return Quota(False, self.limit, 0)
        self._own[key_id] = used + 1
        return Quota(True, self.limit, budget - used - 1)

    def _budget(self, key_id: int) -> int:
        """Return the requests of this second that this process may admit."""
        others = self._others.get(key_id, NOBODY)
        share = -(-self.limit // (others.n_processes + 1))
        return max(self.limit - others.n_requests, share)

    def current_second(self) -> int:
        """Return the second in which requests are counted now."""
        return int(self._clock())

    def last_counts(self) -> tuple[int, dict[int, int]]:
        """Return the last second with requests, before the current one, and its counts by key."""
        if self._own and self._second < self.current_second():
            return self._second, dict(self._own)
        return self._last

    def set_others(self, others: dict[int, OtherCount]) -> None:
        """Replace the counts of the other processes."""
        self._others = others


class CountExchange:
    """A thread that exchanges the counts of a limiter with the other processes once a second.

    process  a name of this process, unique among all that use the database
    """

    def __init__(self, database: Database, limiter: RateLimiter, process: str) -> None:
        self._database = database
        self._limiter = limiter
        self._process = process
        self._sent = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="request-counts", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        if self._limiter.limit:
            self._thread.start()

    def stop(self) -> None:
        """Stop the thread."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(EXCHANGE_SECONDS)

    def exchange(self) -> None:
        """Send the last counts of this process if they are new, and read those of the others."""
        second, counts = self._limiter.last_counts()
        since = self._limiter.current_second() - STALE_SECONDS
        if second < since:
            return  # no key has sent anything lately
        if second != self._sent:
            with unit_of_work(self._database) as session:
                request_counts.put_counts(session, self._process, second, counts)
                request_counts.delete_counts(session, before=since - KEPT_SECONDS)
            self._sent = second
        with reading(self._database) as session:
            others = request_counts.other_counts(session, self._process, since=since)
        self._limiter.set_others(others)

    def _run(self) -> None:
        while not self._stopping.wait(EXCHANGE_SECONDS):
            try:
                self.exchange()
            except RecsvcError:
                continue  # the limits hold for this process alone while the database is away
