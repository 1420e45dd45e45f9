"""A check for drift: the mean rating may change over time."""

from dataclasses import dataclass

import numpy as np

from recsvc.rbm.arrays import Doubles, Ints
from recsvc.rbm.data_profile.issues import MAX_EXAMPLES, DataIssue

N_PERIODS = 10  # with about equal numbers of ratings
DRIFT_DEVIATIONS = 0.5  # standard deviations of a rating: a medium effect [Cohen 1988]


@dataclass(frozen=True)
class Days:
    """Sums of ratings by day; all arrays are (n_days,), in order.

    days     since 1970, UTC
    counts   of ratings
    sums     of their values
    squares  sums of their squared values
    """

    days: Ints
    counts: Ints
    sums: Doubles
    squares: Doubles


def check_drift(days: Days) -> DataIssue | None:
    """Check for periods whose mean differs from the mean of all ratings."""
    n_ratings = int(days.counts.sum())
    if n_ratings == 0:
        return None
    mean = days.sums.sum() / n_ratings
    deviation = np.sqrt(max(0.0, days.squares.sum() / n_ratings - mean**2))
    middles = np.cumsum(days.counts) - days.counts / 2
    periods = (middles * N_PERIODS / n_ratings).astype(np.int64)
    counts, sums = (np.bincount(periods, daily, N_PERIODS) for daily in (days.counts, days.sums))
    means = sums / np.maximum(1, counts)
    (far,) = np.nonzero((counts > 0) & (np.abs(means - mean) > DRIFT_DEVIATIONS * deviation))
    if far.size == 0:
        return None
    count = int(counts[far].sum())
    examples = tuple(
        f"{_date(days.days[periods == period][0])} to {_date(days.days[periods == period][-1])}: "
        f"mean {means[period]:.2f}"
        for period in far[np.argsort(-np.abs(means[far] - mean), kind="stable")][:MAX_EXAMPLES]
    )
    return DataIssue(
        "drift",
        "ratings",
        count,
        count / n_ratings,
        examples,
        f"The mean rating of these days is more than half a standard deviation away from the mean "
        f"of all, {mean:.2f}. The scale, the items or the users have changed.",
        "Training weights the ratings of all days equally. Convert older ratings to the current "
        "scale, or import only those after the change.",
    )


def _date(day: np.int64) -> str:
    return str(np.datetime64(int(day), "D"))
