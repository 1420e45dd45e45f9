"""How much memory a training job takes, and how much there is."""

from pathlib import Path

import pytest

from recsvc.compute.local import refuse_what_does_not_fit
from recsvc.compute.memory import ControlGroup, available_bytes, needed_bytes
from recsvc.errors import NotEnoughMemory
from recsvc.rbm.params import Hyperparameters

MOVIELENS_1M = {"n_users": 6040, "n_items": 3706, "n_ratings": 1_000_209, "n_levels": 5}


def needed(*, model_kind="user_rbm", n_hidden=100, **sizes) -> int:
    hyper = Hyperparameters(n_hidden=n_hidden)
    return needed_bytes(model_kind=model_kind, hyper=hyper, **{**MOVIELENS_1M, **sizes})


@pytest.mark.parametrize("model_kind", ["user_rbm", "item_rbm"])
@pytest.mark.parametrize("size", [*MOVIELENS_1M, "n_hidden"])
def test_more_of_anything_takes_more_memory(model_kind, size):
    one, two, three = (
        needed(model_kind=model_kind, **{size: times * {"n_hidden": 100, **MOVIELENS_1M}[size]})
        for times in (1, 2, 3)
    )

    assert one < two < three
    assert three - two == two - one  # in proportion


def test_a_joint_machine_needs_room_for_pairs_of_items_and_for_a_batchs_choices():
    one, large = (
        needed(model_kind="joint_rbm", n_items=n_items) - needed(n_items=n_items)
        for n_items in (10_000, 1_000_000)
    )

    assert 3 * 4 * 10_000**2 < one < 2_000_000_000
    assert large < 3_000_000_000  # no pairs, a sample of the choices, nothing beside


def test_a_million_ratings_fit_in_what_is_promised_for_them():
    assert 300_000_000 < needed() <= 700_000_000


def test_an_item_oriented_machine_has_a_weight_for_each_user_instead_of_each_item():
    few_items = {"n_users": 100_000, "n_items": 100}

    assert needed(model_kind="item_rbm", **few_items) > 3 * needed(**few_items)


def test_what_needs_more_than_there_is_is_refused_with_both_figures():
    refuse_what_does_not_fit(1000, limit_bytes=1000)

    with pytest.raises(NotEnoughMemory, match=r"about 2,000 MB and 1,000 MB are available") as told:
        refuse_what_does_not_fit(2_000_000_000, limit_bytes=1_000_000_000)

    assert told.value.facts == {"needed_bytes": 2_000_000_000, "available_bytes": 1_000_000_000}


def test_without_a_limit_the_machine_has_the_say():
    refuse_what_does_not_fit(1, limit_bytes=None)

    with pytest.raises(NotEnoughMemory):
        refuse_what_does_not_fit(10**18, limit_bytes=None)


# ------------------------------------------------------------------------- what there is


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
