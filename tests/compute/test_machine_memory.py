"""The memory that is available to a process."""

from pathlib import Path

import pytest

from recsvc.compute.machine_memory import ControlGroup, available_bytes


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


def test_this_machine_has_some_memory_and_no_more_than_it_was_built_with():
    with Path("/proc/meminfo").open() as file:
        total = int(file.readline().split()[1]) * 1024

    assert 0 < available_bytes() <= total


def test_without_a_container_the_machines_available_memory_counts(machine, group):
    assert available_bytes(machine=machine, control_groups=[group]) == 8_000_000 * 1024


def test_a_containers_limit_less_what_it_uses_counts_where_that_is_less(machine, group):
    tell(group, memory_max=1_000_000_000, memory_current=300_000_000)

    assert available_bytes(machine=machine, control_groups=[group]) == 700_000_000


def test_file_pages_that_are_dropped_when_wanted_count_as_available(machine, group):
    stat = "anon 200000000\nfile 700000000\ninactive_file 600000000\nactive_file 100000000"
    tell(group, memory_max=1_000_000_000, memory_current=900_000_000, memory_stat=stat)

    assert available_bytes(machine=machine, control_groups=[group]) == 700_000_000


@pytest.mark.parametrize("limit", ["max", "9223372036854771712", ""])
def test_a_container_without_a_limit_has_what_the_machine_has(machine, group, limit):
    tell(group, memory_max=limit, memory_current=300_000_000)

    assert available_bytes(machine=machine, control_groups=[group]) == 8_000_000 * 1024


def test_a_container_over_its_limit_has_nothing_left(machine, group):
    tell(group, memory_max=1_000, memory_current=2_000)

    assert available_bytes(machine=machine, control_groups=[group]) == 0
