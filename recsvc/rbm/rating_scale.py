"""Rating scales: the values of the levels, and the binning of many values into few levels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from recsvc.rbm.arrays import Doubles, Levels

MAX_DISTINCT_VALUES = 20
LIKED_SHARE = 0.4
NO_LEVEL = -1
EVENT_TYPES = ("view", "cart", "purchase")  # what the numbers of `Snapshot.event_types` stand for
Scaling = Literal["quantiles", "logarithms", "widths"]
N_BINS = 10


@dataclass(frozen=True)
class RatingScale:
    """The ordered values of the levels 0 … n_levels − 1.

    values  strictly increasing; the mean rating of each bin for a binned scale
    edges   the n_levels − 1 values at which the next bin begins for a binned scale; otherwise empty
    events  types of interaction; each has one further level, for items chosen and not rated. A
            shop without ratings has only these
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
        """Build a scale from its JSON form; the last two fields may be missing."""
        return cls(
            tuple(parts["values"]), tuple(parts.get("edges", ())), tuple(parts.get("events", ()))
        )

    @classmethod
    def parse(cls, text: str) -> "RatingScale | None":
        """Parse `1:5:1` (first:last:step), `1,2,3,5` or `auto` (None: infer it from the ratings).

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
        """Build a scale of the distinct values if there are few, otherwise of bins (`bin_edges`).

        More than 20 distinct values make up to 10 bins, each with the mean of its ratings as value.
        """
        distinct = np.unique(values)
        if distinct.size <= MAX_DISTINCT_VALUES:
            return cls(tuple(distinct.tolist()))
        edges = bin_edges(values, distinct, scaling)
        bins = np.searchsorted(edges, values, side="right")
        least = np.append(distinct[0], edges)
        greatest = np.append(distinct[np.searchsorted(distinct, edges) - 1], distinct[-1])
        means = np.clip(np.bincount(bins, weights=values) / np.bincount(bins), least, greatest)
        return cls(tuple(means.tolist()), tuple(edges.tolist()))  # clipped: a sum may overflow

    @property
    def n_levels(self) -> int:
        """Number of levels of ratings."""
        return len(self.values)

    @property
    def n_all_levels(self) -> int:
        """Number of levels of ratings and interactions."""
        return len(self.values) + len(self.events)

    @property
    def first_liked(self) -> int:
        """The lowest liked level: of n_levels, the top max(1, round(.4 · n_levels)) are liked.

        So are the levels of interactions, which follow: these items were chosen.
        """
        if not self.values:
            return 0
        return self.n_levels - max(1, round(LIKED_SHARE * self.n_levels))

    def event_level(self, event: str) -> int:
        """Return the level of a type of interaction, NO_LEVEL if it has none."""
        return self.n_levels + self.events.index(event) if event in self.events else NO_LEVEL

    def contains(self, value: float) -> bool:
        """Return whether the value is on the scale, within rounding of a decimal."""
        if not np.isfinite(value):
            return False
        nearest = self.values[int(self.levels(np.array([value]))[0])]
        return bool(self.edges) or abs(nearest - value) <= 1e-9 * max(1.0, abs(value))

    def levels(self, values: Doubles) -> Levels:
        """Return the level of each value: the bin of a binned scale, or the nearest level."""
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


def bin_edges(values: Doubles, distinct: Doubles, scaling: Scaling) -> Doubles:
    """Return the values at which the bins after the first begin, at most nine; no bin is empty.

    quantiles   bins of about equal counts
    logarithms  of equal width in sign(v) · log(1 + |v|): each step is a factor
    widths      of equal width between the least and the greatest value: unscaled

    distinct    the distinct values, sorted, at least two
    """
    if scaling == "quantiles":
        shares = np.arange(1, N_BINS) / N_BINS
        edges = np.quantile(values, shares, method="higher")
    else:
        measured = _logarithms(distinct) if scaling == "logarithms" else distinct
        borders = _equal_borders(float(measured[0]), float(measured[-1]))
        edges = distinct[np.searchsorted(measured, borders)]
    edges = np.unique(edges)
    above_least = edges[edges > distinct[0]]
    return above_least if above_least.size else distinct[1:2]


def _equal_borders(low: float, high: float) -> Doubles:
    """Return the nine borders of ten equal intervals, without overflow for large numbers."""
    shares = np.arange(1, N_BINS) / N_BINS
    borders: Doubles = np.clip(low * (1.0 - shares) + high * shares, low, high)
    return borders


def _logarithms(values: Doubles) -> Doubles:
    logarithms: Doubles = np.copysign(np.log1p(np.abs(values)), values)
    return logarithms
