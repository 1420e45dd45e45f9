"""Looks at those who rated, and tells people from what is none."""

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

MIN_EVENTS = 5  # ratings; fewer tell next to nothing of a user or an item
SPARSE_TABLE_SHARE = 0.1  # share of the users
ACTIVITY_DEVIATIONS = 6.0  # robust standard deviations of the logarithm of counts
MAD_TO_DEVIATION = 1.4826  # of a normal distribution [Rousseeuw, Croux 1993]
CONTRARY_AGREEMENT = -0.4  # correlation with what others think
RANDOM_AGREEMENT = 0.1  # the same: within a deviation or two of none
MIN_RATINGS_FOR_RANDOM = 200
WHOLE_CATALOGUE_SHARE = 0.9  # of the items of a catalogue that nobody goes through by hand
LARGE_CATALOGUE_ITEMS = 100  # items
MIN_USERS = 100


def _check_agreement(counted: RatingCounts) -> DataIssue | None:
    told = counted.agreement[~np.isnan(counted.agreement)]
    apart = int((told < RANDOM_AGREEMENT).sum())
    if told.size < MIN_USERS or 2 * apart <= told.size:
        return None
    return DataIssue(
        "no_agreement",
        "users",
        apart,
        apart / counted.by_user.size,
        (),
        "Most users' ratings have nothing to do with what others think of the same items: are "
        "values and ids still in the rows they came in?",
        "If they are mixed up there is nothing to learn. Where tastes are opposite there is: then "
        "training goes on as always, and its curve tells.",
    )


def _check_duplicate_users(counted: RatingCounts) -> DataIssue | None:
    return find_user_issue(
        counted,
        "duplicate_users",
        duplicate_users(counted.snapshot, counted.by_user),
        f"They gave the same {MIN_RATINGS} ratings or more as another user, to the last one: one "
        "person under several ids, or data sent twice?",
        "What they say counts as often as they are there, and validation ratings of one are known "
        "from the other: figures are too good. Leave them out: leave_out=odd_raters.",
    )


def duplicate_users(snapshot: Snapshot, by_user: Ints) -> Flags:
    """Tell which users are like one with a lower number, to the last rating; (n_users,)."""
    hashes = _mix(snapshot.item_numbers.astype(np.uint64) ^ _mix(snapshot.values.view("u8")))
    sums = np.zeros(by_user.size, dtype=np.uint64)
    np.add.at(sums, snapshot.user_numbers, hashes)
    _, first, inverse = np.unique(sums, return_index=True, return_inverse=True)
    again: Flags = (first[inverse] != np.arange(sums.size)) & (by_user >= MIN_RATINGS)
    return again


def _mix(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread close numbers over all 64 bits [SplitMix64, Steele 2014]."""
    spread = (numbers + np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9)
    return (spread ^ (spread >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)


def _check_constant_users(counted: RatingCounts) -> DataIssue | None:
    return find_user_issue(
        counted,
        "constant_raters",
        are_constant(counted),
        f"They gave {MIN_RATINGS} ratings or more, all of one value.",
        "What they chose is learned from; their ratings tell the model nothing of their taste. "
        "Leave them out, if they are many: leave_out=odd_raters.",
    )


def are_constant(counted: RatingCounts) -> Flags:
    """Tell who always gives the same; (n_users,)."""
    users, values = counted.snapshot.user_numbers, counted.snapshot.values
    lowest = np.full(counted.by_user.size, np.inf)
    highest = np.full(counted.by_user.size, -np.inf)
    np.minimum.at(lowest, users, values)
    np.maximum.at(highest, users, values)
    constant: Flags = (counted.by_user >= MIN_RATINGS) & (lowest == highest)
    return constant


def _check_suspicious_users(counted: RatingCounts) -> DataIssue | None:
    return find_user_issue(
        counted,
        "suspicious_raters",
        are_suspicious(counted),
        "They did far more than all others, or rated nearly all items: a program, or a shared "
        "account?",
        "A user's pull on the weights grows with their ratings. Leave them out, "
        "leave_out=odd_raters, or erase those who are no people: DELETE /v1/users/{user_id}.",
    )


def are_suspicious(counted: RatingCounts) -> Flags:
    """Tell who did far more than all others, or rated nearly everything; (n_users,)."""
    logs = np.log(np.maximum(counted.told_by, 1))
    middle = np.median(logs) if logs.size else 0.0
    spread = MAD_TO_DEVIATION * np.median(np.abs(logs - middle)) if logs.size else 0.0
    busy = (logs > middle + ACTIVITY_DEVIATIONS * spread) & (counted.told_by > 10 * MIN_RATINGS)
    n_items = len(counted.snapshot.items)
    whole = (counted.by_user > WHOLE_CATALOGUE_SHARE * n_items) & (n_items >= LARGE_CATALOGUE_ITEMS)
    crowded = (
        whole.mean() > SPARSE_TABLE_SHARE if whole.size else False
    )  # a dense table: all rate nearly all
    suspicious: Flags = (busy & (spread > 0)) | (whole & (not crowded))
    return suspicious


def _check_random_users(counted: RatingCounts) -> DataIssue | None:
    return find_user_issue(
        counted,
        "random_raters",
        are_random(counted),
        f"Their {MIN_RATINGS_FOR_RANDOM} ratings or more go neither with nor against the others': "
        "given by a program, or without a look?",
        "Their ratings blur what the weights learn, the more of them the more. Leave them out, "
        "leave_out=odd_raters, or erase those who are no people: DELETE /v1/users/{user_id}.",
    )


def are_random(counted: RatingCounts) -> Flags:
    """Tell whose many ratings have nothing to do with others'; (n_users,)."""
    at_random: Flags = np.abs(counted.agreement) < RANDOM_AGREEMENT
    return at_random & (counted.by_user >= MIN_RATINGS_FOR_RANDOM)


def _check_contrary_users(counted: RatingCounts) -> DataIssue | None:
    return find_user_issue(
        counted,
        "contrary_raters",
        are_contrary(counted),
        "They like what others do not, and the reverse: is their scale turned over?",
        "They pull the weights the other way. Look whether 1 is best where they come from, and "
        "turn their ratings over before they are sent; or leave them out, leave_out=odd_raters.",
    )


def are_contrary(counted: RatingCounts) -> Flags:
    """Tell who rates against all others; (n_users,)."""
    contrary: Flags = counted.agreement < CONTRARY_AGREEMENT
    return contrary


def suspect_users(counted: RatingCounts) -> Flags:
    """Tell who had better be left out; (n_users,)."""
    odd = duplicate_users(counted.snapshot, counted.by_user)
    for look in (are_constant, are_suspicious, are_random, are_contrary):
        odd = odd | look(counted)
    return odd


def count_ratings(snapshot: Snapshot) -> RatingCounts:
    """Count a snapshot's ratings once for all looks."""
    n_users, n_items = len(snapshot.users), len(snapshot.items)
    by_user = np.bincount(snapshot.user_numbers, minlength=n_users)
    of_item = np.bincount(snapshot.item_numbers, minlength=n_items)
    events_by = np.bincount(snapshot.event_users, minlength=n_users)
    events_of = np.bincount(snapshot.event_items, minlength=n_items)
    return RatingCounts(
        snapshot,
        by_user,
        of_item,
        by_user + events_by,
        of_item + events_of,
        agreement_with_others(snapshot, by_user),
    )


def agreement_with_others(snapshot: Snapshot, by_user: Ints) -> Doubles:
    """Correlation of a user's ratings with the means of the others' for the same items.

    NaN for a user with fewer than 20 such ratings, or for whom one of the two is constant.
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
    told = (n >= MIN_RATINGS) & (of_own > 0) & (of_theirs > 0)
    product = np.where(told, of_own * of_theirs, 1)
    agreement: Doubles = np.where(told, both / np.sqrt(product), np.nan)
    return agreement


def _check_number_of_users(counted: RatingCounts) -> DataIssue | None:
    n_users = int((counted.told_by > 0).sum())
    if not 0 < n_users < MIN_USERS:
        return None
    return DataIssue(
        "few_users",
        "users",
        n_users,
        1.0,
        (),
        f"There are fewer than {MIN_USERS} users.",
        "A model is made, and its figures say little: they change with every user more.",
    )


def _check_cold_users(counted: RatingCounts) -> DataIssue | None:
    return find_user_issue(
        counted,
        "cold_users",
        counted.told_by < MIN_EVENTS,
        f"Fewer than {MIN_EVENTS} ratings or interactions each.",
        "They are learned from, and answered: what little they told is folded in, the rest of "
        "their list is popular.",
    )


def _check_cold_items(counted: RatingCounts) -> DataIssue | None:
    return find_issue(
        "cold_items",
        "items",
        counted.snapshot.items,
        counted.told_of < MIN_EVENTS,
        f"Fewer than {MIN_EVENTS} ratings or interactions each.",
        "They are learned as far as that goes and seldom come first in a list.",
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
