"""Checks on users: bots, duplicates and other unusual raters."""

import numpy as np
from numpy.typing import NDArray

from recsvc.rbm.arrays import Doubles, Flags, Ints
from recsvc.rbm.data_profile.issues import (
    MIN_RATINGS,
    DataIssue,
    RatingCounts,
    find_issue,
    find_user_issue,
)
from recsvc.rbm.snapshot import Snapshot

MIN_EVENTS = 5  # ratings or interactions of a user or an item
SPARSE_TABLE_SHARE = 0.1  # of the users
ACTIVITY_DEVIATIONS = 6.0  # robust standard deviations of the logarithm of counts
MAD_TO_DEVIATION = 1.4826  # of a normal distribution [Rousseeuw, Croux 1993]
CONTRARY_AGREEMENT = -0.4  # correlation with the means of others
RANDOM_AGREEMENT = 0.1  # correlation within one or two standard errors of 0
MIN_RATINGS_FOR_RANDOM = 200
WHOLE_CATALOGUE_SHARE = 0.9  # of a catalogue too large to rate by hand
LARGE_CATALOGUE_ITEMS = 100  # items
MIN_USERS = 100


def _check_agreement(counts: RatingCounts) -> DataIssue | None:
    known = counts.agreement[~np.isnan(counts.agreement)]
    apart = int((known < RANDOM_AGREEMENT).sum())
    if known.size < MIN_USERS or 2 * apart <= known.size:
        return None
    return DataIssue(
        "no_agreement",
        "users",
        apart,
        apart / counts.ratings_by_user.size,
        (),
        "Most users' ratings do not correlate with the ratings of others for the same items.",
        "If values and ids were mixed up, nothing can be learned: check the rows of the import. If "
        "tastes are opposite, training works, as its error curve shows.",
    )


def _check_duplicate_users(counts: RatingCounts) -> DataIssue | None:
    return find_user_issue(
        counts,
        "duplicate_users",
        duplicate_users(counts.snapshot, counts.ratings_by_user),
        f"All their ratings, {MIN_RATINGS} or more, equal those of another user: one person with "
        "several ids, or data sent twice.",
        "Their ratings count several times, and the copies reveal validation ratings, so metrics "
        "are too good. Exclude them: leave_out=odd_raters.",
    )


def duplicate_users(snapshot: Snapshot, by_user: Ints) -> Flags:
    """Return which users have the same ratings as a user with a lower number, (n_users,)."""
    hashes = _mix(snapshot.item_numbers.astype(np.uint64) ^ _mix(snapshot.values.view("u8")))
    sums = np.zeros(by_user.size, dtype=np.uint64)
    np.add.at(sums, snapshot.user_numbers, hashes)
    _, first, inverse = np.unique(sums, return_index=True, return_inverse=True)
    is_duplicate: Flags = (first[inverse] != np.arange(sums.size)) & (by_user >= MIN_RATINGS)
    return is_duplicate


def _mix(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return hashes that spread over all 64 bits [SplitMix64, Steele 2014]."""
    spread = (numbers + np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9)
    return (spread ^ (spread >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)


def _check_constant_users(counts: RatingCounts) -> DataIssue | None:
    return find_user_issue(
        counts,
        "constant_raters",
        are_constant(counts),
        f"They gave {MIN_RATINGS} ratings or more, all of one value.",
        "The model learns from the items they chose, but not from their ratings. Exclude them if "
        "there are many: leave_out=odd_raters.",
    )


def are_constant(counts: RatingCounts) -> Flags:
    """Return which users give all items the same value, (n_users,)."""
    users, values = counts.snapshot.user_numbers, counts.snapshot.values
    lowest = np.full(counts.ratings_by_user.size, np.inf)
    highest = np.full(counts.ratings_by_user.size, -np.inf)
    np.minimum.at(lowest, users, values)
    np.maximum.at(highest, users, values)
    constant: Flags = (counts.ratings_by_user >= MIN_RATINGS) & (lowest == highest)
    return constant


def _check_suspicious_users(counts: RatingCounts) -> DataIssue | None:
    return find_user_issue(
        counts,
        "suspicious_raters",
        are_suspicious(counts),
        "They have far more ratings and interactions than other users, or rated nearly all items: "
        "bots or shared accounts.",
        "Very active users dominate training. Exclude them (leave_out=odd_raters) or delete bot "
        "accounts.",
    )


def are_suspicious(counts: RatingCounts) -> Flags:
    """Return which users are far more active than others, or rated nearly all, (n_users,)."""
    logs = np.log(np.maximum(counts.events_by_user, 1))
    middle = np.median(logs) if logs.size else 0.0
    spread = MAD_TO_DEVIATION * np.median(np.abs(logs - middle)) if logs.size else 0.0
    busy = (logs > middle + ACTIVITY_DEVIATIONS * spread) & (
        counts.events_by_user > 10 * MIN_RATINGS
    )
    n_items = len(counts.snapshot.items)
    whole = (counts.ratings_by_user > WHOLE_CATALOGUE_SHARE * n_items) & (
        n_items >= LARGE_CATALOGUE_ITEMS
    )
    crowded = (
        whole.mean() > SPARSE_TABLE_SHARE if whole.size else False
    )  # a dense table: all rate nearly all
    suspicious: Flags = (busy & (spread > 0)) | (whole & (not crowded))
    return suspicious


def _check_random_users(counts: RatingCounts) -> DataIssue | None:
    return find_user_issue(
        counts,
        "random_raters",
        are_random(counts),
        f"Their ratings, {MIN_RATINGS_FOR_RANDOM} or more, do not correlate with those of others: "
        "bots, or ratings at random.",
        "Random ratings make the weights less accurate. Exclude these users (leave_out=odd_raters) "
        "or delete bot accounts.",
    )


def are_random(counts: RatingCounts) -> Flags:
    """Return which users have many ratings without correlation to others', (n_users,)."""
    at_random: Flags = np.abs(counts.agreement) < RANDOM_AGREEMENT
    return at_random & (counts.ratings_by_user >= MIN_RATINGS_FOR_RANDOM)


def _check_contrary_users(counts: RatingCounts) -> DataIssue | None:
    return find_user_issue(
        counts,
        "contrary_raters",
        are_contrary(counts),
        "They rate high what others rate low, and the reverse: their scale may be inverted.",
        "Their ratings contradict those of others. If 1 is the best value at their source, invert "
        "their ratings before the import, or exclude them: leave_out=odd_raters.",
    )


def are_contrary(counts: RatingCounts) -> Flags:
    """Return which users rate contrary to others, (n_users,)."""
    contrary: Flags = counts.agreement < CONTRARY_AGREEMENT
    return contrary


def suspect_users(counts: RatingCounts) -> Flags:
    """Return which users `leave_out` excludes, (n_users,)."""
    suspect = duplicate_users(counts.snapshot, counts.ratings_by_user)
    for check in (are_constant, are_suspicious, are_random, are_contrary):
        suspect = suspect | check(counts)
    return suspect


def count_ratings(snapshot: Snapshot) -> RatingCounts:
    """Count a snapshot's ratings and interactions."""
    n_users, n_items = len(snapshot.users), len(snapshot.items)
    by_user = np.bincount(snapshot.user_numbers, minlength=n_users)
    by_item = np.bincount(snapshot.item_numbers, minlength=n_items)
    events_by_user = np.bincount(snapshot.event_users, minlength=n_users)
    events_by_item = np.bincount(snapshot.event_items, minlength=n_items)
    return RatingCounts(
        snapshot,
        by_user,
        by_item,
        by_user + events_by_user,
        by_item + events_by_item,
        agreement_with_others(snapshot, by_user),
    )


def agreement_with_others(snapshot: Snapshot, by_user: Ints) -> Doubles:
    """Return the correlation of each user's ratings with the others' means for the same items.

    NaN for a user with fewer than 20 such ratings, or if one of the two is constant.
    """
    users, items, values = snapshot.user_numbers, snapshot.item_numbers, snapshot.values
    n_items, n_users = len(snapshot.items), by_user.size
    sums = np.bincount(items, values, n_items)[items] - values
    others = np.bincount(items, minlength=n_items)[items] - 1
    shared = others > 0
    users, values = users[shared], values[shared]
    means = sums[shared] / others[shared]
    n = np.bincount(users, minlength=n_users)
    sizes = np.maximum(n, 1)
    own = values - (np.bincount(users, values, n_users) / sizes)[users]
    theirs = means - (np.bincount(users, means, n_users) / sizes)[users]
    both, of_own, of_theirs = (
        np.bincount(users, product, n_users) for product in (own * theirs, own**2, theirs**2)
    )
    defined = (n >= MIN_RATINGS) & (of_own > 0) & (of_theirs > 0)
    product = np.where(defined, of_own * of_theirs, 1)
    agreement: Doubles = np.where(defined, both / np.sqrt(product), np.nan)
    return agreement


def _check_number_of_users(counts: RatingCounts) -> DataIssue | None:
    n_users = int((counts.events_by_user > 0).sum())
    if not 0 < n_users < MIN_USERS:
        return None
    return DataIssue(
        "few_users",
        "users",
        n_users,
        1.0,
        (),
        f"There are fewer than {MIN_USERS} users.",
        "Training works, but its metrics are uncertain: they change with every new user.",
    )


def _check_cold_users(counts: RatingCounts) -> DataIssue | None:
    return find_user_issue(
        counts,
        "cold_users",
        counts.events_by_user < MIN_EVENTS,
        f"Fewer than {MIN_EVENTS} ratings or interactions each.",
        "Training includes them. Their recommendations come from their few ratings and from "
        "popularity.",
    )


def _check_cold_items(counts: RatingCounts) -> DataIssue | None:
    return find_issue(
        "cold_items",
        "items",
        counts.snapshot.items,
        counts.events_by_item < MIN_EVENTS,
        f"Fewer than {MIN_EVENTS} ratings or interactions each.",
        "Training includes them, but they rarely rank high in a list.",
    )


USER_CHECKS = (
    _check_agreement,
    _check_duplicate_users,
    _check_constant_users,
    _check_suspicious_users,
    _check_random_users,
    _check_contrary_users,
    _check_number_of_users,
    _check_cold_users,
    _check_cold_items,
)
