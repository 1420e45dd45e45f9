"""The memory that is available to a process."""

from pathlib import Path

import pytest

from recsvc.compute.machine_memory import ControlGroup, available_bytes, total_bytes


@pytest.fixture
def machine(tmp_path):
    """A machine with 8,000,000 kB left."""
    place = tmp_path / "meminfo"
    place.write_text("MemTotal:  16000000 kB\nMemFree: 10 kB\nMemAvailable:    8000000 kB\n")
    return place


@pytest.fixture
def group(tmp_path):
    folder = tmp_path / "group"
    folder.mkdir()
    return ControlGroup(folder, "memory.max", "memory.current", "inactive_file")


def tell(group, **files):
    for name, content in files.items():
        (group.folder / name.replace("_", ".")).write_text(f"{content}\n")


def test_available_bytes_is_at_most_the_memory_of_this_machine():
    with Path("/proc/meminfo").open() as file:
        total = int(file.readline().split()[1]) * 1024

    assert 0 < available_bytes() <= total


def test_total_bytes_is_that_of_the_machine_or_of_its_container(machine, group):
    assert total_bytes(machine=machine, control_groups=[group]) == 16_000_000 * 1024
    tell(group, memory_max="max")
    assert total_bytes(machine=machine, control_groups=[group]) == 16_000_000 * 1024
    tell(group, memory_max=3_000_000)
    assert total_bytes(machine=machine, control_groups=[group]) == 3_000_000


def test_available_bytes_is_that_of_the_machine_without_a_container(machine, group):
    assert available_bytes(machine=machine, control_groups=[group]) == 8_000_000 * 1024


def test_available_bytes_is_unused_part_of_smaller_container_limit(machine, group):
    tell(group, memory_max=1_000_000_000, memory_current=300_000_000)

    assert available_bytes(machine=machine, control_groups=[group]) == 700_000_000


def test_available_bytes_includes_inactive_file_pages(machine, group):
    stat = "anon 200000000\nfile 700000000\ninactive_file 600000000\nactive_file 100000000"
    tell(group, memory_max=1_000_000_000, memory_current=900_000_000, memory_stat=stat)

    assert available_bytes(machine=machine, control_groups=[group]) == 700_000_000


@pytest.mark.parametrize("limit", ["max", "9223372036854771712", ""])
def test_available_bytes_ignores_container_without_limit(machine, group, limit):
    tell(group, memory_max=limit, memory_current=300_000_000)

    assert available_bytes(machine=machine, control_groups=[group]) == 8_000_000 * 1024


def test_available_bytes_is_zero_when_a_container_exceeds_its_limit(machine, group):
    tell(group, memory_max=1_000, memory_current=2_000)

    assert available_bytes(machine=machine, control_groups=[group]) == 0
