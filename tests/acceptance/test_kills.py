"""A twentieth of benchmarks/kills.py: nothing acknowledged is lost, and no job ends twice."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import pytest

from benchmarks.kills import Outcome, kill_api, kill_workers, lock_database

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]


@pytest.mark.parametrize(
    ("act", "happened"),
    [
        (partial(kill_api, n_kills=2), {"API processes killed": 2}),
        (partial(kill_workers, n_kills=1), {"workers or job processes killed": 1, "jobs": 1}),
        (partial(lock_database, seconds=3), {"seconds locked": 3, "jobs": 1}),
    ],
    ids=["API", "worker", "locked database"],
)
def test_service_under_load_loses_nothing(
    act: Callable[[Outcome, Path, Random], None], happened: dict[str, int], tmp_path
):
    found = Outcome("round", "SQLite")

    act(found, tmp_path, Random(1))

    assert not found.failures(), (found.counts, found.notes)
    assert found.counts["ratings acknowledged"] > 0
    assert all(found.counts[name] >= n for name, n in happened.items()), found.counts
    if "seconds locked" in happened:
        assert found.counts["writes refused while locked"] > 0
        assert found.counts["lists while locked"] > 0
        assert found.ready_seconds < float("inf")
