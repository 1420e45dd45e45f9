"""Errors of sweeps and of autopilot."""

from recsvc.errors.base import Conflict, InvalidInput, NotFound
from recsvc.errors.training import TrainingFailed


class SweepNotFound(NotFound):
    """No such sweep"""

    def __init__(self, sweep_id: int) -> None:
        super().__init__(f"There is no sweep {sweep_id}.", sweep_id=sweep_id)


class SweepFinished(Conflict):
    """Sweep is already finished"""

    def __init__(self, sweep_id: int) -> None:
        super().__init__(
            f"All trials of sweep {sweep_id} are over; there is nothing left to cancel.",
            sweep_id=sweep_id,
        )


class InvalidSweep(InvalidInput):
    """Sweep cannot be made"""

    def __init__(self, field: str, value: object, remedy: str) -> None:
        super().__init__(f"{field} is {value}; {remedy}", field=field, value=value)


class Hopeless(TrainingFailed):
    """Training was stopped: it would not have got better"""

    def __init__(self, epoch: int, finding: str) -> None:
        super().__init__(
            f"The same problem, {finding}, was found in each of the last epochs. Autopilot stopped "
            "this job; it goes on from here in another one where the diagnosis suggests a change "
            "that was not tried.",
            epoch=epoch,
            finding=finding,
        )


class ChangeNotKept(TrainingFailed):
    """The change that autopilot tried did not help"""

    def __init__(self, epoch: int) -> None:
        super().__init__(
            f"By epoch {epoch} the loss was no lower than without the change. Autopilot undid it, "
            "and tries another one in a further job where the diagnosis suggests one that was "
            "not tried.",
            epoch=epoch,
        )


class StoppedEarly(TrainingFailed):
    """Training was stopped: most of its sweep was better by then"""

    def __init__(self, sweep_id: int, epoch: int, metric: str, best: float) -> None:
        super().__init__(
            f"By epoch {epoch} its best {metric}, {best:.4g}, was worse than the median of the "
            f"other trials of sweep {sweep_id}. Set early_stopping to false to train all to their "
            "end.",
            sweep_id=sweep_id,
            epoch=epoch,
            metric=metric,
            best=best,
        )
