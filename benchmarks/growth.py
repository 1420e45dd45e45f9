"""How time and memory grow: items fixed and users growing, then items growing.

    .venv/bin/python -m benchmarks growth

Made-up ratings: items are chosen with probabilities that fall as 1 / place^0.8, users and levels
uniformly, each (user, item) once. First 4,000 items, 100 hidden units and 6,000 users with 160
ratings each, then up to 8 times as many users. Then 32 hidden units and 10,000 to 1,000,000
items with 10 ratings an item and 20 a user. Each case learns in a process of its own that holds
nothing but the ratings; VmHWM, the kernel's own high-water mark of that process, is its peak. The
time is the median of three epochs, the first (which compiles) not among them.
"""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.data import STARS
from benchmarks.progress import steps
from recsvc.rbm.arrays import Ints
from recsvc.rbm.rating_matrix import RatingMatrix

EPOCHS = 3
POPULARITY_FALL = 0.8
MOST_SLOWER, MOST_GB = 1.25, 8.0


@dataclass(frozen=True)
class Case:
    """One size to learn from."""

    n_users: int
    n_items: int
    n_ratings: int
    n_hidden: int


USERS_GROW = [Case(6_000 * times, 4_000, 960_000 * times, 100) for times in (1, 2, 4, 8)]
ITEMS_GROW = [Case(n // 2, n, 10 * n, 32) for n in (10_000, 100_000, 1_000_000)]


def main() -> None:
    if not Path("/proc/self/status").exists():
        sys.exit("There is no /proc to read a process's memory from.")
    print("| users | items | ratings | hidden | s an epoch | ns a rating | peak, MB | |")
    print("|---:|---:|---:|---:|---:|---:|---:|---|")
    with steps("growth", len(USERS_GROW) + len(ITEMS_GROW)) as step:
        for cases in (USERS_GROW, ITEMS_GROW):
            first = None
            for case in cases:
                seconds, peak = measured(case)
                step(f"{case.n_users:,} users, {case.n_items:,} items")
                each = seconds / case.n_ratings
                first = first or each
                note = f"{each / first:.2f}× the first (at most {MOST_SLOWER}×)"
                if cases is ITEMS_GROW:
                    note = f"at most {MOST_GB:g} GB" if case == cases[-1] else ""
                print(
                    f"| {case.n_users:,} | {case.n_items:,} | {case.n_ratings:,} | {case.n_hidden} "
                    f"| {seconds:.2f} | {each * 1e9:.0f} | {peak / 1e6:,.0f} | {note} |"
                )


def measured(case: Case) -> tuple[float, int]:
    """Learn in a child; give seconds an epoch and its peak memory in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ratings.npz"
        made = made_up(case, seed=0)
        np.savez(file, indptr=made.indptr, items=made.items, levels=made.levels)
        command = [sys.executable, "-m", "benchmarks.growth", str(file)]
        command += [str(case.n_items), str(case.n_hidden)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    told = json.loads(done.stdout)
    return told["seconds"], told["peak"]


def made_up(case: Case, *, seed: int) -> RatingMatrix:
    """Draw ratings with replacement and keep distinct pairs until there are enough."""
    rng = np.random.default_rng(seed)
    share = np.cumsum(np.arange(1, case.n_items + 1) ** -POPULARITY_FALL)
    cells: Ints = np.empty(0, dtype=np.int64)
    while cells.size < case.n_ratings:
        n = int(1.2 * (case.n_ratings - cells.size)) + 1000
        users = rng.integers(case.n_users, size=n)
        items = np.minimum(np.searchsorted(share, rng.random(n) * share[-1]), case.n_items - 1)
        cells = np.unique(np.concatenate([cells, users * case.n_items + items]))
    cells = rng.permutation(cells)[: case.n_ratings]
    levels = rng.integers(STARS.n_levels, size=case.n_ratings).astype(np.uint8)
    users, items = np.divmod(cells, case.n_items)
    return RatingMatrix.build(users, items, levels, shape=(case.n_users, case.n_items))


def learn(file: str, n_items: str, n_hidden: str) -> None:
    """Be the child: print how long an epoch takes and how much memory it ever took."""
    from benchmarks import ours  # the parent needs no machine, nor its memory

    with np.load(file) as stored:
        arrays = stored["indptr"], stored["items"], stored["levels"]
    learning = ours.epochs(RatingMatrix(*arrays, int(n_items)), STARS, n_hidden=int(n_hidden))
    next(learning)
    times = []
    for _ in range(EPOCHS):
        began = time.perf_counter()
        next(learning)
        times.append(time.perf_counter() - began)
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    print(json.dumps({"seconds": float(np.median(times)), "peak": peak * 1024}))


if __name__ == "__main__":
    if sys.argv[1:]:
        learn(*sys.argv[1:])
    else:
        main()
