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
    return min([_machine_bytes(machine, "MemAvailable"), *_container_bytes(control_groups)])


def total_bytes(
    *, machine: Path = MACHINE, control_groups: Sequence[ControlGroup] = CONTROL_GROUPS
) -> int:
    """Return all memory of the machine, or the limit of the container if that is less."""
    limits = []
    for group in control_groups:
        with suppress(OSError, ValueError):  # no such control group, or its limit is "max"
            limits.append(int((group.folder / group.limit).read_text()))
    return min([_machine_bytes(machine, "MemTotal"), *limits])


def _machine_bytes(meminfo: Path, wanted: str) -> int:
    for line in meminfo.read_text().splitlines():
        name, _, amount = line.partition(":")
        if name == wanted:
            return int(amount.split()[0]) * 1024
    raise RuntimeError(f"{meminfo} has no line {wanted}")


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
