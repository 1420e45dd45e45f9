"""A twentieth of `python -m benchmarks many_workers`: real workers on one queue, and kills."""

import pytest

from benchmarks.many_workers import measure

N_JOBS, N_WORKERS, N_KILLS = 100, 4, 1


@pytest.mark.slow
def test_workers_with_kills_claim_and_finish_each_job_once(database_url, tmp_path):
    found = measure("", database_url, tmp_path, N_JOBS, N_WORKERS, kills=N_KILLS)

    counts = found.counts
    assert counts["kills"] == N_KILLS
    assert counts["jobs"] == counts["succeeded"] == counts["ratings added"] == N_JOBS
    assert counts["claims"] == N_JOBS + N_KILLS
    assert counts["taken over"] == N_KILLS
    assert counts["duplicates"] == counts["not ended once"] == counts["fence differs"] == 0
