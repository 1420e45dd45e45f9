"""Parse columns of texts into ratings, interactions and refused lines. Pure.

Each distinct text is parsed once. A line is a rating, an interaction, or a refused line with its
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
    RATING_TYPE,
    FieldError,
    read_id,
    read_quantity,
    read_time,
    read_type,
    read_value,
)
from recsvc.service.imports.file_format import Layout

T = TypeVar("T")

MAX_TITLE_LENGTH = 1000

NO_RATING = "The line has neither a rating nor an interaction type; send one of them."
NO_TYPE = f"The line has no type; send one of {', '.join(EVENT_TYPES)}."
NOT_AN_INTERACTION = "The line is a rating; send it to /v1/ratings."


class Refusal(NamedTuple):
    """A line that was refused, and why."""

    line: int
    code: str
    detail: str


class DefaultTimestamps(NamedTuple):
    """Times for lines without a timestamp, in microseconds since 1970.

    arrival  whether they are the time of arrival: see RatingBatch
    """

    rated_at: int
    occurred_at: int
    arrival: bool = False


@dataclass(frozen=True)
class Lines:
    """The parsed content of some lines.

    titles  item_id → title
    """

    n_lines: int
    n_blank: int
    ratings: RatingBatch
    interactions: InteractionBatch
    titles: dict[str, str]
    refusals: list[Refusal]

    @property
    def n_accepted(self) -> int:
        """The number of lines that were accepted."""
        return self.ratings.values.size + self.interactions.types.size


class RecordParser:
    """Parse lines that are split into columns.

    columns   in the order of `Layout.places`
    lines     (n,) line numbers
    defaults  times for lines without a timestamp
    """

    def __init__(
        self,
        layout: Layout,
        columns: Sequence[Column],
        lines: Ints,
        defaults: DefaultTimestamps,
        scale: RatingScale | None,
    ) -> None:
        self._layout, self._lines = layout, lines
        self._defaults, self._scale = defaults, scale
        self._users, self._items, self._values, self._times = columns[:4]
        self._types, self._quantities, self._titles = columns[4:]
        self._good = np.ones(lines.size, dtype=np.bool_)
        self._refusals: list[Refusal] = []

    def parse(self, n_lines: int, n_blank: int, refusals: list[Refusal]) -> Lines:
        """Parse all columns. The first invalid field of a line decides its refusal.

        n_lines, n_blank, refusals  counts and refusals that include the lines outside the columns
        """
        users = self._read(self._users, partial(read_id, "user_id"), "")
        items = self._read(self._items, partial(read_id, "item_id"), "")
        types = self._read_types()
        is_rating = types == RATING_TYPE
        values = self._read(self._values, self._value, 0.0, is_rating)
        quantities = self._read(self._quantities, read_quantity, 0.0, ~is_rating)
        times = self._read(self._times, lambda text: read_time(text) if text else -1, 0)
        given_times = np.array(times, dtype=np.int64)[self._times.which]
        ratings, events = self._in_order(is_rating), self._in_order(~is_rating)
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
                _fill_times(given_times[ratings], self._defaults.rated_at),
                given_times[ratings] < 0 if self._defaults.arrival else None,
            ),
            InteractionBatch(
                users,
                user_of[events],
                items,
                item_of[events],
                types[events].astype(np.uint8),
                np.array(quantities, dtype=np.float64)[self._quantities.which[events]],
                _fill_times(given_times[events], self._defaults.occurred_at),
            ),
            self._titles_of_items(items, events),
            sorted([*refusals, *self._refusals]),
        )

    def _read(
        self, column: Column, reader: Callable[[str], T], default: T, needed: Flags | None = None
    ) -> list[T]:
        """Parse each text of a column; an invalid text becomes the default.

        needed  (n,) the lines that need this field and are refused if it is invalid; None for all
        """
        found, errors = [], {}
        for n, text in enumerate(column.texts):
            try:
                found.append(reader(text))
            except FieldError as error:
                found.append(default)
                errors[n] = error
        if errors:
            self._refuse(column, errors, self._good if needed is None else needed)
        return found

    def _refuse(self, column: Column, errors: dict[int, FieldError], needed: Flags) -> None:
        """Refuse the lines that need this field and have one of these texts."""
        hit = self._good & needed & np.isin(column.which, list(errors))
        self._good[hit] = False
        pairs = zip(self._lines[hit].tolist(), column.which[hit].tolist(), strict=True)
        self._refusals += [Refusal(n, errors[t].code, errors[t].detail) for n, t in pairs]

    def _read_types(self) -> Ints:
        """Return the types, (n,). An unknown type of a line with a rating is ignored."""
        needed = self._good
        if self._layout.untyped == "rating":
            unrated = np.array([not text for text in self._values.texts], dtype=np.bool_)
            needed = unrated[self._values.which]
        numbers = self._read(self._types, self._type, RATING_TYPE, needed)
        return np.array(numbers, dtype=np.int64)[self._types.which]

    def _type(self, text: str) -> int:
        untyped = self._layout.untyped
        if text:
            number = read_type(text)
            if number == RATING_TYPE and untyped is None:
                raise FieldError("unknown-type", NOT_AN_INTERACTION)
            return number
        if untyped is None:
            raise FieldError("no-type", NO_TYPE)
        return RATING_TYPE if untyped == "rating" else EVENT_TYPES.index(untyped)

    def _value(self, text: str) -> float:
        if not text and self._layout.has_types:
            raise FieldError("no-rating", NO_RATING)
        return read_value(text, self._scale)

    def _titles_of_items(self, items: Sequence[str], lines: Ints) -> dict[str, str]:
        """Return the first storable title of each item that has one."""
        if self._layout.title < 0:
            return {}
        texts = self._titles.texts
        fit = [0 < len(text) <= MAX_TITLE_LENGTH and not CONTROL.search(text) for text in texts]
        titled = lines[np.array(fit, dtype=np.bool_)[self._titles.which[lines]]]
        found, first = np.unique(self._items.which[titled], return_index=True)
        which = self._titles.which[titled][first]
        pairs = zip(found.tolist(), which.tolist(), strict=True)
        return {items[item]: texts[title] for item, title in pairs}

    def _in_order(self, some: Flags) -> Ints:
        """Return the places of the valid lines among some, by line number."""
        places = np.flatnonzero(self._good & some)
        return places[np.argsort(self._lines[places], kind="stable")]


def _fill_times(times: Ints, default: int) -> Ints:
    """Replace missing times, which are −1, by the default."""
    return np.where(times < 0, default, times)
