"""Looks at the values that were given, whoever gave them."""

import numpy as np

from recsvc.rbm.arrays import Doubles, Flags
from recsvc.rbm.data_profile.issues import MAX_EXAMPLES, DataIssue, RatingCounts

IMBALANCED_SHARE = 0.9  # the share of one level that leaves little to tell
OUTLIER_RANGES = 3.0  # interquartile ranges beyond a quartile [Tukey 1977]
MAX_OUTLIER_SHARE = 0.01  # share of the ratings
MAIN_SCALE_SHARE = 0.7  # share of the ratings that are given on the scale that most users mean
MIN_SCALE_GAP = 1.8  # times the highest of it; the next of the same scale is nearer
MIN_SCALE_VALUES = 3  # values; as many others that are multiples of them are no coincidence
LONG_TAIL_MEDIANS, MANY_VALUES = 20.0, 20  # times the median; distinct values


def _check_mixed_scales(counted: RatingCounts) -> DataIssue | None:
    odd = on_another_scale(counted.snapshot.values)
    if not odd.any():
        return None
    examples = tuple(
        f"{value:g}" for value in np.unique(counted.snapshot.values[odd])[:MAX_EXAMPLES]
    )
    return DataIssue(
        "mixed_scales",
        "ratings",
        int(odd.sum()),
        float(odd.mean()),
        examples,
        "Most ratings are given on one scale, and these on a multiple of it.",
        "Each value becomes a level of its own, so that the same opinion is two. Bring them to one "
        "scale, or have them left out: leave_out=odd_values.",
    )


def on_another_scale(values: Doubles) -> Flags:
    """Tell which values lie on a multiple of the scale that most of them lie on."""
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
    """Tell whether all others are values of a scale times the same number.

    The next values of one and the same scale would be nearer; or fewer than its own.
    """
    if min(own.size, others.size) < 2:
        return False
    is_apart = others[0] > MIN_SCALE_GAP * own[-1]
    is_whole = others.size == own.size >= MIN_SCALE_VALUES
    as_own = others / (others[-1] / own[-1])
    are_own = np.isclose(as_own[:, np.newaxis], own).any(axis=1).all()
    return bool((is_apart or is_whole) and are_own)


def _check_unscaled_counts(counted: RatingCounts) -> DataIssue | None:
    values = counted.snapshot.values
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
        "these are counts or amounts, no opinions.",
        "They are put into ten levels of about equal counts. Send them as purchases or views "
        "instead, if that is what they are.",
    )


def _check_outliers(counted: RatingCounts) -> DataIssue | None:
    values = counted.snapshot.values
    if values.size == 0:
        return None
    odd = are_outliers(values)
    if not 0 < odd.mean() < MAX_OUTLIER_SHARE:  # of values that many give, the range is to blame
        return None
    low, high = _central_range(values)
    examples = tuple(f"{value:g}" for value in np.unique(values[odd])[:MAX_EXAMPLES])
    return DataIssue(
        "outliers",
        "ratings",
        int(odd.sum()),
        float(odd.mean()),
        examples,
        f"Most ratings lie between {low:g} and {high:g}; these lie far outside.",
        "They stretch the scale that is inferred. Leave them out, leave_out=odd_values, or declare "
        "RECSVC_RATING_SCALE, and they are refused by name.",
    )


def _check_level_imbalance(counted: RatingCounts) -> DataIssue | None:
    values, counts = np.unique(counted.snapshot.values, return_counts=True)
    if counts.size == 0 or counts.max() / counts.sum() <= IMBALANCED_SHARE:
        return None
    most = float(values[counts.argmax()])
    return DataIssue(
        "level_imbalance",
        "ratings",
        int(counts.max()),
        float(counts.max() / counts.sum()),
        (f"{most:g}",),
        f"Nearly all ratings are {most:g}.",
        "What is chosen can be learned, how it is liked hardly: lists by joint_rbm are what to "
        "expect of them.",
    )


def are_outliers(values: Doubles) -> Flags:
    """Tell which values lie more than three interquartile ranges beyond a quartile."""
    low, high = _central_range(values)
    reach = OUTLIER_RANGES * (high - low)
    far: Flags = (values < low - reach) | (values > high + reach)
    return far


def _central_range(values: Doubles) -> tuple[float, float]:
    """Give the quartiles; where half of the values are the same, what all but a few lie between."""
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
