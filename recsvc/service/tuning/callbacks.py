"""The callbacks of tuning: autopilot and median pruning."""

from recsvc.service.training.callbacks import Callback, CallbackContext
from recsvc.service.tuning.autopilot import Autopilot
from recsvc.service.tuning.median_pruner import MedianPruner


def build_tuning_callbacks(run: CallbackContext) -> list[Callback]:
    """Build the callbacks that the job requests, in the order of their calls."""
    callbacks: list[Callback] = []
    if run.plan.spec.autopilot:
        callbacks.append(Autopilot.from_context(run))
    pruner = MedianPruner.from_job(run.context, run.job, run.plan.hyper)
    if pruner is not None:
        callbacks.append(pruner)
    return callbacks
