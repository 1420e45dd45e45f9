"""Rules on a run that makes no progress."""

from recsvc.rbm.diagnosis.finding import Evidence, Finding
from recsvc.rbm.diagnosis.rule import rule
from recsvc.rbm.diagnosis.run import RunRecord

STALLED_SECONDS = 1800.0  # [SM]


@rule(code="stalled", family="liveness", order=400)
def stall(run: RunRecord) -> Finding | None:
    """No epoch has come for half an hour, though the run goes on."""
    if run.is_over or run.idle_seconds <= STALLED_SECONDS:
        return None
    seen = Evidence("seconds since the last epoch", run.idle_seconds, STALLED_SECONDS, "SM")
    cause = "No epoch has come for long: its worker hangs, or the machine has too much to do."
    at = (run.last_epoch, run.last_epoch)
    return Finding("stalled", "problem", at, (seen,), cause, None, 0.7)
