"""What a file looks like, told from its first lines. Pure: bytes in, a Layout out."""

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, takewhile
from typing import Literal

from recsvc.errors import MalformedRequest, UnrecognisedFormat
from recsvc.service.imports.fields import NUMBER, Refused, read_time

SEPARATORS = {"csv": ",", "tsv": "\t", "semicolon": ";", "double-colon": "::"}
NAMES = {separator: name for name, separator in SEPARATORS.items()}
FORMATS = ("auto", *SEPARATORS, "ndjson")
BOM = b"\xef\xbb\xbf"
LOOKED_AT = 20  # lines
N_NEEDED = 3  # columns: user, item and what the one did with the other

# Column names as they are once lower-cased and stripped of what is no letter; the first wins.
USER_NAMES = ("user", "userid", "customer", "customerid", "visitorid")
ITEM_NAMES = (
    "item",
    "itemid",
    "product",
    "productid",
    "book",
    "bookid",
    "movie",
    "movieid",
    "stockcode",
    "sku",
    "isbn",
)
VALUE_NAMES = ("rating", "value", "score", "eventvalue", "bookrating")
TIME_NAMES = (
    "timestamp",
    "time",
    "date",
    "ratedat",
    "occurredat",
    "eventtime",
    "invoicedate",
    "orderdate",
)
TYPE_NAMES = ("eventtype", "feedbacktype", "type", "event")
QUANTITY_NAMES = ("quantity", "qty")
TITLE_NAMES = ("description", "title")  # of lists of purchases alone
FIELD_NAMES = (USER_NAMES, ITEM_NAMES, VALUE_NAMES, TIME_NAMES, TYPE_NAMES, QUANTITY_NAMES)
ID_NAMES = {name for name in (*USER_NAMES, *ITEM_NAMES) if name.endswith("id")}  # no id is so named
NOT_IN_A_NAME = re.compile(r":(?:token|float)(?:_seq)?\s*$|[^a-z]")  # RecBole's suffixes, too

NO_VALUE = ("nan", "null", "none", "na", "n/a")


@dataclass(frozen=True)
class Layout:
    """How the lines of a file are to be read.

    separator   between fields; empty where each line is a JSON object
    user, item, value, time, type, quantity, title
                columns, counted from 0; −1 where there is none
    n_fields    fields of every line
    has_header  the first line that is not blank names the columns
    untyped     what a line is that tells no type; None where it must tell one
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
        """Give the columns in the order of `recsvc.service.file_lines.Fields`."""
        known = (self.user, self.item, self.value, self.time)
        return (*known, self.type, self.quantity, self.title)

    @property
    def has_types(self) -> bool:
        """Tell whether a line may be an interaction; where none may, types mean nothing."""
        return self.type >= 0 or self.untyped != "rating"

    @property
    def is_json(self) -> bool:
        """Tell whether each line is a JSON object."""
        return not self.separator

    @property
    def quotes(self) -> bool:
        """Tell whether a field may stand in quotes."""
        return len(self.separator) == 1


RATINGS = Layout("ndjson")
RATINGS_AND_INTERACTIONS = Layout("ndjson", type=0)
INTERACTIONS = Layout("ndjson", type=0, untyped=None)


def recognise(head: bytes, file_format: str = "auto") -> Layout:
    """Tell the layout from the first bytes of a file.

    Raises UnrecognisedFormat, saying what was found and what would be understood.
    """
    lines = [line.rstrip("\r") for line in decoded(head.removeprefix(BOM)).split("\n")]
    lines = [line for line in lines if line.strip()][:LOOKED_AT]
    if not lines:
        raise UnrecognisedFormat(f"The file has no line that is not blank. {REMEDY}")
    if file_format == "ndjson" or (file_format == "auto" and lines[0].lstrip()[0] == "{"):
        return RATINGS_AND_INTERACTIONS
    chosen = SEPARATORS if file_format == "auto" else [file_format]
    separators = sorted((SEPARATORS[name] for name in chosen), key=_clearest_first)
    named = (_with_header(lines[0], separator) for separator in separators)
    unnamed = (_without_header(lines, separator) for separator in separators)
    layout = next((layout for layout in chain(named, unnamed) if layout is not None), None)
    if layout is None:
        raise _nothing_found(lines[0], separators)
    return layout


def checked_format(file_format: str) -> str:
    """Give the format's name back where there is such a one. Raises MalformedRequest."""
    if file_format not in FORMATS:
        raise MalformedRequest(
            f"format is {file_format[:40]!r}; it must be one of {', '.join(FORMATS)}.",
            field="format",
            allowed=list(FORMATS),
        )
    return file_format


def decoded(raw: bytes) -> str:
    """Read bytes as UTF-8, or else as Windows's superset of latin-1."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        try:
            return raw.decode("cp1252")
        except UnicodeDecodeError:
            return raw.decode("latin-1")


def split(line: str, separator: str) -> list[str]:
    """Give the fields of a line. Raises csv.Error where a quote is not closed."""
    if '"' not in line or len(separator) > 1:
        return [field.strip(" ") for field in line.split(separator)]
    return next(csv.reader([line], delimiter=separator, strict=True, skipinitialspace=True), [])


def canonical(name: str) -> str:
    """Give a column's name without case, underscores and the like: `User-ID` is `userid`."""
    return NOT_IN_A_NAME.sub("", name.lower())


def column(names: Sequence[str], known: Sequence[str]) -> int:
    """Give the place of the first known name among these canonical names, −1 for none."""
    return next((names.index(name) for name in known if name in names), -1)


def _with_header(line: str, separator: str) -> Layout | None:
    """Lines with neither rating nor type, but a quantity, are purchases: a shop's invoices."""
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
    """user, item, value and perhaps a time, as most lines have it.

    Raises UnrecognisedFormat where a header that names other columns stands above them.
    """
    rows = [_fields(line, separator) or line.split(separator) for line in lines]
    good = [row for row in rows if _is_rating(row)]
    if not good or 2 * len(good) < len(rows):
        return None
    above = list(takewhile(lambda row: not _is_rating(row), rows))
    headers = [row for row in (*above, good[0]) if _is_header(row, good)]
    if headers:
        raise _unrecognised("header", headers[-1])
    lengths = [len(row) for row in good]
    n_fields = max(set(lengths), key=lambda n: (lengths.count(n), -n))
    return Layout(NAMES[separator], separator, time=3 if n_fields > 3 else -1, n_fields=n_fields)


def _is_rating(row: Sequence[str]) -> bool:
    return len(row) >= 3 and NUMBER.fullmatch(row[2]) is not None


def _is_header(row: Sequence[str], ratings: Sequence[Sequence[str]]) -> bool:
    """Check whether a line at the top names columns and is not a rating with a fault.

    A header has no number, and none of its names comes again in its column. A broken rating may
    have no number either, but its user or its item often has another rating.

    ratings  lines below that are ratings
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
    """Check whether a field is a number, a time, or what stands for a number that is missing."""
    if re.search(r"[0-9]", field) and not re.search(r"[^\W\d_]", field):
        return True
    try:
        return NUMBER.fullmatch(field) is not None or read_time(field) >= 0
    except Refused:
        return field.lower() in NO_VALUE


def _fields(line: str, separator: str) -> list[str]:
    try:
        return split(line, separator)
    except csv.Error:
        return []


def _clearest_first(separator: str) -> int:
    return ("::", "\t", ";", ",").index(separator)


def _nothing_found(line: str, separators: Sequence[str]) -> UnrecognisedFormat:
    """Return the error about a first line that no separator makes a header or a rating of."""
    if line.lstrip().startswith("["):
        return UnrecognisedFormat(
            f"The file is one JSON array; send one JSON object a line instead. {REMEDY}"
        )
    most = max((_fields(line, separator) for separator in separators), key=len)
    return _unrecognised("first line", most)


def _unrecognised(where: str, fields: Sequence[str]) -> UnrecognisedFormat:
    """Return the error about a line whose fields are not the columns that are needed."""
    names = [canonical(field) for field in fields]
    user, item, value, _, kind, quantity = (column(names, known) for known in FIELD_NAMES)
    missing = [
        what
        for what, place in (
            ("a user", user),
            ("an item", item),
            ("a rating, an event type or a quantity", max(value, kind, quantity)),
        )
        if place < 0
    ]
    shown = json.dumps(list(fields[:12]), ensure_ascii=False)[:300]
    lacks = f"Missing: {'; '.join(missing)}." if missing else "Delete the lines above the header."
    if where == "header" and len(missing) == N_NEEDED:
        lacks += " Correct this line if it is not a header."
    return UnrecognisedFormat(
        f"The {where} has the columns {shown}. {lacks} Nothing was stored. {REMEDY}",
        columns=[field[:100] for field in fields[:12]],
        missing=missing,
    )


REMEDY = (
    "A file needs a header that names user, item and one of rating, type or quantity (such as "
    "user_id,item_id,rating), or lines of user, item, rating and perhaps a time without a header; "
    "docs/how-to/import.md has all."
)
