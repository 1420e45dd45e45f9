"""The memory that is available on this machine or in this container."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


class ControlGroup(NamedTuple):
    """The files in which the kernel reports a container's memory.

    cache  the line of memory.stat with the file pages that are dropped on demand
    """

    folder: Path
    limit: str
    used: str
    cache: str


MACHINE = Path("/proc/meminfo")
CONTROL_GROUPS = (
    ControlGroup(Path("/sys/fs/cgroup"), "memory.max", "memory.current", "inactive_file"),
    ControlGroup(
        Path("/sys/fs/cgroup/memory"),
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        "total_inactive_file",
    ),
)


def available_bytes(
    *, machine: Path = MACHINE, control_groups: Sequence[ControlGroup] = CONTROL_GROUPS
) -> int:
    """Return the available memory of the machine, or of the container if that is less."""
    return min([_machine_bytes(machine), *_container_bytes(control_groups)])


def _machine_bytes(meminfo: Path) -> int:
    for line in meminfo.read_text().splitlines():
        name, _, amount = line.partition(":")
        if name == "MemAvailable":
            return int(amount.split()[0]) * 1024
    raise RuntimeError(f"{meminfo} has no line MemAvailable")


def _container_bytes(control_groups: Sequence[ControlGroup]) -> Iterator[int]:
    for group in control_groups:
        with suppress(OSError, ValueError):  # no such control group, or its limit is "max"
            limit, used = (
                int((group.folder / name).read_text()) for name in (group.limit, group.used)
            )
            yield max(0, limit - used + _cache_bytes(group))


def _cache_bytes(group: ControlGroup) -> int:
    with suppress(OSError):
        for line in (group.folder / "memory.stat").read_text().splitlines():
            name, _, amount = line.partition(" ")
            if name == group.cache:
                return int(amount)
    return 0
