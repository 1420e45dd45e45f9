"""Recognise the layout of a file from its first lines. Pure."""

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, takewhile
from typing import Literal

from recsvc.errors import MalformedRequest, UnrecognisedFormat
from recsvc.service.imports.column_names import (
    FIELD_NAMES,
    ID_NAMES,
    ITEM_NAMES,
    TITLE_NAMES,
    USER_NAMES,
    canonical,
    column,
)
from recsvc.service.imports.fields import NUMBER, FieldError, read_time

SEPARATORS = {"csv": ",", "tsv": "\t", "semicolon": ";", "double-colon": "::"}
NAMES = {separator: name for name, separator in SEPARATORS.items()}
FORMATS = ("auto", *SEPARATORS, "ndjson")
BOM = b"\xef\xbb\xbf"
HEAD_LINES = 20  # lines that the recognition reads
N_REQUIRED_COLUMNS = 3  # user, item, and one of rating, type or quantity


MISSING_VALUES = ("nan", "null", "none", "na", "n/a")


@dataclass(frozen=True)
class Layout:
    """How the lines of a file are parsed.

    separator   between fields; empty if each line is a JSON object
    user, item, value, time, type, quantity, title
                columns, counted from 0; −1 for a column that the file lacks
    n_fields    number of fields of every line
    has_header  whether the first line that is not blank names the columns
    untyped     the meaning of a line without a type; None if a type is required
    """

    name: str
    separator: str = ""
    user: int = 0
    item: int = 1
    value: int = 2
    time: int = -1
    type: int = -1
    quantity: int = -1
    title: int = -1
    n_fields: int = 0
    has_header: bool = False
    untyped: Literal["rating", "purchase"] | None = "rating"

    @property
    def places(self) -> tuple[int, ...]:
        """The columns in the order of `recsvc.service.imports.parser.Fields`."""
        known = (self.user, self.item, self.value, self.time)
        return (*known, self.type, self.quantity, self.title)

    @property
    def has_types(self) -> bool:
        """Whether a line may be an interaction; if not, types are ignored."""
        return self.type >= 0 or self.untyped != "rating"

    @property
    def is_json(self) -> bool:
        """Whether each line is a JSON object."""
        return not self.separator

    @property
    def quotes(self) -> bool:
        """Whether a field may be quoted."""
        return len(self.separator) == 1


RATINGS = Layout("ndjson")
RATINGS_AND_INTERACTIONS = Layout("ndjson", type=0)
INTERACTIONS = Layout("ndjson", type=0, untyped=None)


def recognise(head: bytes, file_format: str = "auto") -> Layout:
    """Return the layout of a file, recognised from its first bytes.

    file_format  one of FORMATS

    Raises UnrecognisedFormat with the columns that were found and those that are needed.
    """
    lines = [line.rstrip("\r") for line in decode(head.removeprefix(BOM)).split("\n")]
    lines = [line for line in lines if line.strip()][:HEAD_LINES]
    if not lines:
        raise UnrecognisedFormat(f"The file has only blank lines. {REMEDY}")
    if file_format == "ndjson" or (file_format == "auto" and lines[0].lstrip()[0] == "{"):
        return RATINGS_AND_INTERACTIONS
    chosen = SEPARATORS if file_format == "auto" else [file_format]
    separators = sorted((SEPARATORS[name] for name in chosen), key=_separator_rank)
    named = (_with_header(lines[0], separator) for separator in separators)
    unnamed = (_without_header(lines, separator) for separator in separators)
    layout = next((layout for layout in chain(named, unnamed) if layout is not None), None)
    if layout is None:
        raise _first_line_error(lines[0], separators)
    return layout


def check_format(file_format: str) -> str:
    """Return the name of the format if it is known. Raises MalformedRequest."""
    if file_format not in FORMATS:
        raise MalformedRequest(
            f"format is {file_format[:40]!r}; it must be one of {', '.join(FORMATS)}.",
            field="format",
            allowed=list(FORMATS),
        )
    return file_format


def decode(raw: bytes) -> str:
    """Decode bytes as UTF-8, or else as Windows-1252, or else as Latin-1."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        try:
            return raw.decode("cp1252")
        except UnicodeDecodeError:
            return raw.decode("latin-1")


def split(line: str, separator: str) -> list[str]:
    """Return the fields of a line. Raises csv.Error for a quote that is not closed."""
    if '"' not in line or len(separator) > 1:
        return [field.strip(" ") for field in line.split(separator)]
    return next(csv.reader([line], delimiter=separator, strict=True, skipinitialspace=True), [])


def _with_header(line: str, separator: str) -> Layout | None:
    """Return the layout that the header names, None if it lacks a required column.

    Lines with a quantity and neither rating nor type are purchases, as in invoices.
    """
    names = [canonical(name) for name in _fields(line, separator)]
    user, item, value, time, kind, quantity = (column(names, known) for known in FIELD_NAMES)
    are_purchases = value < 0 and kind < 0
    if user < 0 or item < 0 or (are_purchases and quantity < 0):
        return None
    return Layout(
        NAMES[separator],
        separator,
        user,
        item,
        value,
        time,
        kind,
        quantity,
        title=column(names, TITLE_NAMES) if are_purchases else -1,
        n_fields=len(names),
        has_header=True,
        untyped="purchase" if are_purchases else "rating",
    )


def _without_header(lines: Sequence[str], separator: str) -> Layout | None:
    """Return the layout user, item, value and perhaps a time, as most of the lines have it.

    Raises UnrecognisedFormat if the lines follow a header that names other columns.
    """
    rows = [_fields(line, separator) or line.split(separator) for line in lines]
    good = [row for row in rows if _is_rating(row)]
    if not good or 2 * len(good) < len(rows):
        return None
    above = list(takewhile(lambda row: not _is_rating(row), rows))
    headers = [row for row in (*above, good[0]) if _is_header(row, good)]
    if headers:
        raise _format_error("header", headers[-1])
    lengths = [len(row) for row in good]
    n_fields = max(set(lengths), key=lambda n: (lengths.count(n), -n))
    return Layout(NAMES[separator], separator, time=3 if n_fields > 3 else -1, n_fields=n_fields)


def _is_rating(row: Sequence[str]) -> bool:
    return len(row) >= 3 and NUMBER.fullmatch(row[2]) is not None


def _is_header(row: Sequence[str], ratings: Sequence[Sequence[str]]) -> bool:
    """Return whether a line at the top is a header and not an invalid rating.

    A header has no number, and none of its names occurs again in its column. An invalid rating may
    lack a number too, but its user or its item often occurs in another rating.

    ratings  the lines below that are ratings
    """
    names = [canonical(field) for field in row if not re.search(r"[0-9]", field)]
    if not ID_NAMES.isdisjoint(names):
        return True
    if not any(row) or any(_is_value(field) for field in row):
        return False
    if column(names, USER_NAMES) >= 0 and column(names, ITEM_NAMES) >= 0:
        return True
    if len(row) > 2 and not row[2]:
        return False
    return not any(
        field and field == below
        for rating in ratings
        for field, below in zip(row[:2], rating, strict=False)
    )


def _is_value(field: str) -> bool:
    """Return whether a field is a number, a time, or a marker of a missing number."""
    if re.search(r"[0-9]", field) and not re.search(r"[^\W\d_]", field):
        return True
    try:
        return NUMBER.fullmatch(field) is not None or read_time(field) >= 0
    except FieldError:
        return field.lower() in MISSING_VALUES


def _fields(line: str, separator: str) -> list[str]:
    try:
        return split(line, separator)
    except csv.Error:
        return []


def _separator_rank(separator: str) -> int:
    return ("::", "\t", ";", ",").index(separator)


def _first_line_error(line: str, separators: Sequence[str]) -> UnrecognisedFormat:
    """Return the error for a first line that no separator splits into a header or a rating."""
    if line.lstrip().startswith("["):
        return UnrecognisedFormat(
            f"The file is one JSON array; send one JSON object a line instead. {REMEDY}"
        )
    most = max((_fields(line, separator) for separator in separators), key=len)
    return _format_error("first line", most)


def _format_error(where: str, fields: Sequence[str]) -> UnrecognisedFormat:
    """Return the error for a line that lacks required columns."""
    names = [canonical(field) for field in fields]
    user, item, value, _, kind, quantity = (column(names, known) for known in FIELD_NAMES)
    missing = [
        role
        for role, place in (
            ("a user", user),
            ("an item", item),
            ("a rating, an event type or a quantity", max(value, kind, quantity)),
        )
        if place < 0
    ]
    shown = json.dumps(list(fields[:12]), ensure_ascii=False)[:300]
    lacks = f"Missing: {'; '.join(missing)}." if missing else "Delete the lines above the header."
    if where == "header" and len(missing) == N_REQUIRED_COLUMNS:
        lacks += " Correct this line if it is not a header."
    return UnrecognisedFormat(
        f"The {where} has the columns {shown}. {lacks} Nothing was stored. {REMEDY}",
        columns=[field[:100] for field in fields[:12]],
        missing=missing,
    )


REMEDY = (
    "A file needs a header that names user, item and one of rating, type or quantity (such as "
    "user_id,item_id,rating), or lines of user, item, rating and perhaps a time without a header; "
    "see docs/how-to/import.md."
)
