"""Rules on a run that makes no progress."""

from recsvc.rbm.diagnosis.finding import Evidence, Finding
from recsvc.rbm.diagnosis.rule import rule
from recsvc.rbm.diagnosis.run import RunRecord

STALLED_SECONDS = 1800.0  # [SM]


@rule(code="stalled", family="liveness", order=400)
def stall(run: RunRecord) -> Finding | None:
    """No epoch ended in the last half hour, although the run is not over."""
    if run.is_over or run.idle_seconds <= STALLED_SECONDS:
        return None
    seen = Evidence("seconds since the last epoch", run.idle_seconds, STALLED_SECONDS, "SM")
    cause = "No epoch has ended for a long time: the worker hangs, or the machine is overloaded."
    at = (run.last_epoch, run.last_epoch)
    return Finding("stalled", "problem", at, (seen,), cause, None, 0.7)
