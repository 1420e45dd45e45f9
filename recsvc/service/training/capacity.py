"""Capacity: whether a requested training can end within the limits of time and memory.

The check precedes the queue, so it refuses only what is clearly impossible. A job is checked again
when it starts, and stopped at its limit of time.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from recsvc.compute.estimates import (
    BYTES_PER_RATING,
    estimate_bytes,
    estimate_seconds,
    measure_product_rate,
)
from recsvc.compute.machine_memory import total_bytes
from recsvc.db.catalog import items
from recsvc.db.feedback import interactions, ratings
from recsvc.db.session import reading
from recsvc.errors import RecsvcError, TrainingTooLarge, TrainingTooLong
from recsvc.rbm.auto_hyperparameters import DataShape
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.service.context import Context
from recsvc.service.training_spec import TrainingSpec

LIKELY_LEVELS = 10  # if no rating scale is configured
FEWEST_LEVELS = 2
MARGIN = 3.0  # a worker may be faster, and training may stop before its last epoch
MAX_AGE_SECONDS = 60.0
TIME_DRIVERS = ("n_hidden", "epochs", "cd_steps", "final_cd_steps", "candidates", "rating_epochs")
MEMORY_DRIVERS = ("n_hidden", "candidates", "batch_size", "rating_epochs")
FIRST_DRIVERS = {TIME_DRIVERS: ("n_hidden", "epochs"), MEMORY_DRIVERS: ("n_hidden",)}


@dataclass(frozen=True)
class Capacity:
    """The stored data, the speed of this process, and the limits of a training job.

    shape          counts alone, with the likely number of levels
    rate           result of `measure_product_rate`
    limit_seconds  after which a job is stopped
    limit_bytes    the configured limit, else all memory of this machine
    """

    shape: DataShape
    rate: float
    limit_seconds: float
    limit_bytes: int

    def check(self, spec: TrainingSpec) -> None:
        """Raise TrainingTooLong or TrainingTooLarge for a training that is clearly impossible.

        Raises UnknownHyperparameter, InvalidHyperparameter.
        """
        if (problem := self.find_problem(spec)) is not None:
            raise problem

    def find_problem(self, spec: TrainingSpec) -> RecsvcError | None:
        """Return the error that `check` raises for limits, None if there is none."""
        hyper, _ = spec.resolve_hyperparameters(self.shape)
        needed = estimate_bytes(self.shape, spec.model_kind, hyper)
        if needed > self.limit_bytes:
            return TrainingTooLarge(
                _name_drivers(spec, hyper, MEMORY_DRIVERS), needed, self.limit_bytes
            )
        seconds = self.estimate_seconds(spec)
        if seconds > MARGIN * self.limit_seconds:
            return TrainingTooLong(
                _name_drivers(spec, hyper, TIME_DRIVERS), seconds, self.limit_seconds
            )
        return None

    def estimate_seconds(self, spec: TrainingSpec) -> float:
        """Estimate the seconds of all epochs, with the fewest levels that ratings may have."""
        shape = self.shape
        if shape.n_levels == LIKELY_LEVELS:
            shape = shape._replace(n_levels=FEWEST_LEVELS)
        hyper, _ = spec.resolve_hyperparameters(shape)
        return estimate_seconds(shape, spec.model_kind, hyper, rate=self.rate)

    def check_reading(self) -> None:
        """Raise TrainingTooLarge if not even the ratings fit into the memory."""
        needed = BYTES_PER_RATING * self.shape.n_ratings
        if needed > self.limit_bytes:
            raise TrainingTooLarge({}, needed, self.limit_bytes)


class CapacityMeter:
    """The capacity of a process, measured again after MAX_AGE_SECONDS. Thread-safe."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._latest: Capacity | None = None
        self._measured_at = float("-inf")

    def read(self) -> Capacity:
        """Return the capacity; its rate is the best one so far, when other work was least."""
        with self._lock:
            if self._latest is None or time.monotonic() - self._measured_at > MAX_AGE_SECONDS:
                best = self._latest.rate if self._latest else 0.0
                self._latest = measure_capacity(self._context, best_rate=best)
                self._measured_at = time.monotonic()
            return self._latest


def measure_capacity(context: Context, *, best_rate: float = 0.0) -> Capacity:
    """Count the data and measure the speed.

    best_rate  of earlier measurements
    """
    limit = context.memory_limit_bytes
    return Capacity(
        shape=count_data(context),
        rate=max(best_rate, measure_product_rate()),
        limit_seconds=3600 * context.max_job_hours,
        limit_bytes=total_bytes() if limit is None else limit,
    )


def count_data(context: Context) -> DataShape:
    """Return the shape of the data from counts alone; ten levels if no scale is configured."""
    with reading(context.database) as session:
        n_ratings = ratings.count_ratings(session) + interactions.count_interactions(session)
        n_users, n_items = ratings.count_users(session), items.count_items(session)
    scale = context.rating_scale
    return DataShape(n_users, n_items, n_ratings, scale.n_levels if scale else LIKELY_LEVELS)


def _name_drivers(
    spec: TrainingSpec, hyper: Hyperparameters, drivers: Sequence[str]
) -> dict[str, object]:
    """Return the requested hyperparameters among the drivers; the first ones if there is none."""
    chosen = [name for name in drivers if name in spec.hyperparameters]
    return {name: getattr(hyper, name) for name in chosen or FIRST_DRIVERS[tuple(drivers)]}
