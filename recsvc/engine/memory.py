"""How much memory training takes, and how much there is."""

from contextlib import suppress
from pathlib import Path

from recsvc.rbm.params import Hyperparameters, ModelKind

MEGABYTE = 1_000_000
PROCESS_BYTES = 300 * MEGABYTE  # the interpreter, its libraries and the compiled kernels
BYTES_PER_RATING = 110  # snapshot, split, transposition and the sort that makes them
COPIES_OF_WEIGHTS = 9  # parameters, velocity, best epoch, predictor, checkpoint being written
HIDDEN_ARRAYS = 4

CGROUP_FILES = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
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
    n_visible, n_cases = (n_items, n_users) if model_kind == "user_rbm" else (n_users, n_items)
    weights = 4 * n_visible * n_levels * (hyper.n_hidden + 1)
    hidden = 4 * n_cases * hyper.n_hidden
    return (
        PROCESS_BYTES
        + BYTES_PER_RATING * n_ratings
        + COPIES_OF_WEIGHTS * weights
        + HIDDEN_ARRAYS * hidden
    )


def available_bytes() -> int:
    """Give the memory that can be taken now: the machine's, or the container's if that is less."""
    return min([_of_the_machine(), *_of_the_container()])


def _of_the_machine() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, amount = line.partition(":")
        if name == "MemAvailable":
            return int(amount.split()[0]) * 1024
    raise RuntimeError("/proc/meminfo does not tell MemAvailable")


def _of_the_container() -> list[int]:
    found = []
    for limit_file, used_file in CGROUP_FILES:
        with suppress(OSError, ValueError):  # no such control group, or its limit is "max"
            limit, used = (int(Path(file).read_text()) for file in (limit_file, used_file))
            found.append(max(0, limit - used))
    return found
