"""Errors of training jobs."""

from collections.abc import Mapping, Sequence

from recsvc.errors.base import InvalidInput, NotFound, RecsvcError, cut, cut_value, quote


class EpochNotWatched(NotFound):
    """Epoch without an inspection"""

    def __init__(self, job_id: int, epoch: int, inspected: Sequence[int]) -> None:
        nearest = min(inspected, key=lambda one: abs(one - epoch), default=None)
        remedy = (
            "No epoch has been inspected yet."
            if nearest is None
            else f"The nearest inspected epoch is {nearest}."
        )
        super().__init__(
            f"Epoch {epoch} of training job {job_id} was not inspected. {remedy}",
            job_id=job_id,
            epoch=epoch,
            nearest=nearest,
        )


class UnknownHyperparameter(InvalidInput):
    """Unknown hyperparameter"""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(
            f"hyperparameters: {quote(name)} does not exist. Available: {', '.join(known)}.",
            field=f"hyperparameters.{cut(name)}",
            known=known,
        )


class InvalidHyperparameter(InvalidInput):
    """Invalid hyperparameter value"""

    def __init__(self, name: str, value: object, allowed: str) -> None:
        super().__init__(
            f"hyperparameters.{name} is {quote(value)}; it must be {allowed}.",
            field=f"hyperparameters.{name}",
            value=cut_value(value),
            allowed=allowed,
        )


class TrainingTooLong(InvalidInput):
    """Training too long"""

    def __init__(
        self, chosen: Mapping[str, object], estimated_seconds: float, limit_seconds: float
    ) -> None:
        super().__init__(
            f"{_join(chosen)}: all epochs would take about {_duration(estimated_seconds)}, and a "
            f"job is stopped after {_duration(limit_seconds)}. Reduce epochs or n_hidden.",
            errors=_field_errors(chosen),
            estimated_seconds=round(estimated_seconds),
            limit_seconds=limit_seconds,
        )


class TrainingTooLarge(InvalidInput):
    """Training too large"""

    def __init__(self, chosen: Mapping[str, object], needed_bytes: int, limit_bytes: int) -> None:
        what = f"{_join(chosen)}: training" if chosen else "Reading the ratings"
        super().__init__(
            f"{what} needs about {needed_bytes / 1e6:,.0f} MB, and the limit is "
            f"{limit_bytes / 1e6:,.0f} MB.",
            errors=_field_errors(chosen),
            needed_bytes=needed_bytes,
            limit_bytes=limit_bytes,
        )


def _join(chosen: Mapping[str, object]) -> str:
    return ", ".join(f"hyperparameters.{name} is {value}" for name, value in chosen.items())


def _field_errors(chosen: Mapping[str, object]) -> list[dict[str, object]]:
    return [
        {
            "field": f"hyperparameters.{name}",
            "detail": f"hyperparameters.{name} is {value}; reduce it.",
            "value": value,
        }
        for name, value in chosen.items()
    ]


def _duration(seconds: float) -> str:
    """Return a duration in its largest fitting unit."""
    for unit, length in (("days", 172_800), ("hours", 7200), ("minutes", 120)):
        if seconds >= length:
            per_unit = {"days": 86_400, "hours": 3600, "minutes": 60}[unit]
            return f"{seconds / per_unit:,.0f} {unit}"
    return f"{seconds:,.0f} seconds"


class TrainingFailed(RecsvcError):
    """Training failed"""


class TooFewRatings(TrainingFailed):
    """Too few ratings"""

    def __init__(self, n_ratings: int, n_users: int, n_items: int, least: str) -> None:
        super().__init__(
            f"There are {n_ratings} ratings by {n_users} users of {n_items} items; training needs "
            f"{least}.",
            n_ratings=n_ratings,
            n_users=n_users,
            n_items=n_items,
        )


class IdenticalRatings(TrainingFailed):
    """Identical ratings"""

    def __init__(self, value: float) -> None:
        super().__init__(
            f"All ratings have the value {value:g}, so there is no preference to learn. "
            "Send ratings with different values.",
            value=value,
        )


class NotEnoughMemory(TrainingFailed):
    """Not enough memory"""

    def __init__(self, needed_bytes: int, available_bytes: int) -> None:
        super().__init__(
            f"Training needs about {needed_bytes / 1e6:,.0f} MB and "
            f"{available_bytes / 1e6:,.0f} MB are available.",
            needed_bytes=needed_bytes,
            available_bytes=available_bytes,
        )


class Diverged(TrainingFailed):
    """Training diverged"""

    def __init__(self, epoch: int, learning_rate: float) -> None:
        self.epoch = epoch
        super().__init__(
            f"A parameter became non-finite in epoch {epoch} at learning rate "
            f"{learning_rate:g}. Train again with learning_rate {learning_rate / 10:g}.",
            epoch=epoch,
            learning_rate=learning_rate,
        )
