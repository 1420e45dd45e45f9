"""What a file looks like, told from its first lines. Pure: bytes in, a Layout out."""

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from recsvc.errors import MalformedRequest, UnrecognisedFormat
from recsvc.service.rating_fields import NUMBER

SEPARATORS = {"csv": ",", "tsv": "\t", "semicolon": ";", "double-colon": "::"}
NAMES = {separator: name for name, separator in SEPARATORS.items()}
FORMATS = ("auto", *SEPARATORS, "ndjson")
BOM = b"\xef\xbb\xbf"
LOOKED_AT = 20  # lines

# Column names as they are once lower-cased and stripped of what is no letter; the first wins.
USER_NAMES = ("user", "userid", "customer", "customerid", "visitorid")
ITEM_NAMES = (
    *("item", "itemid", "product", "productid", "book", "bookid", "movie", "movieid"),
    *("stockcode", "sku"),
)
VALUE_NAMES = ("rating", "value", "score", "eventvalue")
TIME_NAMES = (
    *("timestamp", "time", "date", "ratedat", "occurredat", "eventtime"),
    *("invoicedate", "orderdate"),
)
TYPE_NAMES = ("eventtype", "feedbacktype", "type", "event")
QUANTITY_NAMES = ("quantity", "qty")
TITLE_NAMES = ("description", "title")  # of lists of purchases alone
FIELD_NAMES = (USER_NAMES, ITEM_NAMES, VALUE_NAMES, TIME_NAMES, TYPE_NAMES, QUANTITY_NAMES)


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
    for separator in separators:
        layout = _with_header(lines[0], separator) or _without_header(lines, separator)
        if layout is not None:
            return layout
    raise UnrecognisedFormat(_what_was_found(lines[0], separators))


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
    return re.sub(r"[^a-z]", "", name.lower())


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
        *(user, item, value, time, kind, quantity),
        title=column(names, TITLE_NAMES) if are_purchases else -1,
        n_fields=len(names),
        has_header=True,
        untyped="purchase" if are_purchases else "rating",
    )


def _without_header(lines: Sequence[str], separator: str) -> Layout | None:
    """user, item, value and perhaps a time, as most lines have it."""
    rows = [_fields(line, separator) for line in lines]
    good = [row for row in rows if len(row) >= 3 and NUMBER.fullmatch(row[2])]
    if not good or 2 * len(good) < len(rows):
        return None
    lengths = [len(row) for row in good]
    n_fields = max(set(lengths), key=lambda n: (lengths.count(n), -n))
    return Layout(NAMES[separator], separator, time=3 if n_fields > 3 else -1, n_fields=n_fields)


def _fields(line: str, separator: str) -> list[str]:
    try:
        return split(line, separator)
    except csv.Error:
        return []


def _clearest_first(separator: str) -> int:
    return ("::", "\t", ";", ",").index(separator)


def _what_was_found(line: str, separators: Sequence[str]) -> str:
    if line.lstrip().startswith("["):
        return f"The file is one JSON array; send one JSON object a line instead. {REMEDY}"
    most = max(separators, key=lambda separator: len(_fields(line, separator)))
    columns = json.dumps(_fields(line, most)[:12], ensure_ascii=False)[:300]
    return f"The first line has the columns {columns}, among which no ratings are found. {REMEDY}"


REMEDY = (
    "A file needs a header that names user, item and one of rating, type or quantity (such as "
    "user_id,item_id,rating), or lines of user, item, rating and perhaps a time without a header; "
    "docs/importing.md has all."
)
