"""A look at when ratings were given: what people mean by a value may change."""

from dataclasses import dataclass

import numpy as np

from recsvc.rbm.arrays import Doubles, Ints
from recsvc.rbm.data_profile.issues import MAX_EXAMPLES, DataIssue

N_PERIODS = 10  # stretches of time with about as many ratings each
DRIFT_DEVIATIONS = 0.5  # standard deviations of a rating: a medium effect [Cohen 1988]


@dataclass(frozen=True)
class Days:
    """Ratings added up by the day on which they were given; (n_days,) each, in order.

    days     since 1970, UTC
    counts   of ratings
    sums     of their values
    squares  sums of their squared values
    """

    days: Ints
    counts: Ints
    sums: Doubles
    squares: Doubles


def check_drift(of: Days) -> DataIssue | None:
    """Remark on stretches of time whose ratings are higher or lower than all are."""
    n_ratings = int(of.counts.sum())
    if n_ratings == 0:
        return None
    mean = of.sums.sum() / n_ratings
    deviation = np.sqrt(max(0.0, of.squares.sum() / n_ratings - mean**2))
    middles = np.cumsum(of.counts) - of.counts / 2
    parts = (middles * N_PERIODS / n_ratings).astype(np.int64)
    counts, sums = (np.bincount(parts, of_days, N_PERIODS) for of_days in (of.counts, of.sums))
    means = sums / np.maximum(1, counts)
    (far,) = np.nonzero((counts > 0) & (np.abs(means - mean) > DRIFT_DEVIATIONS * deviation))
    if far.size == 0:
        return None
    count = int(counts[far].sum())
    examples = tuple(
        f"{_date(of.days[parts == part][0])} to {_date(of.days[parts == part][-1])}: "
        f"mean {means[part]:.2f}"
        for part in far[np.argsort(-np.abs(means[far] - mean), kind="stable")][:MAX_EXAMPLES]
    )
    return DataIssue(
        "drift",
        "ratings",
        count,
        count / n_ratings,
        examples,
        f"Ratings of these days lie more than half a standard deviation from the mean of all, "
        f"{mean:.2f}: the scale, the goods or the people changed.",
        "Ratings of all days count alike, and what is learned lies between them. Bring older ones "
        "to the scale of today, or import only those given since.",
    )


def _date(day: np.int64) -> str:
    return str(np.datetime64(int(day), "D"))
