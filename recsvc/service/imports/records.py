"""Columns of texts → ratings and interactions, or refused lines. Pure.

Each distinct text is read once. A line is a rating or an interaction, or it is refused with its
number, a code and a detail.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np

from recsvc.db.feedback.interactions import InteractionBatch
from recsvc.db.feedback.ratings import RatingBatch
from recsvc.rbm.arrays import Flags, Ints
from recsvc.rbm.rating_scale import EVENT_TYPES, RatingScale
from recsvc.service.imports.columns import Column
from recsvc.service.imports.fields import (
    CONTROL,
    RATED,
    Refused,
    read_id,
    read_quantity,
    read_time,
    read_type,
    read_value,
)
from recsvc.service.imports.file_format import Layout

T = TypeVar("T")

LONGEST_TITLE = 1000

NO_RATING = "The line has neither a rating nor the type of an interaction."
NO_TYPE = f"The line has no type; send one of {', '.join(EVENT_TYPES)}."
NOT_HERE = "The line is a rating; send it to /v1/ratings."


class Refusal(NamedTuple):
    """A line that was not taken, and why."""

    line: int
    code: str
    detail: str


class Undated(NamedTuple):
    """The times of ratings and of interactions that tell none, in microseconds since 1970."""

    rated_at: int
    occurred_at: int


@dataclass(frozen=True)
class Lines:
    """What some lines say.

    titles  what they call items, by item_id
    """

    n_lines: int
    n_blank: int
    ratings: RatingBatch
    interactions: InteractionBatch
    titles: dict[str, str]
    refusals: list[Refusal]

    @property
    def n_accepted(self) -> int:
        """Count the lines that were taken."""
        return self.ratings.values.size + self.interactions.types.size


class Reading:
    """Lines that are about to become ratings and interactions.

    columns  as `Layout.places` has them
    lines    (n,) their numbers
    """

    def __init__(
        self,
        layout: Layout,
        columns: Sequence[Column],
        lines: Ints,
        undated: Undated,
        scale: RatingScale | None,
    ) -> None:
        self._layout, self._lines = layout, lines
        self._undated, self._scale = undated, scale
        self._users, self._items, self._values, self._times = columns[:4]
        self._types, self._quantities, self._titles = columns[4:]
        self._good = np.ones(lines.size, dtype=np.bool_)
        self._refusals: list[Refusal] = []

    def result(self, n_lines: int, n_blank: int, refusals: list[Refusal]) -> Lines:
        """Read all columns; a line is refused for the first of its fields that is.

        n_lines, n_blank, refusals  of the lines that came, with those that are in no column
        """
        users = self._read(self._users, partial(read_id, "user_id"), "")
        items = self._read(self._items, partial(read_id, "item_id"), "")
        types = self._read_types()
        rated = types == RATED
        values = self._read(self._values, self._value, 0.0, rated)
        quantities = self._read(self._quantities, read_quantity, 0.0, ~rated)
        times = self._read(self._times, lambda text: read_time(text) if text else -1, 0)
        told = np.array(times, dtype=np.int64)[self._times.which]
        ratings, chosen = self._in_order(rated), self._in_order(~rated)
        user_of, item_of = self._users.which, self._items.which
        return Lines(
            n_lines,
            n_blank,
            RatingBatch(
                users,
                user_of[ratings],
                items,
                item_of[ratings],
                np.array(values, dtype=np.float64)[self._values.which[ratings]],
                _dated(told[ratings], self._undated.rated_at),
            ),
            InteractionBatch(
                users,
                user_of[chosen],
                items,
                item_of[chosen],
                types[chosen].astype(np.uint8),
                np.array(quantities, dtype=np.float64)[self._quantities.which[chosen]],
                _dated(told[chosen], self._undated.occurred_at),
            ),
            self._read_titles(items, chosen),
            sorted([*refusals, *self._refusals]),
        )

    def _read(
        self, column: Column, reader: Callable[[str], T], nothing: T, meant: Flags | None = None
    ) -> list[T]:
        """Read each text of a column; one that cannot be read is `nothing`.

        meant  (n,) the lines that are refused then: the others do not need this field
        """
        found, refused = [], {}
        for n, text in enumerate(column.texts):
            try:
                found.append(reader(text))
            except Refused as error:
                found.append(nothing)
                refused[n] = error
        if refused:
            self._refuse(column, refused, self._good if meant is None else meant)
        return found

    def _refuse(self, column: Column, refused: dict[int, Refused], meant: Flags) -> None:
        """Refuse the lines that have one of these texts."""
        hit = self._good & meant & np.isin(column.which, list(refused))
        self._good[hit] = False
        pairs = zip(self._lines[hit].tolist(), column.which[hit].tolist(), strict=True)
        self._refusals += [Refusal(n, refused[t].code, refused[t].detail) for n, t in pairs]

    def _read_types(self) -> Ints:
        """Give the type of each line, (n,); beside a rating, an unknown one means nothing."""
        meant = self._good
        if self._layout.untyped == "rating":
            unrated = np.array([not text for text in self._values.texts], dtype=np.bool_)
            meant = unrated[self._values.which]
        numbers = self._read(self._types, self._type, RATED, meant)
        return np.array(numbers, dtype=np.int64)[self._types.which]

    def _type(self, text: str) -> int:
        untyped = self._layout.untyped
        if text:
            number = read_type(text)
            if number == RATED and untyped is None:
                raise Refused("unknown-type", NOT_HERE)
            return number
        if untyped is None:
            raise Refused("no-type", NO_TYPE)
        return RATED if untyped == "rating" else EVENT_TYPES.index(untyped)

    def _value(self, text: str) -> float:
        if not text and self._layout.has_types:
            raise Refused("no-rating", NO_RATING)
        return read_value(text, self._scale)

    def _read_titles(self, items: Sequence[str], chosen: Ints) -> dict[str, str]:
        """Give the first title of each item that has one fit to be stored."""
        if self._layout.title < 0:
            return {}
        texts = self._titles.texts
        fit = [0 < len(text) <= LONGEST_TITLE and not CONTROL.search(text) for text in texts]
        titled = chosen[np.array(fit, dtype=np.bool_)[self._titles.which[chosen]]]
        found, first = np.unique(self._items.which[titled], return_index=True)
        which = self._titles.which[titled][first]
        pairs = zip(found.tolist(), which.tolist(), strict=True)
        return {items[item]: texts[title] for item, title in pairs}

    def _in_order(self, some: Flags) -> Ints:
        """Give the places of the good ones among some lines, by line number."""
        places = np.flatnonzero(self._good & some)
        return places[np.argsort(self._lines[places], kind="stable")]


def _dated(told: Ints, undated: int) -> Ints:
    """Put a time where none was told."""
    return np.where(told < 0, undated, told)
