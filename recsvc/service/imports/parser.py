"""The lines of a file, or of a request → columns of texts, line by line or all at once. Pure.

Lines that all have the same shape, as nearly all do, are taken apart together, by numpy; a line
of another shape is read by itself. What the texts say is read by `recsvc.service.imports.records`.
"""

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from recsvc.rbm.rating_scale import RatingScale
from recsvc.service.imports.columns import LONGEST_LINE, Column, take_apart
from recsvc.service.imports.fields import Refused
from recsvc.service.imports.file_format import (
    FIELD_NAMES,
    Layout,
    canonical,
    column,
    decoded,
    split,
)
from recsvc.service.imports.records import Lines, Reading, Refusal, Undated

T = TypeVar("T")

N_OF_A_RATING = 4  # fields: user, item, value and time


class Fields(NamedTuple):
    """The texts that a line is about, each empty where the line does not have it."""

    user: str
    item: str
    value: str
    time: str
    type: str = ""
    quantity: str = ""
    title: str = ""

    @classmethod
    def of(cls, texts: list[str]) -> "Fields":
        """Return the first fields from texts, the others empty."""
        return cls._make(texts + [""] * (len(cls._fields) - len(texts)))


def read_lines(
    layout: Layout, block: bytes, *, first_line: int, undated: Undated, scale: RatingScale | None
) -> Lines:
    """Read a block of whole lines; `first_line` is the number of its first one."""
    columns, regular, odd = take_apart(layout, block)
    written = [(first_line + line, raw) for line, raw in odd if raw.strip()]
    taken, refusals = _sort_out(written, lambda raw: _fields(raw, layout))
    lines = np.append(first_line + regular, np.array([line for line, _ in taken], dtype=np.int64))
    columns = [texts.plus([fields[n] for _, fields in taken]) for n, texts in enumerate(columns)]
    reading = Reading(layout, columns, lines, undated, scale)
    return reading.result(len(regular) + len(odd), len(odd) - len(written), refusals)


def read_objects(
    layout: Layout, objects: Sequence[object], *, undated: Undated, scale: RatingScale | None
) -> Lines:
    """Read what came as JSON objects; a line's number is the object's, from 1."""
    taken, refusals = _sort_out(
        enumerate(objects, start=1), lambda entry: fields_of_object(entry, layout)
    )
    nothing = Column([], np.empty(0, dtype=np.int64))
    columns = [nothing.plus([fields[n] for _, fields in taken]) for n in range(len(Fields._fields))]
    lines = np.array([line for line, _ in taken], dtype=np.int64)
    reading = Reading(layout, columns, lines, undated, scale)
    return reading.result(len(objects), 0, refusals)


def header_length(block: bytes) -> tuple[int, int]:
    """Give the number of lines up to the header, itself included, and their bytes."""
    n_lines = n_bytes = 0
    for line in block.splitlines(keepends=True):
        n_lines, n_bytes = n_lines + 1, n_bytes + len(line)
        if line.strip():
            break
    return n_lines, n_bytes


def fields_of_object(entry: object, layout: Layout) -> Fields:
    """Take the fields out of a JSON object. Raises Refused."""
    if not isinstance(entry, dict):
        raise Refused("not-an-object", "The line is JSON, but not an object of fields.")
    names = [canonical(name) for name in entry]
    values = list(entry.values())
    known_names = FIELD_NAMES if layout.has_types else FIELD_NAMES[:N_OF_A_RATING]
    places = [column(names, known) for known in known_names]
    for field, place in zip(("user_id", "item_id"), places, strict=False):
        if place < 0:
            raise Refused("missing-field", f"The object has no {field}.")
    return Fields.of(["" if place < 0 else _text(values[place]) for place in places])


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
        return _fields_of_json(line, layout)
    try:
        fields = split(line, layout.separator)
    except csv.Error as error:
        raise Refused("bad-quotes", f"A quote does not end with its field: {error}.") from error
    if len(fields) != layout.n_fields:
        code = "too-few-fields" if len(fields) < layout.n_fields else "too-many-fields"
        raise Refused(code, f"The line has {len(fields)} fields, the file {layout.n_fields}.")
    return Fields.of(["" if place < 0 else fields[place] for place in layout.places])


def _fields_of_json(line: str, layout: Layout) -> Fields:
    try:
        return fields_of_object(json.loads(line), layout)
    except (ValueError, RecursionError) as error:
        raise Refused("not-json", f"The line is not JSON: {error}.") from error


def _text(value: object) -> str:
    """Spell a JSON value as a file would; what can be no field is left as it looks."""
    if value is None:
        return ""
    if isinstance(value, bool | list | dict):
        raise Refused("bad-field", f"{json.dumps(value)[:40]} is neither a text nor a number.")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
