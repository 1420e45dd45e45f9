"""Keep a service's processes running until somebody says stop."""

import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing import connection
from multiprocessing.context import SpawnProcess
from types import FrameType

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0  # having lived so long, a process has earned a quick restart
STOP_SECONDS = 9.0


class Kept:
    """One process that is started again when it ends by itself, after a pause that grows."""

    def __init__(self, make: Callable[[], SpawnProcess]) -> None:
        self._make = make
        self._pause = FIRST_PAUSE_SECONDS
        self._started_at = 0.0
        self.due_at: float | None = None
        self.process = self._start()

    def _start(self) -> SpawnProcess:
        process = self._make()
        process.start()
        self._started_at, self.due_at = time.monotonic(), None
        return process

    def ended(self) -> str:
        """Note that the process has ended; say so, and when it is started again."""
        self.process.join()
        if time.monotonic() - self._started_at > STEADY_SECONDS:
            self._pause = FIRST_PAUSE_SECONDS
        self.due_at = time.monotonic() + self._pause
        told = (
            f"The {self.process.name} process {self.process.pid} ended "
            f"({_how(self.process.exitcode)}); starting another in {self._pause:g} s."
        )
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
        return told

    def start_if_due(self) -> None:
        """Start the process again once its pause is over."""
        if self.due_at is not None and time.monotonic() >= self.due_at:
            self.process = self._start()


class Supervisor:
    """Starts processes in order, restarts what falls over, ends everything on SIGTERM or SIGINT.

    Used in the main thread: signals are its business from `__enter__` on.

    `interrupts`  while True, a signal is a KeyboardInterrupt as well, for work done here meanwhile
    """

    def __init__(self, *, interrupts: bool = False) -> None:
        self.interrupts = interrupts
        self._kept: list[Kept] = []
        self._told, self._tell = os.pipe()
        self.stopping = False

    def __enter__(self) -> "Supervisor":
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        return self

    def __exit__(self, *error: object) -> None:
        stop([kept.process for kept in self._kept if kept.due_at is None])

    def keep(self, make: Callable[[], SpawnProcess]) -> None:
        """Start a process and keep it running."""
        self._kept.append(Kept(make))

    def answered(self, ready: connection.Connection) -> bool:
        """Wait for a process to say that it answers; False where another end came first."""
        sentinels = [kept.process.sentinel for kept in self._kept]
        happened = connection.wait([ready, self._told, *sentinels])
        return ready in happened and bool(ready.recv())

    def watch(self) -> None:
        """Restart what ends, until a signal comes."""
        while not self.stopping:
            alive = {kept.process.sentinel: kept for kept in self._kept if kept.due_at is None}
            for happened in connection.wait([self._told, *alive], timeout=self._pause()):
                if isinstance(happened, int) and happened in alive and not self.stopping:
                    sys.stderr.write(alive[happened].ended() + "\n")
            if not self.stopping:
                for kept in self._kept:
                    kept.start_if_due()

    def _pause(self) -> float | None:
        due = [kept.due_at for kept in self._kept if kept.due_at is not None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True
        os.write(self._tell, b".")
        if self.interrupts:
            raise KeyboardInterrupt


def stop(processes: list[SpawnProcess]) -> None:
    """End processes politely, all at once; after STOP_SECONDS, by force."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()


def _how(status: int | None) -> str:
    if status is not None and status < 0:
        return signal.Signals(-status).name
    return f"exit status {status}"
