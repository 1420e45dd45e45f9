"""The metrics that an API process writes: requests, feedback, lists, and its own state."""

import threading
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from recsvc.api.telemetry.feedback_counts import FeedbackCounts
from recsvc.api.telemetry.register import (
    BUCKET_BOUNDS,
    CONNECTIONS,
    IN_PROGRESS,
    INTERACTIONS,
    LOAD_FAILED,
    MAX_CONNECTIONS,
    RATINGS,
    REFUSED,
    REQUESTS,
    RESPONSES,
    SERVED_VERSION,
    SOURCES,
)
from recsvc.runtime.number_file import NumberFile, Row

N_VALUES = 1 + len(BUCKET_BOUNDS) + 1  # the sum of the durations, then a count for each bucket
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD = "OTHER"  # a client can send any word
STATE_SECONDS = 0.5


class ProcessState(NamedTuple):
    """The model and the connections of an API process.

    served_version  None before the first is loaded
    """

    served_version: int | None
    load_failed: bool
    connections_in_use: int
    connections_idle: int
    connections_max: int


class RequestMetrics:
    """Counters and gauges of this process; all methods but `write_state` run on the event loop.

    path  the file of this process; None for a process that shares its numbers with no other
    """

    def __init__(self, path: Path | None = None) -> None:
        self.file = NumberFile(path)
        self.path = path
        self._requests: dict[tuple[str, str, int], Row] = {}
        self._refused: dict[str, Row] = {}
        self._in_progress = self.file.row((IN_PROGRESS,))
        self._in_progress[0] = 0.0  # the file may be that of a process that was killed
        self._ratings = self.file.row((RATINGS,))
        self._interactions = self.file.row((INTERACTIONS,))
        self._responses = {source: self.file.row((RESPONSES, source)) for source in SOURCES}
        self._version = self.file.row((SERVED_VERSION,))
        self._load_failed = self.file.row((LOAD_FAILED,))
        self._in_use = self.file.row((CONNECTIONS, "in_use"))
        self._idle = self.file.row((CONNECTIONS, "idle"))
        self._max = self.file.row((MAX_CONNECTIONS,))
        self._stopping = threading.Event()

    def begin_request(self) -> None:
        """Count a request in progress."""
        self._in_progress[0] += 1

    def end_request(self) -> None:
        """Count the end of a request in progress."""
        self._in_progress[0] -= 1

    def add_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request and its duration."""
        label = (method if method in METHODS else OTHER_METHOD, route, status)
        row = self._requests.get(label)
        if row is None:
            row = self._requests[label] = self._request_row(*label)
        row[0] += seconds
        row[1 + bisect_left(BUCKET_BOUNDS, seconds)] += 1

    def add_feedback(self, counts: FeedbackCounts) -> None:
        """Count what a request has stored and refused."""
        self._ratings[0] += counts.ratings
        self._interactions[0] += counts.interactions
        for code, n in counts.refused.items():
            row = self._refused.get(code)
            if row is None:
                row = self._refused[code] = self.file.row((REFUSED, code))
            row[0] += n

    def add_list(self, source: str) -> None:
        """Count a recommendation list by the source of its first item."""
        self._responses[source][0] += 1

    def start(self, read_state: Callable[[], ProcessState]) -> None:
        """Start the thread that writes the state of this process."""
        self.write_state(read_state())

        def follow() -> None:
            while not self._stopping.wait(STATE_SECONDS):
                self.write_state(read_state())

        threading.Thread(target=follow, name="metrics", daemon=True).start()

    def stop(self) -> None:
        """Stop the thread. Running requests may still be counted."""
        self._stopping.set()

    def write_state(self, state: ProcessState) -> None:
        """Write the state of this process."""
        self._version[0] = state.served_version or 0
        self._load_failed[0] = state.load_failed
        self._in_use[0] = state.connections_in_use
        self._idle[0] = state.connections_idle
        self._max[0] = state.connections_max

    def _request_row(self, method: str, route: str, status: int) -> Row:
        return self.file.row((REQUESTS, method, route, str(status)), N_VALUES)
