"""The lines of a file of ratings → columns of users, items, values and times. Pure.

Lines that all have the same shape, as nearly all do, are taken apart together, by numpy; a line
of another shape is read by itself. Either way each distinct text is read once, and a line is
either a rating, or refused with its number, a code and a detail, or blank.
"""

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from recsvc.service.file_layouts import (
    ITEM_NAMES,
    TIME_NAMES,
    USER_NAMES,
    VALUE_NAMES,
    Layout,
    canonical,
    column,
    decoded,
    split,
)
from recsvc.service.line_columns import LONGEST_LINE, Column, take_apart
from recsvc.service.rating_fields import Refused, Scale, read_id, read_time, read_value

T = TypeVar("T")
Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]

NO_RATING = Refused(
    "no-rating",
    "The line tells of an event without a rating; interactions come with a later version.",
)


class Refusal(NamedTuple):
    """A line that was not taken, and why."""

    line: int
    code: str
    detail: str


@dataclass(frozen=True)
class RatingLines:
    """What some lines of a file say.

    users, items        distinct ids
    user_of, item_of    (n_ratings,) which of them each rating is about
    values              (n_ratings,)
    rated_at            (n_ratings,) microseconds since 1970
    lines               (n_ratings,) line numbers, increasing
    """

    n_lines: int
    n_blank: int
    users: list[str]
    user_of: Ints
    items: list[str]
    item_of: Ints
    values: Doubles
    rated_at: Ints
    lines: Ints
    refusals: list[Refusal]


class Fields(NamedTuple):
    """The four texts that a line is about, each empty where the line does not have it."""

    user: str
    item: str
    value: str
    time: str


def read_lines(
    layout: Layout, block: bytes, *, first_line: int, default_time: int, scale: Scale | None
) -> RatingLines:
    """Read a block of whole lines.

    first_line    the number of the block's first line
    default_time  of ratings that tell no time, in microseconds since 1970
    """
    columns, regular, odd = take_apart(layout, block)
    written = [(first_line + line, raw) for line, raw in odd if raw.strip()]
    taken, refusals = _sort_out(written, lambda raw: _fields(raw, layout))
    lines = np.append(first_line + regular, np.array([line for line, _ in taken], dtype=np.int64))
    columns = [texts.plus([fields[n] for _, fields in taken]) for n, texts in enumerate(columns)]
    read = _Reading(columns, lines, layout.has_events, default_time, scale)
    return read.result(len(regular) + len(odd), len(odd) - len(written), refusals)


def read_objects(
    objects: Sequence[object], *, default_time: int, scale: Scale | None
) -> RatingLines:
    """Read ratings that came as JSON objects; a line's number is the object's, from 1."""
    taken, refusals = _sort_out(enumerate(objects, start=1), fields_of_object)
    nothing = Column([], np.empty(0, dtype=np.int64))
    columns = [nothing.plus([fields[n] for _, fields in taken]) for n in range(len(Fields._fields))]
    lines = np.array([line for line, _ in taken], dtype=np.int64)
    read = _Reading(columns, lines, False, default_time, scale)
    return read.result(len(objects), 0, refusals)


def header_length(block: bytes) -> tuple[int, int]:
    """Give the number of lines up to the header, itself included, and their bytes."""
    n_lines = n_bytes = 0
    for line in block.splitlines(keepends=True):
        n_lines, n_bytes = n_lines + 1, n_bytes + len(line)
        if line.strip():
            break
    return n_lines, n_bytes


def fields_of_object(entry: object) -> Fields:
    """Take the fields out of a JSON object. Raises Refused."""
    if not isinstance(entry, dict):
        raise Refused("not-an-object", "The line is JSON, but not an object of fields.")
    names = [canonical(name) for name in entry]
    values = list(entry.values())
    known = (USER_NAMES, ITEM_NAMES, VALUE_NAMES, TIME_NAMES)
    places = [column(names, some) for some in known]
    for field, place in zip(("user_id", "item_id"), places, strict=False):
        if place < 0:
            raise Refused("missing-field", f"The object has no {field}.")
    return Fields(*("" if place < 0 else _text(values[place]) for place in places))


def _sort_out(
    numbered: Iterable[tuple[int, T]], reader: Callable[[T], Fields]
) -> tuple[list[tuple[int, Fields]], list[Refusal]]:
    """Read lines one by one: those that have fields, and those that are refused."""
    taken: list[tuple[int, Fields]] = []
    refusals: list[Refusal] = []
    for line, entry in numbered:
        try:
            taken.append((line, reader(entry)))
        except Refused as refused:
            refusals.append(Refusal(line, refused.code, refused.detail))
    return taken, refusals


def _fields(raw: bytes, layout: Layout) -> Fields:
    if len(raw) > LONGEST_LINE:
        raise Refused("line-too-long", f"The line has more than {LONGEST_LINE:,} bytes.")
    line = decoded(raw)
    if layout.is_json:
        return _fields_of_json(line)
    try:
        fields = split(line, layout.separator)
    except csv.Error as error:
        raise Refused("bad-quotes", f"A quote does not end with its field: {error}.") from error
    if len(fields) != layout.n_fields:
        code = "too-few-fields" if len(fields) < layout.n_fields else "too-many-fields"
        raise Refused(code, f"The line has {len(fields)} fields, the file {layout.n_fields}.")
    places = (layout.user, layout.item, layout.value, layout.time)
    return Fields(*("" if place < 0 else fields[place] for place in places))


def _fields_of_json(line: str) -> Fields:
    try:
        return fields_of_object(json.loads(line))
    except (ValueError, RecursionError) as error:
        raise Refused("not-json", f"The line is not JSON: {error}.") from error


def _text(value: object) -> str:
    """Spell a JSON value as a file would; what can be no field is left as it looks."""
    if value is None:
        return ""
    if isinstance(value, bool | list | dict):
        raise Refused("bad-field", f"{json.dumps(value)[:40]} is neither a text nor a number.")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True)
class _Reading:
    """Columns of texts, about to become columns of ids, values and times."""

    columns: list[Column]
    lines: Ints
    has_events: bool
    default_time: int
    scale: Scale | None

    def result(self, n_lines: int, n_blank: int, refusals: list[Refusal]) -> RatingLines:
        """Read all columns; a line is refused for the first of its fields that is."""
        users, items, values, times = self.columns
        read_users, bad_users = _read(users.texts, lambda text: read_id("user_id", text), "")
        read_items, bad_items = _read(items.texts, lambda text: read_id("item_id", text), "")
        read_values, bad_values = _read(values.texts, self._value, 0.0)
        read_times, bad_times = _read(times.texts, self._time, 0)
        good = np.ones(self.lines.size, dtype=np.bool_)
        bad = (bad_users, bad_items, bad_values, bad_times)
        for texts, refused in zip(self.columns, bad, strict=True):
            refusals += self._refusals(texts, refused, good)
        order = np.flatnonzero(good)[np.argsort(self.lines[good], kind="stable")]
        return RatingLines(
            n_lines=n_lines,
            n_blank=n_blank,
            users=read_users,
            user_of=users.which[order],
            items=read_items,
            item_of=items.which[order],
            values=np.array(read_values, dtype=np.float64)[values.which[order]],
            rated_at=np.array(read_times, dtype=np.int64)[times.which[order]],
            lines=self.lines[order],
            refusals=sorted(refusals),
        )

    def _value(self, text: str) -> float:
        if not text and self.has_events:
            raise NO_RATING
        return read_value(text, self.scale)

    def _time(self, text: str) -> int:
        return read_time(text) if text else self.default_time

    def _refusals(
        self, texts: Column, refused: dict[int, Refused], good: NDArray[np.bool_]
    ) -> list[Refusal]:
        """List the lines whose text is refused, and count them as good no longer."""
        if not refused:
            return []
        hit = good & np.isin(texts.which, list(refused))
        good[hit] = False
        pairs = zip(self.lines[hit].tolist(), texts.which[hit].tolist(), strict=True)
        return [Refusal(line, refused[n].code, refused[n].detail) for line, n in pairs]


def _read(
    texts: Sequence[str], reader: Callable[[str], T], nothing: T
) -> tuple[list[T], dict[int, Refused]]:
    """Read each text; one that is refused becomes `nothing`, and its place is told."""
    found, refused = [], {}
    for n, text in enumerate(texts):
        try:
            found.append(reader(text))
        except Refused as error:
            found.append(nothing)
            refused[n] = error
    return found, refused
