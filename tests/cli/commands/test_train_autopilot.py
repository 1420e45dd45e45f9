"""What is said of the way that autopilot goes."""

import pytest

from recsvc.cli.commands.train import format_autopilot_outcome, format_try

WHY = "6 changes were tried"


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ({"next_job_id": 9}, "Autopilot continues with training job 9: recsvc jobs show 9"),
        (
            {"next_job_id": None, "autopilot_end": {"because": WHY, "best_job_id": 3}},
            f"Autopilot ended: {WHY}. The best job is job 3: recsvc jobs show 3",
        ),
        (
            {"autopilot_end": {"because": WHY, "best_job_id": 7}},
            f"Autopilot ended: {WHY}. The best job is this job.",
        ),
        (
            {"autopilot_end": {"because": WHY, "best_job_id": None}},
            f"Autopilot ended: {WHY}.",
        ),
        ({"next_job_id": None, "autopilot_end": None}, None),
        ({}, None),
    ],
)
def test_format_autopilot_outcome_names_next_job_or_end(job, said):
    assert format_autopilot_outcome({"id": 7, **job}) == said


def test_format_try_prints_change_and_job():
    trying = {"hyperparameter": "n_hidden", "from": 100.0, "to": 25.0}

    assert (
        format_try({"id": 7, "trying": trying})
        == "Autopilot tries n_hidden 100 → 25: training job 7."
    )
