"""The path of a training job through the service stays short."""

import runpy
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "scripts" / "trace_training.py"


def test_training_job_is_followed_through_few_modules():
    trace = runpy.run_path(str(SCRIPT))["trace"]

    job = trace(follow_all=False)

    assert job.visits[0] == "recsvc.service.training.training_job"
    assert len(job.visits) <= 9
    assert len(job.moves_up) <= 2
