"""Titles from a file in the folder of the ratings, and the first users of a ratings file."""

import csv
import gzip
import io
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

SAMPLE_LINES = 50
SEPARATORS = re.compile(r"\t|::|[,;|]")
USER_NAMES = ("user_id", "userid", "user")
ITEM_NAMES = ("id", "item_id", "book_id", "movie_id")


def find_titles(ratings: Path) -> list[dict[str, Any]]:
    """Read `{item_id, title}` from `u.item`, `movies.dat` or `books.csv` in the same folder.

    The fields of `u.item` are separated by `|`, those of `movies.dat` by `::`. `books.csv` is CSV
    with a header. Returns an empty list if none of these files exists.
    """
    folder = ratings.parent
    for name, rows_of in (
        ("u.item", _parse_bars),
        ("movies.dat", _parse_colons),
        ("books.csv", _parse_csv),
    ):
        if (folder / name).is_file():
            rows = rows_of(_read_text(folder / name))
            return [{"item_id": item_id, "title": title} for item_id, title in rows if title]
    return []


def _read_text(file: Path) -> str:
    """Read UTF-8 text, or else Latin-1: MovieLens files are Latin-1."""
    content = file.read_bytes()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _parse_bars(text: str) -> Iterator[tuple[str, str]]:
    return _split_lines(text, "|")


def _parse_colons(text: str) -> Iterator[tuple[str, str]]:
    return _split_lines(text, "::")


def _split_lines(text: str, separator: str) -> Iterator[tuple[str, str]]:
    for line in text.split("\n"):
        fields = line.rstrip("\r").split(separator)
        if len(fields) > 1:
            yield fields[0], fields[1]


def _parse_csv(text: str) -> Iterator[tuple[str, str]]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    named = next((name for name in ITEM_NAMES if name in (rows.fieldnames or ())), None)
    for row in rows if named else ():
        yield row[named or ""], row.get("title") or ""


def first_user_ids(ratings: Path) -> list[str]:
    """Return the distinct user ids of the first lines, without a header."""
    with _open_text(ratings) as stream:
        lines = [line.strip() for line in itertools.islice(stream, SAMPLE_LINES)]
    column = _find_user_column(lines[0]) if lines else 0
    found = (_parse_user_id(line, column) for line in lines)
    return list(dict.fromkeys(user_id for user_id in found if user_id))


def _open_text(file: Path) -> IO[str]:
    if file.suffix == ".gz":
        return gzip.open(file, "rt", encoding="utf-8-sig", errors="replace")
    return file.open(encoding="utf-8-sig", errors="replace")


def _find_user_column(first_line: str) -> int:
    names = [name.strip('"').lower() for name in SEPARATORS.split(first_line)]
    return next((names.index(name) for name in USER_NAMES if name in names), 0)


def _parse_user_id(line: str, column: int) -> str:
    if line.startswith("{"):
        try:
            row = {name.lower(): value for name, value in json.loads(line).items()}
        except ValueError:
            return ""
        return next((str(row[name]) for name in USER_NAMES if name in row), "")
    fields = SEPARATORS.split(line)
    found = fields[column].strip('"') if column < len(fields) else ""
    return "" if found.lower() in USER_NAMES else found
