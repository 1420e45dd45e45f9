"""Which of several ratings of one pair stands: the newest, the last received among equals. Pure."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from recsvc.db.arrays import Doubles, Flags, Ints


class Rows(NamedTuple):
    """Ratings by key, (n,) each; `rated_at` in microseconds since 1970."""

    user_key: Ints
    item_key: Ints
    value: Doubles
    rated_at: Ints

    def at(self, places: Ints | Flags) -> "Rows":
        """Give some of the rows."""
        return Rows(
            self.user_key[places], self.item_key[places], self.value[places], self.rated_at[places]
        )


@dataclass(frozen=True)
class WriteCounts:
    """What became of some ratings, interactions or item lines; together they are all of them.

    added      the pair had no rating; there was no such event; there was no such item
    changed    the value, the quantity or a field replaced another one
    unchanged  the pair had this very value, the event this very quantity, the item these fields
    outdated   the pair's rating is newer, so this one was left out
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    outdated: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.added + self.changed + self.unchanged + self.outdated

    def __add__(self, other: "WriteCounts") -> "WriteCounts":
        """Count both together."""
        return WriteCounts(
            self.added + other.added,
            self.changed + other.changed,
            self.unchanged + other.unchanged,
            self.outdated + other.outdated,
        )


class MergeResult(NamedTuple):
    """What stands at last: one row a pair, whether it must be written, and the account of it."""

    rows: Rows
    must_write: Flags
    counts: WriteCounts


ADDED, CHANGED, UNCHANGED, OUTDATED = range(4)


def sort_by_pair(rows: Rows) -> Rows:
    """Sort by user and item, leaving the ratings of one pair in the order received."""
    return rows.at(np.lexsort((rows.item_key, rows.user_key)))


def pair_starts(rows: Rows) -> Ints:
    """Give the places where a pair begins, in rows sorted by pair."""
    is_first = np.ones(rows.value.size, dtype=np.bool_)
    is_first[1:] = (np.diff(rows.user_key) != 0) | (np.diff(rows.item_key) != 0)
    return np.flatnonzero(is_first)


def merge_ratings(rows: Rows, is_stored: Flags, stored: Rows) -> MergeResult:
    """Take the ratings one after the other, as if each came alone.

    rows       sorted by pair
    is_stored  (n_pairs,) whether the pair has a rating
    stored     (n_pairs,) that rating; what it says of other pairs does not matter
    """
    starts = pair_starts(rows)
    ends = np.append(starts[1:], rows.value.size)
    final = rows.at(starts)
    fates = _outcomes(final, is_stored, stored)
    outdated = fates == OUTDATED
    final.value[outdated] = stored.value[outdated]
    final.rated_at[outdated] = stored.rated_at[outdated]
    counts = np.bincount(fates, minlength=4)
    for pair in np.flatnonzero(ends - starts > 1).tolist():
        for n in range(starts[pair] + 1, ends[pair]):
            counts[_merge_next(final, pair, float(rows.value[n]), int(rows.rated_at[n]))] += 1
    is_news = ~is_stored | (final.value != stored.value) | (final.rated_at != stored.rated_at)
    added, changed, unchanged, late = counts.tolist()
    return MergeResult(final, is_news, WriteCounts(added, changed, unchanged, late))


def _outcomes(first: Rows, is_stored: Flags, stored: Rows) -> Ints:
    """Say what becomes of the first rating of each pair."""
    fates = np.where(first.value == stored.value, UNCHANGED, CHANGED)
    fates[first.rated_at < stored.rated_at] = OUTDATED
    fates[~is_stored] = ADDED
    return fates


def _merge_next(final: Rows, pair: int, value: float, rated_at: int) -> int:
    """Let one more rating of a pair come; say what becomes of it."""
    if rated_at < final.rated_at[pair]:
        return OUTDATED
    fate = UNCHANGED if value == final.value[pair] else CHANGED
    final.value[pair], final.rated_at[pair] = value, rated_at
    return fate
