"""Column names of known layouts: headers in any case, without punctuation."""

import re
from collections.abc import Sequence

# Column names in lower case, letters only (see `canonical`); the first name in the list wins.
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
TITLE_NAMES = ("description", "title")  # read in files of purchases only
FIELD_NAMES = (USER_NAMES, ITEM_NAMES, VALUE_NAMES, TIME_NAMES, TYPE_NAMES, QUANTITY_NAMES)
ID_NAMES = {
    name for name in (*USER_NAMES, *ITEM_NAMES) if name.endswith("id")
}  # an id never equals one of them
IGNORED_IN_NAMES = re.compile(r":(?:token|float)(?:_seq)?\s*$|[^a-z]")  # also RecBole's suffixes


def canonical(name: str) -> str:
    """Return the letters of a column name in lower case: `User-ID` is `userid`."""
    return IGNORED_IN_NAMES.sub("", name.lower())


def column(names: Sequence[str], known: Sequence[str]) -> int:
    """Return the place of the first known name among these canonical names, −1 for none."""
    return next((names.index(name) for name in known if name in names), -1)
