"""Split the lines of a file or a request into columns of texts. Pure.

Lines of the usual shape are split together by numpy; a line of another shape is parsed by itself.
`recsvc.service.imports.records` parses the texts.
"""

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from recsvc.rbm.rating_scale import RatingScale
from recsvc.service.imports.column_names import FIELD_NAMES, canonical, column
from recsvc.service.imports.columns import MAX_LINE_BYTES, Column, split_block
from recsvc.service.imports.fields import FieldError
from recsvc.service.imports.file_format import Layout, decode, split
from recsvc.service.imports.records import DefaultTimestamps, Lines, RecordParser, Refusal

T = TypeVar("T")

N_RATING_FIELDS = 4  # user, item, value and time


class Fields(NamedTuple):
    """The texts of a line, each empty if the line lacks the field."""

    user: str
    item: str
    value: str
    time: str
    type: str = ""
    quantity: str = ""
    title: str = ""

    @classmethod
    def from_texts(cls, texts: list[str]) -> "Fields":
        """Return fields with these first texts; the others are empty."""
        return cls._make(texts + [""] * (len(cls._fields) - len(texts)))


def read_lines(
    layout: Layout,
    block: bytes,
    *,
    first_line: int,
    defaults: DefaultTimestamps,
    scale: RatingScale | None,
) -> Lines:
    """Parse a block of whole lines; `first_line` is the number of its first one."""
    columns, regular, irregular = split_block(layout, block)
    written = [(first_line + line, raw) for line, raw in irregular if raw.strip()]
    parsed, refusals = _parse_each(written, lambda raw: _fields(raw, layout))
    lines = np.append(first_line + regular, np.array([line for line, _ in parsed], dtype=np.int64))
    columns = [texts.plus([fields[n] for _, fields in parsed]) for n, texts in enumerate(columns)]
    parser = RecordParser(layout, columns, lines, defaults, scale)
    n_lines, n_blank = len(regular) + len(irregular), len(irregular) - len(written)
    return parser.parse(n_lines, n_blank, refusals)


def read_objects(
    layout: Layout,
    objects: Sequence[object],
    *,
    defaults: DefaultTimestamps,
    scale: RatingScale | None,
) -> Lines:
    """Parse JSON objects; the line numbers are those of the objects, from 1."""
    parsed, refusals = _parse_each(
        enumerate(objects, start=1), lambda entry: fields_of_object(entry, layout)
    )
    empty = Column([], np.empty(0, dtype=np.int64))
    columns = [empty.plus([fields[n] for _, fields in parsed]) for n in range(len(Fields._fields))]
    lines = np.array([line for line, _ in parsed], dtype=np.int64)
    parser = RecordParser(layout, columns, lines, defaults, scale)
    return parser.parse(len(objects), 0, refusals)


def header_length(block: bytes) -> tuple[int, int]:
    """Return the number of lines up to and including the header, and their bytes."""
    n_lines = n_bytes = 0
    for line in block.splitlines(keepends=True):
        n_lines, n_bytes = n_lines + 1, n_bytes + len(line)
        if line.strip():
            break
    return n_lines, n_bytes


def fields_of_object(entry: object, layout: Layout) -> Fields:
    """Return the fields of a JSON object. Raises FieldError."""
    if not isinstance(entry, dict):
        raise FieldError(
            "not-an-object", "The line is JSON, but not an object; send an object with fields."
        )
    names = [canonical(name) for name in entry]
    values = list(entry.values())
    known_names = FIELD_NAMES if layout.has_types else FIELD_NAMES[:N_RATING_FIELDS]
    places = [column(names, known) for known in known_names]
    for field, place in zip(("user_id", "item_id"), places, strict=False):
        if place < 0:
            raise FieldError("missing-field", f"The object has no {field}.")
    return Fields.from_texts(["" if place < 0 else _text(values[place]) for place in places])


def _parse_each(
    numbered: Iterable[tuple[int, T]], reader: Callable[[T], Fields]
) -> tuple[list[tuple[int, Fields]], list[Refusal]]:
    """Parse lines one by one; return those that have fields, and the refusals."""
    parsed: list[tuple[int, Fields]] = []
    refusals: list[Refusal] = []
    for line, entry in numbered:
        try:
            parsed.append((line, reader(entry)))
        except FieldError as error:
            refusals.append(Refusal(line, error.code, error.detail))
    return parsed, refusals


def _fields(raw: bytes, layout: Layout) -> Fields:
    if len(raw) > MAX_LINE_BYTES:
        raise FieldError("line-too-long", f"The line has more than {MAX_LINE_BYTES:,} bytes.")
    line = decode(raw)
    if layout.is_json:
        return _fields_of_json(line, layout)
    try:
        fields = split(line, layout.separator)
    except csv.Error as error:
        raise FieldError("bad-quotes", f"A quote does not end with its field: {error}.") from error
    if len(fields) != layout.n_fields:
        code = "too-few-fields" if len(fields) < layout.n_fields else "too-many-fields"
        raise FieldError(code, f"The line has {len(fields)} fields, the file {layout.n_fields}.")
    return Fields.from_texts(["" if place < 0 else fields[place] for place in layout.places])


def _fields_of_json(line: str, layout: Layout) -> Fields:
    try:
        return fields_of_object(json.loads(line), layout)
    except (ValueError, RecursionError) as error:
        raise FieldError("not-json", f"The line is not JSON: {error}.") from error


def _text(value: object) -> str:
    """Return a JSON value as the text that a file would have. Raises FieldError."""
    if value is None:
        return ""
    if isinstance(value, bool | list | dict):
        raise FieldError("bad-field", f"{json.dumps(value)[:40]} is neither a text nor a number.")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
