"""Errors of training jobs."""

from collections.abc import Sequence

from recsvc.errors.base import InvalidInput, NotFound, RecsvcError


class EpochNotWatched(NotFound):
    """No look was taken at this epoch"""

    def __init__(self, job_id: int, epoch: int, watched: Sequence[int]) -> None:
        nearest = min(watched, key=lambda one: abs(one - epoch), default=None)
        remedy = "None was yet." if nearest is None else f"The nearest that was is {nearest}."
        super().__init__(
            f"Epoch {epoch} of training job {job_id} was not looked at. {remedy}",
            job_id=job_id,
            epoch=epoch,
            nearest=nearest,
        )


class UnknownHyperparameter(InvalidInput):
    """No such hyperparameter"""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(
            f"hyperparameters has {name!r}, which does not exist. Known: {', '.join(known)}.",
            field=f"hyperparameters.{name}",
            known=known,
        )


class InvalidHyperparameter(InvalidInput):
    """Hyperparameter cannot have this value"""

    def __init__(self, name: str, value: object, allowed: str) -> None:
        super().__init__(
            f"hyperparameters.{name} is {value!r}; it must be {allowed}.",
            field=f"hyperparameters.{name}",
            value=value,
            allowed=allowed,
        )


class TrainingFailed(RecsvcError):
    """Training could not be carried out"""


class TooFewRatings(TrainingFailed):
    """Too few ratings to train on"""

    def __init__(self, n_ratings: int, n_users: int, n_items: int, least: str) -> None:
        super().__init__(
            f"There are {n_ratings} ratings by {n_users} users of {n_items} items; training needs "
            f"{least}.",
            n_ratings=n_ratings,
            n_users=n_users,
            n_items=n_items,
        )


class IdenticalRatings(TrainingFailed):
    """All ratings have the same value"""

    def __init__(self, value: float) -> None:
        super().__init__(
            f"Every rating is {value:g}: there is no preference to learn. "
            "Send ratings of more than one value.",
            value=value,
        )


class NotEnoughMemory(TrainingFailed):
    """Job would not fit in memory"""

    def __init__(self, needed_bytes: int, available_bytes: int) -> None:
        super().__init__(
            f"Training would need about {needed_bytes / 1e6:,.0f} MB and "
            f"{available_bytes / 1e6:,.0f} MB are available.",
            needed_bytes=needed_bytes,
            available_bytes=available_bytes,
        )


class Diverged(TrainingFailed):
    """Training diverged"""

    def __init__(self, epoch: int, learning_rate: float) -> None:
        self.epoch = epoch
        super().__init__(
            f"A parameter stopped being finite in epoch {epoch} at learning rate "
            f"{learning_rate:g}. Train again with learning_rate {learning_rate / 10:g}.",
            epoch=epoch,
            learning_rate=learning_rate,
        )
