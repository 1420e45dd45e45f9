"""Profile of a snapshot's ratings before training: sizes, distributions and data issues.

A data issue has a count, examples and its effect on training. The thresholds are our own. MovieLens
100K has 3 contrary users of 943, 1 random one and 333 cold items; 1M has 6 of 6,040, 11 and 290.
Neither has other issues.
"""

from dataclasses import dataclass

import numpy as np

from recsvc.rbm.data_profile import drift, user_checks, value_checks
from recsvc.rbm.data_profile.drift import Days
from recsvc.rbm.data_profile.issues import DataIssue
from recsvc.rbm.data_profile.user_checks import agreement_with_others
from recsvc.rbm.snapshot import Snapshot

CHECKS = (*value_checks.VALUE_CHECKS, *user_checks.USER_CHECKS)


@dataclass(frozen=True)
class DataProfile:
    """The size and shape of the ratings, and their data issues.

    missing_share  share of all (user, item) pairs that were neither rated nor chosen
    levels         ratings by value
    """

    n_users: int
    n_items: int
    n_ratings: int
    n_interactions: int
    missing_share: float
    ratings_per_user: float
    ratings_per_item: float
    levels: dict[float, int]
    issues: tuple[DataIssue, ...]


def profile(snapshot: Snapshot, days: Days | None = None) -> DataProfile:
    """Profile all ratings, and their days if known; a snapshot does not have them."""
    n_users, n_items = len(snapshot.users), len(snapshot.items)
    counts = user_checks.count_ratings(snapshot)
    values, n_values = np.unique(snapshot.values, return_counts=True)
    n_ratings, n_events = snapshot.values.size, snapshot.event_users.size
    found = [check(counts) for check in CHECKS] + [
        None if days is None else drift.check_drift(days)
    ]
    return DataProfile(
        n_users,
        n_items,
        n_ratings,
        n_events,
        missing_share=1.0 - _count_pairs(snapshot) / max(1, n_users * n_items),
        ratings_per_user=float(np.median(counts.ratings_by_user)) if n_users else 0.0,
        ratings_per_item=float(np.median(counts.ratings_by_item)) if n_items else 0.0,
        levels=dict(zip(values.tolist(), n_values.tolist(), strict=True)),
        issues=tuple(issue for issue in found if issue is not None),
    )


def _count_pairs(snapshot: Snapshot) -> int:
    """Return the number of (user, item) pairs with a rating or an interaction."""
    n_items = len(snapshot.items)
    rated = snapshot.user_numbers.astype(np.int64) * n_items + snapshot.item_numbers
    chosen = snapshot.event_users.astype(np.int64) * n_items + snapshot.event_items
    return int(np.union1d(rated, chosen).size) if chosen.size else rated.size


__all__ = ["DataIssue", "DataProfile", "Days", "agreement_with_others", "profile"]
