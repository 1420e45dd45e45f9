"""Supervision: restart the processes of a service until a signal arrives."""

import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import connection
from multiprocessing.context import SpawnProcess
from types import FrameType

import structlog

from recsvc.cli.processes.spawn import BACKLOG

log = structlog.get_logger("recsvc.serve")

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STABLE_SECONDS = 60.0  # a process that ran longer is restarted quickly
STOP_SECONDS = 9.0
READY_SECONDS = 120.0  # for the start of a process on reload


class SupervisedProcess:
    """A process that is restarted when it exits, after a growing pause.

    ready  receives True whenever the process is ready; None for one that is not replaced on reload
    """

    def __init__(
        self, make: Callable[[], SpawnProcess], ready: connection.Connection | None = None
    ) -> None:
        self._make = make
        self._ready = ready
        self._pause = FIRST_PAUSE_SECONDS
        self._started_at = 0.0
        self._is_ready = False
        self.due_at: float | None = None
        self.process = self._start()

    @property
    def ready(self) -> connection.Connection | None:
        """Return the connection that receives True when the process is ready."""
        return self._ready

    def is_ready(self) -> bool:
        """Return whether the process accepts connections; False for one that never reports it."""
        while self._ready is not None and self._ready.poll():
            self._is_ready = self._ready.recv()
        return self._is_ready

    def _start(self) -> SpawnProcess:
        self._is_ready = False
        process = self._make()
        process.start()
        self._started_at, self.due_at = time.monotonic(), None
        return process

    def record_exit(self) -> None:
        """Log the exit of a process and schedule its restart."""
        self.process.join()
        self.is_ready()  # its report is not that of the next process
        self._is_ready = False
        if time.monotonic() - self._started_at > STABLE_SECONDS:
            self._pause = FIRST_PAUSE_SECONDS
        self.due_at = time.monotonic() + self._pause
        log.warning(
            "process exited",
            process=self.process.name,
            pid=self.process.pid,
            status=_format_exit_status(self.process.exitcode),
            restart_seconds=self._pause,
        )
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)

    def replace(self) -> bool:
        """Start a new process, and end the old one once the new one is ready.

        Returns False, and keeps the old process, if the new one does not become ready.
        """
        if self._ready is None or self.due_at is not None:
            return True
        self.is_ready()  # the report of an earlier start is not that of the new process
        new = self._make()
        new.start()
        happened = connection.wait([self._ready, new.sentinel], timeout=READY_SECONDS)
        if self._ready not in happened or not self._ready.recv():
            stop([new])
            return False
        old, self.process, self._is_ready = self.process, new, True
        self._started_at = time.monotonic()
        stop([old])
        return True

    def start_if_due(self) -> None:
        """Restart the process if its pause is over."""
        if self.due_at is not None and time.monotonic() >= self.due_at:
            self.process = self._start()


class Supervisor:
    """Starts processes, restarts those that exit, and ends all on SIGTERM or SIGINT.

    SIGHUP replaces the API processes one after the other, each by a new one that is ready before
    the old one ends. All share one listening socket, so no connection is refused.

    While no API process is ready, connections are refused: see
    docs/decisions/0086-refuse-without-processes.md.

    Use it in the main thread: `__enter__` installs signal handlers.

    listening     the bound socket, which API processes share; each listens on it when it is ready
    `interrupts`  while True, a signal also raises KeyboardInterrupt in the main thread
    """

    def __init__(self, listening: socket.socket, *, interrupts: bool = False) -> None:
        self._listening = listening
        self.interrupts = interrupts
        self._is_listening = True
        self._kept: list[SupervisedProcess] = []
        self._signal_reader, self._signal_writer = os.pipe()
        self.stopping = False
        self._reload_requested = False

    def __enter__(self) -> "Supervisor":
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        return self

    def __exit__(self, *error: object) -> None:
        self._listening.close()  # refused as soon as the API processes stop listening
        stop([kept.process for kept in self._kept if kept.due_at is None])

    def keep(
        self, make: Callable[[], SpawnProcess], ready: connection.Connection | None = None
    ) -> None:
        """Start a process and restart it whenever it exits; see SupervisedProcess."""
        self._kept.append(SupervisedProcess(make, ready))

    def wait_until_ready(self, ready: connection.Connection) -> bool:
        """Wait until a process is ready; return False after an exit or a signal."""
        sentinels = [kept.process.sentinel for kept in self._kept]
        happened = connection.wait([ready, self._signal_reader, *sentinels])
        return ready in happened and any(
            kept.is_ready() for kept in self._kept if kept.ready is ready
        )

    def watch(self) -> None:
        """Restart processes that exit, and replace them on SIGHUP, until a stop signal arrives."""
        signal.signal(signal.SIGHUP, self._request_reload)
        while not self.stopping:
            alive = {kept.process.sentinel: kept for kept in self._kept if kept.due_at is None}
            starting = [kept.ready for kept in alive.values() if kept.ready and not kept.is_ready()]
            self._listen_if_ready()
            happened = connection.wait(
                [self._signal_reader, *alive, *starting], timeout=self._pause()
            )
            exited = [alive[one] for one in happened if isinstance(one, int) and one in alive]
            for kept in exited if not self.stopping else ():
                kept.record_exit()
            if not self.stopping:
                self._listen_if_ready()
            if self._reload_requested and not self.stopping:
                self._reload()
            if not self.stopping:
                for kept in self._kept:
                    kept.start_if_due()

    def _listen_if_ready(self) -> None:
        """Listen while an API process is ready, and refuse connections while none is.

        The processes share the socket: what is done here holds for all of them.
        """
        is_ready = any(kept.is_ready() for kept in self._kept)
        if is_ready and not self._is_listening:
            self._listening.listen(BACKLOG)  # the process that is ready listened before the refusal
        elif not is_ready and self._is_listening:
            with suppress(OSError):  # macOS refuses only when all processes have closed the socket
                self._listening.shutdown(socket.SHUT_RDWR)
        self._is_listening = is_ready

    def _reload(self) -> None:
        os.read(self._signal_reader, 1)
        self._reload_requested = False
        for kept in self._kept:
            if not kept.replace():
                log.error("a new API process did not start; the old ones go on")
                return
        log.info("replaced the API processes")

    def _request_reload(self, number: int, frame: FrameType | None) -> None:
        if not self._reload_requested:
            self._reload_requested = True
            os.write(self._signal_writer, b"r")

    def _pause(self) -> float | None:
        due = [kept.due_at for kept in self._kept if kept.due_at is not None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True
        os.write(self._signal_writer, b".")
        if self.interrupts:
            raise KeyboardInterrupt


def stop(processes: list[SpawnProcess]) -> None:
    """Terminate all processes; kill those still running after STOP_SECONDS."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()


def _format_exit_status(status: int | None) -> str:
    if status is not None and status < 0:
        return signal.Signals(-status).name
    return f"exit status {status}"
