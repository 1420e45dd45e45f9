"""A job on autopilot says whether another one follows, and if none does, why."""

import pytest

from recsvc.db.tables import Job
from recsvc.errors import AttemptsExhausted, ChangeNotKept, Hopeless, TooFewRatings
from recsvc.service.training_spec import TrainingSpec
from recsvc.service.tuning.autopilot_outcome import read_outcome

CHANGE = {"hyperparameter": "learning_rate", "before": 2.0, "to": 0.2}
TRYING = {"trying": CHANGE, "retry_of": 3}
FIVE_BEFORE = {"tried": [{**CHANGE, "job_id": 2, "kept": False}] * 5}
NO_OTHER = "the diagnosis suggests no other change that it may try"
HOPELESS, NOT_KEPT = Hopeless(9, "overfit").as_dict(), ChangeNotKept(9).as_dict()
FEW, LOST = TooFewRatings(1, 1, 1, "20").as_dict(), AttemptsExhausted(7, 3, "silence").as_dict()


def job(state: str, error=None, *, note=None, autopilot=True, **spec) -> Job:
    asked = TrainingSpec(autopilot=autopilot, **spec)
    return Job(id=7, state=state, error=error, spec=asked.as_dict(), progress_note=note)


@pytest.mark.parametrize(
    ("ended", "because", "best"),
    [
        (job("succeeded"), NO_OTHER, 7),
        (job("succeeded", **TRYING), NO_OTHER, 7),
        (job("succeeded", **TRYING, **FIVE_BEFORE), "6 changes were tried", 7),
        (job("failed", HOPELESS), NO_OTHER, 7),
        (job("failed", NOT_KEPT, **TRYING), NO_OTHER, 3),
        (job("failed", NOT_KEPT, **TRYING, **FIVE_BEFORE), "6 changes were tried", 3),
        (job("failed", FEW), NO_OTHER, None),
        (job("failed", LOST, **TRYING, **FIVE_BEFORE), "the job was given up", 3),
        (job("cancelled", **TRYING), "the job was cancelled", 3),
        (job("cancelled"), "the job was cancelled", None),
    ],
)
def test_autopilot_outcome_has_reason_and_best_job(ended, because, best):
    assert read_outcome(ended) == (because, best)


@pytest.mark.parametrize(
    "going_on",
    [
        job("queued"),
        job("running", **TRYING),
        job("failed", HOPELESS, note={"next_job_id": 8}),
        job("succeeded", note={"next_job_id": 8}),
        job("succeeded", autopilot=False),
    ],
)
def test_autopilot_outcome_is_none_while_autopilot_continues(going_on):
    assert read_outcome(going_on) is None


@pytest.mark.parametrize("error", [HOPELESS, NOT_KEPT])
def test_autopilot_errors_do_not_mention_next_job(error):
    assert "next_job_id" not in error["detail"]
    assert "if the diagnosis suggests" in error["detail"]
