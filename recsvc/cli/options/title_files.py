"""Titles that lie beside a file of ratings, and whose ratings come first in it."""

import csv
import gzip
import io
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

LINES_LOOKED_AT = 50
SEPARATORS = re.compile(r"\t|::|[,;|]")
USER_NAMES = ("user_id", "userid", "user")
ITEM_NAMES = ("id", "item_id", "book_id", "movie_id")


def titles_beside(ratings: Path) -> list[dict[str, Any]]:
    """Give `{item_id, title}` from a `u.item`, `movies.dat` or `books.csv` in the same folder.

    The first two have `|` or `::` between the fields, the last is CSV with a header. Nothing
    where there is none of them.
    """
    folder = ratings.parent
    for name, rows_of in (
        ("u.item", _by_bar),
        ("movies.dat", _by_colons),
        ("books.csv", _by_header),
    ):
        if (folder / name).is_file():
            rows = rows_of(_text(folder / name))
            return [{"item_id": item_id, "title": title} for item_id, title in rows if title]
    return []


def _text(file: Path) -> str:
    """Read UTF-8, or latin-1 where it is not: MovieLens' files are the latter."""
    content = file.read_bytes()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _by_bar(text: str) -> Iterator[tuple[str, str]]:
    return _separated(text, "|")


def _by_colons(text: str) -> Iterator[tuple[str, str]]:
    return _separated(text, "::")


def _separated(text: str, separator: str) -> Iterator[tuple[str, str]]:
    for line in text.split("\n"):
        fields = line.rstrip("\r").split(separator)
        if len(fields) > 1:
            yield fields[0], fields[1]


def _by_header(text: str) -> Iterator[tuple[str, str]]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    named = next((name for name in ITEM_NAMES if name in (rows.fieldnames or ())), None)
    for row in rows if named else ():
        yield row[named or ""], row.get("title") or ""


def first_user_ids(ratings: Path) -> list[str]:
    """Give the user ids in the first lines, each once; a header is left out."""
    with _opened(ratings) as stream:
        lines = [line.strip() for line in itertools.islice(stream, LINES_LOOKED_AT)]
    column = _user_column(lines[0]) if lines else 0
    found = (_user_in(line, column) for line in lines)
    return list(dict.fromkeys(user_id for user_id in found if user_id))


def _opened(file: Path) -> IO[str]:
    if file.suffix == ".gz":
        return gzip.open(file, "rt", encoding="utf-8-sig", errors="replace")
    return file.open(encoding="utf-8-sig", errors="replace")


def _user_column(first_line: str) -> int:
    names = [name.strip('"').lower() for name in SEPARATORS.split(first_line)]
    return next((names.index(name) for name in USER_NAMES if name in names), 0)


def _user_in(line: str, column: int) -> str:
    if line.startswith("{"):
        try:
            row = {name.lower(): value for name, value in json.loads(line).items()}
        except ValueError:
            return ""
        return next((str(row[name]) for name in USER_NAMES if name in row), "")
    fields = SEPARATORS.split(line)
    found = fields[column].strip('"') if column < len(fields) else ""
    return "" if found.lower() in USER_NAMES else found
