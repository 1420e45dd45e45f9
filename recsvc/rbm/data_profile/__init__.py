"""What a snapshot's ratings are like, before anything is learned from them.

A remark says what is odd, of how many, with examples, and what training will do about it; where
there is none, the data are as a recommender wants them. Seen with thresholds of our own: MovieLens
100K has 3 contrary raters of 943, 1 who seems to rate at random and 333 cold items, 1M 6 of 6,040,
11 and 290, and no other remark.
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
    """The size and shape of the ratings, and what is odd about them.

    missing_share  of all (user, item) pairs: neither rated nor chosen
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
    remarks: tuple[DataIssue, ...]


def profile(snapshot: Snapshot, days: Days | None = None) -> DataProfile:
    """Look at all ratings, and at their days, which a snapshot does not know."""
    n_users, n_items = len(snapshot.users), len(snapshot.items)
    counted = user_checks.count_ratings(snapshot)
    by_user, of_item = counted.by_user, counted.of_item
    values, counts = np.unique(snapshot.values, return_counts=True)
    n_ratings, n_events = snapshot.values.size, snapshot.event_users.size
    looks = [look(counted) for look in CHECKS] + [None if days is None else drift.check_drift(days)]
    return DataProfile(
        n_users,
        n_items,
        n_ratings,
        n_events,
        missing_share=1.0 - _count_pairs(snapshot) / max(1, n_users * n_items),
        ratings_per_user=float(np.median(by_user)) if n_users else 0.0,
        ratings_per_item=float(np.median(of_item)) if n_items else 0.0,
        levels=dict(zip(values.tolist(), counts.tolist(), strict=True)),
        remarks=tuple(remark for remark in looks if remark is not None),
    )


def _count_pairs(snapshot: Snapshot) -> int:
    """Count the (user, item) pairs of which something is known."""
    n_items = len(snapshot.items)
    rated = snapshot.user_numbers.astype(np.int64) * n_items + snapshot.item_numbers
    chosen = snapshot.event_users.astype(np.int64) * n_items + snapshot.event_items
    return int(np.union1d(rated, chosen).size) if chosen.size else rated.size


__all__ = ["DataIssue", "DataProfile", "Days", "agreement_with_others", "profile"]
