"""Checks on rating values: scales, outliers, imbalance."""

import numpy as np

from recsvc.rbm.arrays import Doubles, Flags
from recsvc.rbm.data_profile.issues import MAX_EXAMPLES, DataIssue, RatingCounts

IMBALANCED_SHARE = 0.9  # share of one value that leaves little information
OUTLIER_RANGES = 3.0  # interquartile ranges beyond a quartile [Tukey 1977]
MAX_OUTLIER_SHARE = 0.01  # share of the ratings
MAIN_SCALE_SHARE = 0.7  # of the ratings, on the most common scale
MIN_SCALE_GAP = 1.8  # times its highest value; the next value of the same scale is nearer
MIN_SCALE_VALUES = 3  # as many other values that are multiples of them are no coincidence
LONG_TAIL_MEDIANS, MANY_VALUES = 20.0, 20  # times the median; distinct values


def _check_mixed_scales(counts: RatingCounts) -> DataIssue | None:
    is_affected = on_another_scale(counts.snapshot.values)
    if not is_affected.any():
        return None
    examples = tuple(
        f"{value:g}" for value in np.unique(counts.snapshot.values[is_affected])[:MAX_EXAMPLES]
    )
    return DataIssue(
        "mixed_scales",
        "ratings",
        int(is_affected.sum()),
        float(is_affected.mean()),
        examples,
        "Most ratings are on one scale, and these on a multiple of it.",
        "Each value becomes a separate level, so that one opinion has two levels. Convert them to "
        "one scale, or exclude them: leave_out=odd_values.",
    )


def on_another_scale(values: Doubles) -> Flags:
    """Return which values are on a multiple of the most common scale, (n_ratings,)."""
    nothing = np.zeros(values.size, dtype=np.bool_)
    distinct, counts = np.unique(values, return_counts=True)
    if distinct.size > 2 * MANY_VALUES or distinct[:1].min(initial=0) < 0:
        return nothing
    for last in np.flatnonzero(np.cumsum(counts) >= MAIN_SCALE_SHARE * values.size):
        own, others = distinct[: last + 1], distinct[last + 1 :]
        if _is_multiple(others, own):
            far: Flags = values >= others[0]
            return far
    return nothing


def _is_multiple(others: Doubles, own: Doubles) -> bool:
    """Return whether all others are values of a scale times the same number.

    Further values of the same scale would be nearer, or fewer than its own.
    """
    if min(own.size, others.size) < 2:
        return False
    is_apart = others[0] > MIN_SCALE_GAP * own[-1]
    is_whole = others.size == own.size >= MIN_SCALE_VALUES
    as_own = others / (others[-1] / own[-1])
    is_scaled = np.isclose(as_own[:, np.newaxis], own).any(axis=1).all()
    return bool((is_apart or is_whole) and is_scaled)


def _check_unscaled_counts(counts: RatingCounts) -> DataIssue | None:
    values = counts.snapshot.values
    distinct = np.unique(values)
    if distinct.size <= MANY_VALUES or distinct[-1] <= LONG_TAIL_MEDIANS * np.median(values):
        return None
    far = values > LONG_TAIL_MEDIANS * np.median(values)
    examples = tuple(f"{value:g}" for value in distinct[-MAX_EXAMPLES:])
    return DataIssue(
        "unscaled_counts",
        "ratings",
        int(far.sum()),
        float(far.mean()),
        examples,
        f"Half of the values are at most {np.median(values):g}, and the largest {distinct[-1]:g}: "
        "these look like counts or amounts, not opinions.",
        "Training sorts them into ten levels of about equal counts. Import purchases or views as "
        "interactions instead.",
    )


def _check_outliers(counts: RatingCounts) -> DataIssue | None:
    values = counts.snapshot.values
    if values.size == 0:
        return None
    is_affected = are_outliers(values)
    if not 0 < is_affected.mean() < MAX_OUTLIER_SHARE:  # frequent values are not outliers
        return None
    low, high = _central_range(values)
    examples = tuple(f"{value:g}" for value in np.unique(values[is_affected])[:MAX_EXAMPLES])
    return DataIssue(
        "outliers",
        "ratings",
        int(is_affected.sum()),
        float(is_affected.mean()),
        examples,
        f"Most ratings are between {low:g} and {high:g}; these are far outside.",
        "They extend the inferred scale. Exclude them (leave_out=odd_values), or set "
        "RECSVC_RATING_SCALE, so that imports refuse them.",
    )


def _check_level_imbalance(counts: RatingCounts) -> DataIssue | None:
    values, n_values = np.unique(counts.snapshot.values, return_counts=True)
    if n_values.size == 0 or n_values.max() / n_values.sum() <= IMBALANCED_SHARE:
        return None
    most = float(values[n_values.argmax()])
    return DataIssue(
        "level_imbalance",
        "ratings",
        int(n_values.max()),
        float(n_values.max() / n_values.sum()),
        (f"{most:g}",),
        f"Nearly all ratings are {most:g}.",
        "A model can learn which items users choose, but hardly how they rate them. Use the lists "
        "of a joint_rbm.",
    )


def are_outliers(values: Doubles) -> Flags:
    """Return which values are more than three interquartile ranges beyond a quartile."""
    low, high = _central_range(values)
    reach = OUTLIER_RANGES * (high - low)
    far: Flags = (values < low - reach) | (values > high + reach)
    return far


def _central_range(values: Doubles) -> tuple[float, float]:
    """Return the quartiles, or the 1 % and 99 % quantiles if the quartiles are equal."""
    low, high = np.quantile(values, [0.25, 0.75])
    if low == high:
        low, high = np.quantile(values, [MAX_OUTLIER_SHARE, 1 - MAX_OUTLIER_SHARE])
    return float(low), float(high)


VALUE_CHECKS = (
    _check_mixed_scales,
    _check_unscaled_counts,
    _check_outliers,
    _check_level_imbalance,
)
