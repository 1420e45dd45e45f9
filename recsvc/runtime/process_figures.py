"""Processor time, memory, open files and start of a process, from /proc; Linux only."""

import os
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class ProcessFigures(NamedTuple):
    """What a process uses.

    started_at  seconds since 1970
    """

    cpu_seconds: float
    resident_bytes: int
    open_files: int
    started_at: float


def read_figures(process_id: int) -> ProcessFigures | None:
    """Return the figures of a process, None if it has ended or the system has no /proc."""
    folder = Path(f"/proc/{process_id}")
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        n_files = len(os.listdir(folder / "fd"))  # noqa: PTH208 - only their number
        boot = _boot_time()
    except OSError:
        return None
    user, system, start, pages = (int(fields[n]) for n in (11, 12, 19, 21))
    return ProcessFigures(
        (user + system) / TICKS, pages * PAGE_BYTES, n_files, boot + start / TICKS
    )


def list_spawned_children(process_id: int) -> list[int]:
    """Return the spawned children of a process, without the resource tracker of Python."""
    try:
        listed = Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()
        return [int(child) for child in listed if b"spawn_main" in _command_line(child)]
    except OSError:
        return []


def _command_line(process_id: str) -> bytes:
    return Path(f"/proc/{process_id}/cmdline").read_bytes()


def _boot_time() -> float:
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    return 0.0
