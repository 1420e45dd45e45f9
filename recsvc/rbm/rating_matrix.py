"""What the model sees of the world: ids as numbers, values as levels, ratings as a matrix."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsvc.rbm.arrays import Doubles, Ints, Levels, Numbers
from recsvc.rbm.value_bins import Scaling, edges_of

MAX_DISTINCT_VALUES = 20
LIKED_SHARE = 0.4
NO_LEVEL = -1
EVENT_TYPES = ("view", "cart", "purchase")  # what the numbers of `Snapshot.event_types` stand for


class Vocabulary:
    """Outside ids and their numbers: id n is the n-th by code point.

    A database's collation may order ids otherwise, so the order is made here and nowhere else.
    """

    def __init__(self, sorted_ids: Sequence[str]) -> None:
        if any(a >= b for a, b in pairwise(sorted_ids)):
            raise ValueError("ids must be distinct and sorted by code point")
        self.ids = tuple(sorted_ids)

    @classmethod
    def of(cls, ids: Iterable[str]) -> "Vocabulary":
        """Number the distinct ones of these ids."""
        return cls(sorted(set(ids)))

    def __len__(self) -> int:
        return len(self.ids)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.ids == other.ids

    def __hash__(self) -> int:
        return hash(self.ids)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {id_: number for number, id_ in enumerate(self.ids)}

    def number(self, id_: str) -> int | None:
        """Give the number of an id, or None where it is not known."""
        return self._numbers.get(id_)

    def numbers(self, ids: Iterable[str]) -> Ints:
        """Give the numbers of ids, −1 where one is not known."""
        return np.array([self._numbers.get(id_, -1) for id_ in ids], dtype=np.int64)


@dataclass(frozen=True)
class RatingScale:
    """The ordered values that the levels 0 … n_levels − 1 stand for.

    values  strictly increasing; of a binned scale, the mean rating of each bin
    edges   of a binned scale, the n_levels − 1 values at which the next bin begins; else empty
    events  types of interaction, each of which has a level of its own after those: for items
            chosen and not rated. A shop without ratings has these alone
    """

    values: tuple[float, ...]
    edges: tuple[float, ...] = ()
    events: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (self.values or self.events) or not all(np.isfinite(self.values)):
            raise ValueError("a scale needs at least one value, all of them finite")
        if any(a >= b for a, b in pairwise(self.values)):
            raise ValueError("its values must increase")
        if len(self.values) > 255:
            raise ValueError("it has more than 255 values; use auto, which bins them")

    @classmethod
    def from_dict(cls, parts: Mapping[str, Sequence[Any]]) -> "RatingScale":
        """Read the fields as JSON keeps them; the last two may be missing."""
        return cls(
            tuple(parts["values"]), tuple(parts.get("edges", ())), tuple(parts.get("events", ()))
        )

    @classmethod
    def parse(cls, text: str) -> "RatingScale | None":
        """Read `1:5:1` (first:last:step), `1,2,3,5` or `auto` (None: infer it from the ratings).

        Raises ValueError with the reason.
        """
        if text.strip().lower() == "auto":
            return None
        try:
            if ":" not in text:
                return cls(tuple(float(part) for part in text.split(",")))
            first, last, step = (float(part) for part in text.split(":"))
        except ValueError as error:
            raise ValueError(f"not three numbers or a list: {error}") from error
        in_steps = step > 0 and np.isfinite([first, last, step]).all()
        n_steps = round((last - first) / step) if in_steps else 0
        if n_steps < 1 or abs(first + n_steps * step - last) > 1e-9 * max(1.0, abs(last)):
            raise ValueError("the last value is not reached from the first in whole steps")
        return cls(tuple(round(first + n * step, 10) for n in range(n_steps + 1)))

    @classmethod
    def infer(cls, values: Doubles, scaling: Scaling = "quantiles") -> "RatingScale":
        """Take the distinct values where they are few, else bin them as `binning` has it.

        More than 20 distinct values make up to 10 bins; a bin stands for the mean of its ratings.
        """
        distinct = np.unique(values)
        if distinct.size <= MAX_DISTINCT_VALUES:
            return cls(tuple(distinct.tolist()))
        edges = edges_of(values, distinct, scaling)
        bins = np.searchsorted(edges, values, side="right")
        least = np.append(distinct[0], edges)
        greatest = np.append(distinct[np.searchsorted(distinct, edges) - 1], distinct[-1])
        means = np.clip(np.bincount(bins, weights=values) / np.bincount(bins), least, greatest)
        return cls(tuple(means.tolist()), tuple(edges.tolist()))  # clipped: a sum may overflow

    @property
    def n_levels(self) -> int:
        """How many levels of rating there are."""
        return len(self.values)

    @property
    def n_all_levels(self) -> int:
        """How many levels there are, those of interactions included."""
        return len(self.values) + len(self.events)

    @property
    def first_liked(self) -> int:
        """The lowest liked level: of n_levels, the top max(1, round(.4 · n_levels)) are liked.

        So are the levels after them: what was viewed, put in a cart or bought was chosen.
        """
        if not self.values:
            return 0
        return self.n_levels - max(1, round(LIKED_SHARE * self.n_levels))

    def event_level(self, event: str) -> int:
        """Give the level of a type of interaction, NO_LEVEL where it has none."""
        return self.n_levels + self.events.index(event) if event in self.events else NO_LEVEL

    def contains(self, value: float) -> bool:
        """Tell whether the value is one of the scale's (within rounding of a decimal)."""
        if not np.isfinite(value):
            return False
        nearest = self.values[int(self.levels(np.array([value]))[0])]
        return bool(self.edges) or abs(nearest - value) <= 1e-9 * max(1.0, abs(value))

    def levels(self, values: Doubles) -> Levels:
        """Give the level of each value: of a binned scale its bin, else the nearest level."""
        return np.searchsorted(self._borders, values, side="right").astype(np.uint8)

    @cached_property
    def _borders(self) -> Doubles:
        """The n_levels − 1 values at which the next level begins."""
        return np.array(self.edges or [(a + b) / 2 for a, b in pairwise(self.values)])

    def __str__(self) -> str:
        if self.edges:
            ratings = f"{self.n_levels} bins from {self.values[0]:g} to {self.values[-1]:g}"
        else:
            ratings = ", ".join(f"{value:g}" for value in self.values)
        return ", ".join(filter(None, (ratings, *self.events)))


@dataclass(frozen=True)
class RatingMatrix:
    """Who rated what how: row u holds the ratings of user u, in order of item number.

    indptr   (n_users + 1,)  row u is indptr[u] : indptr[u + 1]
    items    (n_ratings,)    item numbers
    levels   (n_ratings,)    levels
    n_items  columns, rated or not
    """

    indptr: Ints
    items: Numbers
    levels: Levels
    n_items: int

    @classmethod
    def build(
        cls, users: Ints | Numbers, items: Ints | Numbers, levels: Levels, *, shape: tuple[int, int]
    ) -> "RatingMatrix":
        """Sort single ratings into rows.

        users, items, levels  (n_ratings,), each (user, item) at most once
        shape                 (n_users, n_items)
        """
        n_users, n_items = shape
        order = np.argsort(users.astype(np.int64) * n_items + items, kind="stable")
        counts = np.bincount(users, minlength=n_users)
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return cls(indptr, items[order].astype(np.int32), levels[order], n_items)

    @property
    def n_users(self) -> int:
        """Rows, with ratings or not."""
        return self.indptr.size - 1

    @property
    def n_ratings(self) -> int:
        """Stored ratings."""
        return self.items.size

    def users(self) -> Numbers:
        """Give the user number of each rating, (n_ratings,)."""
        return np.repeat(np.arange(self.n_users, dtype=np.int32), np.diff(self.indptr))

    def row(self, user: int) -> tuple[Numbers, Levels]:
        """Give one user's items and levels."""
        ratings = slice(self.indptr[user], self.indptr[user + 1])
        return self.items[ratings], self.levels[ratings]

    def rows(self, users: Ints) -> "RatingMatrix":
        """Give some users' rows as a matrix of their own, in the order asked."""
        counts = np.diff(self.indptr)[users]
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        picked = np.repeat(self.indptr[users] - indptr[:-1], counts) + np.arange(indptr[-1])
        return RatingMatrix(indptr, self.items[picked], self.levels[picked], self.n_items)

    def select(self, kept: NDArray[np.bool_]) -> "RatingMatrix":
        """Keep the ratings where `kept` (n_ratings,) is true; the shape stays."""
        before = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)
        return RatingMatrix(before[self.indptr], self.items[kept], self.levels[kept], self.n_items)

    def rated(self, scale: RatingScale) -> "RatingMatrix":
        """Leave out the interactions; the shape stays."""
        return self.select(self.levels < scale.n_levels) if scale.events else self

    def transposed(self) -> "RatingMatrix":
        """Let items be the rows and users the columns: what an item-oriented machine trains on."""
        return RatingMatrix.build(
            self.items, self.users(), self.levels, shape=(self.n_items, self.n_users)
        )

    def item_counts(self) -> Ints:
        """Give the number of ratings of each item, (n_items,)."""
        return np.bincount(self.items, minlength=self.n_items)

    def level_counts(self, n_levels: int) -> Ints:
        """Give how often each item got each level, (n_items, n_levels)."""
        cells = self.items.astype(np.int64) * n_levels + self.levels
        return np.bincount(cells, minlength=self.n_items * n_levels).reshape(-1, n_levels)
