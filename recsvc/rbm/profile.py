"""What a snapshot's ratings are like, before anything is learned from them.

A remark says what is odd, of how many, with examples, and what training will do about it; where
there is none, the data are as a recommender wants them. Seen with thresholds of our own: MovieLens
100K has 3 contrary raters of 943 and 333 cold items, 1M 6 of 6,040 and 290, and no other remark.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsvc.rbm.ratings import Doubles, Ints, Vocabulary
from recsvc.rbm.snapshot import Snapshot

EXAMPLES = 5
COLD = 5  # ratings; fewer tell next to nothing of a user or an item
RATES_ENOUGH = 20  # ratings of a user who can be called constant, or contrary
MOST_OF_ALL = 0.9  # the share of one level that leaves little to tell
FAR_OUT = 3.0  # interquartile ranges beyond a quartile [Tukey 1977]
RARE = 0.01  # share of the ratings
FAR_MORE = 6.0  # robust standard deviations of the logarithm of counts
MAD_TO_DEVIATION = 1.4826  # of a normal distribution [Rousseeuw, Croux 1993]
CONTRARY = -0.4  # correlation with what others think

Which = NDArray[np.bool_]


@dataclass(frozen=True)
class Remark:
    """Something odd.

    of        what is counted: users, items or ratings
    share     of all of them
    examples  ids, or values, at most five
    training  what it will do about it
    """

    code: str
    of: str
    count: int
    share: float
    examples: tuple[str, ...]
    seen: str
    training: str


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
    remarks: tuple[Remark, ...]


class _Counted(NamedTuple):
    """A snapshot's ratings, counted once for all remarks.

    told_by, told_of    interactions of each user, and each item, included
    """

    snapshot: Snapshot
    by_user: Ints
    told_by: Ints
    told_of: Ints


def profile(snapshot: Snapshot) -> DataProfile:
    """Look at all ratings."""
    n_users, n_items = len(snapshot.users), len(snapshot.items)
    by_user = np.bincount(snapshot.user_numbers, minlength=n_users)
    events_by = np.bincount(snapshot.event_users, minlength=n_users)
    of_item = np.bincount(snapshot.item_numbers, minlength=n_items)
    events_of = np.bincount(snapshot.event_items, minlength=n_items)
    counted = _Counted(snapshot, by_user, by_user + events_by, of_item + events_of)
    values, counts = np.unique(snapshot.values, return_counts=True)
    n_ratings, n_events = snapshot.values.size, snapshot.event_users.size
    return DataProfile(
        n_users, n_items, n_ratings, n_events,
        missing_share=1.0 - _pairs(snapshot) / max(1, n_users * n_items),
        ratings_per_user=float(np.median(by_user)) if n_users else 0.0,
        ratings_per_item=float(np.median(of_item)) if n_items else 0.0,
        levels=dict(zip(values.tolist(), counts.tolist(), strict=True)),
        remarks=tuple(remark for look in LOOKS if (remark := look(counted)) is not None),
    )  # fmt: skip


def _pairs(snapshot: Snapshot) -> int:
    """Count the (user, item) pairs of which something is known."""
    n_items = len(snapshot.items)
    rated = snapshot.user_numbers.astype(np.int64) * n_items + snapshot.item_numbers
    chosen = snapshot.event_users.astype(np.int64) * n_items + snapshot.event_items
    return int(np.union1d(rated, chosen).size) if chosen.size else rated.size


def _outliers(counted: _Counted) -> Remark | None:
    values = counted.snapshot.values
    if values.size == 0:
        return None
    low, high = np.quantile(values, [0.25, 0.75])
    odd = (values < low - FAR_OUT * (high - low)) | (values > high + FAR_OUT * (high - low))
    if not 0 < odd.mean() < RARE:  # of values that many give, the range is to blame
        return None
    examples = tuple(f"{value:g}" for value in np.unique(values[odd])[:EXAMPLES])
    return Remark(
        "outliers", "ratings", int(odd.sum()), float(odd.mean()), examples,
        f"Most ratings lie between {low:g} and {high:g}; these lie far outside.",
        "They stretch the scale that is inferred. Declare RECSVC_RATING_SCALE, and they are "
        "refused by name.",
    )  # fmt: skip


def _level_imbalance(counted: _Counted) -> Remark | None:
    values, counts = np.unique(counted.snapshot.values, return_counts=True)
    if counts.size == 0 or counts.max() / counts.sum() <= MOST_OF_ALL:
        return None
    most = float(values[counts.argmax()])
    return Remark(
        "level_imbalance", "ratings", int(counts.max()), float(counts.max() / counts.sum()),
        (f"{most:g}",), f"Nearly all ratings are {most:g}.",
        "What is chosen can be learned, how it is liked hardly: lists by joint_rbm are what to "
        "expect of them.",
    )  # fmt: skip


def _constant_raters(counted: _Counted) -> Remark | None:
    users, values = counted.snapshot.user_numbers, counted.snapshot.values
    lowest = np.full(counted.by_user.size, np.inf)
    highest = np.full(counted.by_user.size, -np.inf)
    np.minimum.at(lowest, users, values)
    np.maximum.at(highest, users, values)
    constant = (counted.by_user >= RATES_ENOUGH) & (lowest == highest)
    return _of_users(
        counted, "constant_raters", constant,
        f"They gave {RATES_ENOUGH} ratings or more, all of one value.",
        "What they chose is learned from; their ratings tell the model nothing of their taste.",
    )  # fmt: skip


def _suspicious_raters(counted: _Counted) -> Remark | None:
    logs = np.log(np.maximum(counted.told_by, 1))
    middle = np.median(logs) if logs.size else 0.0
    spread = MAD_TO_DEVIATION * np.median(np.abs(logs - middle)) if logs.size else 0.0
    busy = (logs > middle + FAR_MORE * spread) & (counted.told_by > 10 * RATES_ENOUGH)
    return _of_users(
        counted, "suspicious_raters", busy if spread > 0 else np.zeros_like(busy),
        "They rated or did far more than all others: a program, or a shared account?",
        "A user's pull on the weights grows with their ratings. Erase those who are no people: "
        "DELETE /v1/users/{user_id}.",
    )  # fmt: skip


def _contrary_raters(counted: _Counted) -> Remark | None:
    agreement = agreement_with_others(counted.snapshot, counted.by_user)
    return _of_users(
        counted, "contrary_raters", agreement < CONTRARY,
        "They like what others do not, and the reverse: is their scale turned over?",
        "They pull the weights the other way. Look whether 1 is best where they come from, and "
        "turn their ratings over before they are sent.",
    )  # fmt: skip


def agreement_with_others(snapshot: Snapshot, by_user: Ints) -> Doubles:
    """Correlation of a user's ratings with the means of the others' for the same items.

    0 for a user with fewer than 20 such ratings, or for whom one of the two is constant.
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
    told = (n >= RATES_ENOUGH) & (of_own > 0) & (of_theirs > 0)
    agreement: Doubles = np.where(told, both / np.sqrt(np.where(told, of_own * of_theirs, 1)), 0)
    return agreement


def _cold_users(counted: _Counted) -> Remark | None:
    return _of_users(
        counted, "cold_users", counted.told_by < COLD,
        f"Fewer than {COLD} ratings or interactions each.",
        "They are learned from, and answered: what little they told is folded in, the rest of "
        "their list is popular.",
    )  # fmt: skip


def _cold_items(counted: _Counted) -> Remark | None:
    return _remark(
        "cold_items", "items", counted.snapshot.items, counted.told_of < COLD,
        f"Fewer than {COLD} ratings or interactions each.",
        "They are learned as far as that goes and seldom come first in a list.",
    )  # fmt: skip


def _of_users(counted: _Counted, code: str, odd: Which, seen: str, training: str) -> Remark | None:
    return _remark(code, "users", counted.snapshot.users, odd, seen, training)


def _remark(
    code: str, of: str, ids: Vocabulary, odd: Which, seen: str, training: str
) -> Remark | None:
    numbers = np.flatnonzero(odd)
    if numbers.size == 0:
        return None
    examples = tuple(ids.ids[number] for number in numbers[:EXAMPLES].tolist())
    return Remark(code, of, numbers.size, numbers.size / odd.size, examples, seen, training)


LOOKS: tuple[Callable[[_Counted], Remark | None], ...] = (
    _outliers, _level_imbalance, _constant_raters, _suspicious_raters, _contrary_raters,
    _cold_users, _cold_items,
)  # fmt: skip
