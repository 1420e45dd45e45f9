"""Merging of ratings: the newest is kept, and the last received among equal times. Pure."""

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
        """Return the rows at some places."""
        return Rows(
            self.user_key[places], self.item_key[places], self.value[places], self.rated_at[places]
        )


@dataclass(frozen=True)
class WriteCounts:
    """Counts of written ratings, interactions or items by outcome.

    added      the pair had no rating; the event or item is new
    changed    the value, the quantity or a field was replaced
    unchanged  the value, the quantity or the fields are equal
    outdated   the stored rating is newer, so this one was not written
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    outdated: int = 0

    @property
    def total(self) -> int:
        """The number of all rows."""
        return self.added + self.changed + self.unchanged + self.outdated

    def __add__(self, other: "WriteCounts") -> "WriteCounts":
        """Return the sums of the counts."""
        return WriteCounts(
            self.added + other.added,
            self.changed + other.changed,
            self.unchanged + other.unchanged,
            self.outdated + other.outdated,
        )


class MergeResult(NamedTuple):
    """The merged rows, one a pair; which of them must be written; the counts of outcomes."""

    rows: Rows
    must_write: Flags
    counts: WriteCounts


ADDED, CHANGED, UNCHANGED, OUTDATED = range(4)


def pair_order(rows: Rows) -> Ints:
    """Return the order by user and item; the ratings of one pair keep the order received."""
    return np.lexsort((rows.item_key, rows.user_key))


def pair_starts(rows: Rows) -> Ints:
    """Return the places of the first row of each pair, in rows sorted by pair."""
    is_first = np.ones(rows.value.size, dtype=np.bool_)
    is_first[1:] = (np.diff(rows.user_key) != 0) | (np.diff(rows.item_key) != 0)
    return np.flatnonzero(is_first)


def merge_ratings(rows: Rows, arrived: Flags, is_stored: Flags, stored: Rows) -> MergeResult:
    """Merge ratings with the stored ones, as if each were written alone in order.

    rows       sorted by pair
    arrived    (n,) whether a rating is dated by its arrival: it replaces one of a later time, which
               a clock that was ahead has set, and takes that time
    is_stored  (n_pairs,) whether the pair has a stored rating
    stored     (n_pairs,) the stored ratings; ignored where there is none
    """
    starts = pair_starts(rows)
    ends = np.append(starts[1:], rows.value.size)
    final = rows.at(starts)
    later = arrived[starts] & is_stored & (stored.rated_at > final.rated_at)
    final.rated_at[later] = stored.rated_at[later]
    outcomes = _outcomes(final, is_stored, stored)
    outdated = outcomes == OUTDATED
    final.value[outdated] = stored.value[outdated]
    final.rated_at[outdated] = stored.rated_at[outdated]
    counts = np.bincount(outcomes, minlength=4)
    for pair in np.flatnonzero(ends - starts > 1).tolist():
        for n in range(starts[pair] + 1, ends[pair]):
            rated_at = int(rows.rated_at[n])
            if arrived[n]:
                rated_at = max(rated_at, int(final.rated_at[pair]))
            counts[_merge_next(final, pair, float(rows.value[n]), rated_at)] += 1
    must_write = ~is_stored | (final.value != stored.value) | (final.rated_at != stored.rated_at)
    added, changed, unchanged, n_outdated = counts.tolist()
    return MergeResult(final, must_write, WriteCounts(added, changed, unchanged, n_outdated))


def _outcomes(first: Rows, is_stored: Flags, stored: Rows) -> Ints:
    """Return the outcome of the first rating of each pair."""
    outcomes = np.where(first.value == stored.value, UNCHANGED, CHANGED)
    outcomes[first.rated_at < stored.rated_at] = OUTDATED
    outcomes[~is_stored] = ADDED
    return outcomes


def _merge_next(final: Rows, pair: int, value: float, rated_at: int) -> int:
    """Merge a further rating of a pair into `final`; return its outcome."""
    if rated_at < final.rated_at[pair]:
        return OUTDATED
    outcome = UNCHANGED if value == final.value[pair] else CHANGED
    final.value[pair], final.rated_at[pair] = value, rated_at
    return outcome
