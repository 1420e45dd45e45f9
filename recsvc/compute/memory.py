"""How much memory training takes, and how much there is."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from recsvc.rbm.machines.couplings import LARGEST_CATALOGUE
from recsvc.rbm.model_kind import MACHINES, ModelKind
from recsvc.rbm.params import Hyperparameters
from recsvc.rbm.rating_ensemble.ensemble import are_affordable
from recsvc.rbm.rating_ensemble.fine_tuning import suited_hidden
from recsvc.runtime.sizes import MEGABYTE

PROCESS_BYTES = 300 * MEGABYTE  # the interpreter, its libraries and the compiled kernels
BYTES_PER_RATING = 110  # snapshot, split, transposition and the sort that makes them
COPIES_OF_WEIGHTS = 9  # parameters, velocity, best epoch, predictor, checkpoint being written
HIDDEN_ARRAYS = 4
CANDIDATE_COPIES = 2  # sampled and rated ones; weights and slopes
COPIES_WHILE_FINETUNING = 6
COPIES_TO_ANSWER = 4  # to fold in and to predict, and both in the checkpoint being written
PAIR_MATRICES = 3  # of items by items, while the couplings are found


class ControlGroup(NamedTuple):
    """Where the kernel tells of a container's memory.

    cache  the line of memory.stat with file pages that are dropped when memory is wanted
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


def needed_bytes(
    *,
    n_users: int,
    n_items: int,
    n_ratings: int,
    n_levels: int,
    model_kind: ModelKind,
    hyper: Hyperparameters,
) -> int:
    """Estimate a training job's largest resident memory; benchmarks/RESULTS.md has it measured."""
    machine = MACHINES[model_kind]
    n_visible, n_cases = (n_users, n_items) if machine.cases_are_items else (n_items, n_users)
    weights = 4 * n_visible * n_levels * (hyper.n_hidden + 1)
    hidden = 4 * n_cases * hyper.n_hidden
    beside = 0
    if machine.samples_items:
        n_pairs = n_levels * min(n_items, hyper.candidates)
        beside += 4 * n_pairs * (hyper.batch_size + CANDIDATE_COPIES * hyper.n_hidden)
    if machine.uses_adam:
        beside += weights  # the second moment
    if machine.has_couplings:
        beside += 4 * PAIR_MATRICES * n_items**2 * (n_items <= LARGEST_CATALOGUE)
    if machine.rates_by_ensemble:
        beside += _raters_bytes(n_users, n_items, n_ratings, n_levels, hyper)
    return (
        PROCESS_BYTES
        + beside
        + BYTES_PER_RATING * n_ratings
        + COPIES_OF_WEIGHTS * weights
        + HIDDEN_ARRAYS * hidden
    )


def _raters_bytes(
    n_users: int, n_items: int, n_ratings: int, n_levels: int, hyper: Hyperparameters
) -> int:
    """Estimate what the machines take that predict ratings beside a joint one."""
    if hyper.rating_epochs == 0 or not are_affordable(n_users, n_items, n_levels):
        return 0
    sizes = [
        n_visible * n_levels * suited_hidden(n_visible, n_ratings, n_levels)
        for n_visible in (n_users, n_items)
    ]
    return 4 * (COPIES_WHILE_FINETUNING * max(sizes) + COPIES_TO_ANSWER * sum(sizes))


def available_bytes(
    *, machine: Path = MACHINE, control_groups: Sequence[ControlGroup] = CONTROL_GROUPS
) -> int:
    """Give the memory that can be taken now: the machine's, or the container's if that is less."""
    return min([_of_the_machine(machine), *_of_the_container(control_groups)])


def _of_the_machine(meminfo: Path) -> int:
    for line in meminfo.read_text().splitlines():
        name, _, amount = line.partition(":")
        if name == "MemAvailable":
            return int(amount.split()[0]) * 1024
    raise RuntimeError(f"{meminfo} does not tell MemAvailable")


def _of_the_container(control_groups: Sequence[ControlGroup]) -> Iterator[int]:
    for group in control_groups:
        with suppress(OSError, ValueError):  # no such control group, or its limit is "max"
            limit, used = (
                int((group.folder / name).read_text()) for name in (group.limit, group.used)
            )
            yield max(0, limit - used + _cached(group))


def _cached(group: ControlGroup) -> int:
    with suppress(OSError):
        for line in (group.folder / "memory.stat").read_text().splitlines():
            name, _, amount = line.partition(" ")
            if name == group.cache:
                return int(amount)
    return 0
