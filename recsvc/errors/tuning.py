"""Errors of sweeps and of autopilot."""

from recsvc.errors.base import Conflict, InvalidInput, NotFound, cut, cut_value, quote
from recsvc.errors.training import TrainingFailed


class SweepNotFound(NotFound):
    """Sweep not found"""

    def __init__(self, sweep_id: int) -> None:
        super().__init__(f"There is no sweep {sweep_id}.", sweep_id=sweep_id)


class SweepFinished(Conflict):
    """Sweep already finished"""

    def __init__(self, sweep_id: int) -> None:
        super().__init__(
            f"All trials of sweep {sweep_id} have finished; none can be cancelled.",
            sweep_id=sweep_id,
        )


class InvalidSweep(InvalidInput):
    """Invalid sweep"""

    def __init__(self, field: str, value: object, remedy: str) -> None:
        shown = cut(value) if isinstance(value, str) else quote(value)
        super().__init__(
            f"{cut(field)} is {shown}; {remedy}", field=cut(field), value=cut_value(value)
        )


class Hopeless(TrainingFailed):
    """Stopped by autopilot: persistent problem"""

    def __init__(self, epoch: int, finding: str) -> None:
        super().__init__(
            f"The last epochs all had the finding {finding}, so autopilot stopped this job. It "
            "continues in another job if the diagnosis suggests a change that was not tried.",
            epoch=epoch,
            finding=finding,
        )


class ChangeNotKept(TrainingFailed):
    """Stopped by autopilot: change without improvement"""

    def __init__(self, epoch: int) -> None:
        super().__init__(
            f"At epoch {epoch} the loss was no lower than without the change, so autopilot undid "
            "it. It continues in another job if the diagnosis suggests a change that was not "
            "tried.",
            epoch=epoch,
        )


class StoppedEarly(TrainingFailed):
    """Trial pruned"""

    def __init__(self, sweep_id: int, epoch: int, metric: str, best: float) -> None:
        super().__init__(
            f"Up to epoch {epoch} the best {metric} of the trial, {best:.4g}, was worse than the "
            f"median of the other trials of sweep {sweep_id}. Set early_stopping to false to train "
            "all trials to the end.",
            sweep_id=sweep_id,
            epoch=epoch,
            metric=metric,
            best=best,
        )
