"""What may happen to ratings on their way: each takes a snapshot and gives another."""

from dataclasses import replace

import numpy as np

from recsvc.rbm.snapshot import Snapshot
from recsvc.rbm.vocabulary import Vocabulary

Chance = np.random.Generator


def shuffled(ratings: Snapshot, share: float, rng: Chance) -> Snapshot:
    """Deal the values of a share of the ratings anew."""
    values = ratings.values.copy()
    some = np.flatnonzero(rng.random(values.size) < share)
    values[some] = values[rng.permutation(some)]
    return replace(ratings, values=values)


def turned_over(ratings: Snapshot, share: float, rng: Chance) -> Snapshot:
    """Let a share of the users rate on a scale that runs the other way."""
    turned = _some_users(ratings, share, rng)
    ends = ratings.values.min() + ratings.values.max()
    return replace(ratings, values=np.where(turned, ends - ratings.values, ratings.values))


def other_scale(ratings: Snapshot, times: float, rng: Chance) -> Snapshot:
    """Let one row in twenty be so many times as high."""
    other = rng.random(ratings.values.size) < 0.05
    return replace(ratings, values=np.where(other, times * ratings.values, ratings.values))


def counts(ratings: Snapshot, deviation: float, rng: Chance) -> Snapshot:
    """Let values be how often, the more often the more it is liked, with a long tail."""
    spread = deviation * rng.standard_normal(ratings.values.size)
    return replace(ratings, values=np.ceil(np.exp(0.3 * ratings.values + spread)))


def outliers(ratings: Snapshot, value: float, rng: Chance) -> Snapshot:
    """Let one rating in a thousand be some other number."""
    odd = rng.random(ratings.values.size) < 0.001
    return replace(ratings, values=np.where(odd, value, ratings.values))


def one_level(ratings: Snapshot, share: float, rng: Chance) -> Snapshot:
    """Let a share of the ratings be the highest."""
    high = rng.random(ratings.values.size) < share
    return replace(ratings, values=np.where(high, ratings.values.max(), ratings.values))


def constant_raters(ratings: Snapshot, share: float, rng: Chance) -> Snapshot:
    """Let a share of the users give the highest to whatever they rate."""
    some = _some_users(ratings, share, rng)
    return replace(ratings, values=np.where(some, ratings.values.max(), ratings.values))


def random_raters(ratings: Snapshot, share: float, rng: Chance) -> Snapshot:
    """Let a share of the users give anything to what they rate."""
    some = _some_users(ratings, share, rng)
    anything = rng.choice(np.unique(ratings.values), ratings.values.size)
    return replace(ratings, values=np.where(some, anything, ratings.values))


def bots(ratings: Snapshot, share: float, rng: Chance) -> Snapshot:
    """Add so many users, of those that there are, who rate all items, at random."""
    n_bots = max(1, round(share * len(ratings.users)))
    n_items = len(ratings.items)
    values = rng.choice(np.unique(ratings.values), n_bots * n_items)
    items = np.tile(np.arange(n_items), n_bots)
    return _with_users(ratings, np.repeat(np.arange(n_bots), n_items), items, values)


def copies(ratings: Snapshot, share: float, rng: Chance) -> Snapshot:
    """Let a share of the users be there again, under another id."""
    chosen = rng.random(len(ratings.users)) < share
    again = chosen[ratings.user_numbers]
    numbers = (np.cumsum(chosen) - 1)[ratings.user_numbers[again]]
    return _with_users(ratings, numbers, ratings.item_numbers[again], ratings.values[again])


def few_users(ratings: Snapshot, n_users: float, rng: Chance) -> Snapshot:
    """Keep the ratings of so many users."""
    kept = rng.permutation(len(ratings.users))[: int(n_users)]
    return _kept(ratings, np.isin(ratings.user_numbers, kept))


def few_ratings(ratings: Snapshot, of_a_user: float, rng: Chance) -> Snapshot:
    """Keep so many ratings of each user."""
    order = rng.permutation(ratings.values.size)
    by_user = order[np.argsort(ratings.user_numbers[order], kind="stable")]
    starts = np.searchsorted(ratings.user_numbers[by_user], np.arange(len(ratings.users)))
    rank = np.arange(by_user.size) - starts[ratings.user_numbers[by_user]]
    kept = np.zeros(by_user.size, dtype=np.bool_)
    kept[by_user[rank < of_a_user]] = True
    return _kept(ratings, kept)


def _some_users(ratings: Snapshot, share: float, rng: Chance) -> np.ndarray:
    """Choose users; (n_ratings,) whether it is theirs."""
    return (rng.random(len(ratings.users)) < share)[ratings.user_numbers]


def _with_users(
    ratings: Snapshot, numbers: np.ndarray, items: np.ndarray, values: np.ndarray
) -> Snapshot:
    """Add users, numbered from 0, after those that there are."""
    n_users = len(ratings.users)
    new = [f"v{number:05}" for number in range(int(numbers.max()) + 1)]
    return replace(
        ratings,
        users=Vocabulary((*ratings.users.ids, *new)),
        user_numbers=np.append(ratings.user_numbers, numbers + n_users).astype(np.int32),
        item_numbers=np.append(ratings.item_numbers, items).astype(np.int32),
        values=np.append(ratings.values, values),
    )


def _kept(ratings: Snapshot, kept: np.ndarray) -> Snapshot:
    return replace(
        ratings,
        user_numbers=ratings.user_numbers[kept],
        item_numbers=ratings.item_numbers[kept],
        values=ratings.values[kept],
    )
