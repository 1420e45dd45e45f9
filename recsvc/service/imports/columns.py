"""Split a block of lines into columns by numpy, for the lines of the usual shape. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsvc.rbm.arrays import Bytes, Ints
from recsvc.service.imports.file_format import Layout, decode

MAX_LINE_BYTES = 1 << 16  # bytes
MAX_FIELD_BYTES = 64  # bytes; a line with a longer field is parsed by itself
WORD = 8
LINE_FEED, CARRIAGE_RETURN = 10, 13


@dataclass(frozen=True)
class Column:
    """One field of many lines.

    texts  not all distinct
    which  (n_lines,) the place of each line's text
    """

    texts: list[str]
    which: Ints

    def plus(self, texts: Sequence[str]) -> "Column":
        """Return the column with more lines, which have these texts."""
        added = len(self.texts) + np.arange(len(texts))
        return Column([*self.texts, *texts], np.concatenate([self.which, added]))


class Block(NamedTuple):
    """A block split into lines, counted from 0.

    columns    of the regular lines, in the order of `Layout.places`
    regular    the numbers of those lines
    irregular  the number and the bytes of every other line
    """

    columns: list[Column]
    regular: Ints
    irregular: list[tuple[int, bytes]]


class Bounds(NamedTuple):
    """The first byte and the end of each part of a block, (n,) each."""

    start: Ints
    end: Ints


def split_block(layout: Layout, block: bytes) -> Block:
    """Split the lines that have as many plain fields as the layout; return the others whole."""
    raw = np.frombuffer(block, dtype=np.uint8)
    lines = _lines(raw)
    separators = _separators(layout.separator, raw)
    first = np.searchsorted(separators, lines.start)
    counts = np.searchsorted(separators, lines.end) - first
    plain = (counts == layout.n_fields - 1) & (lines.end - lines.start <= MAX_LINE_BYTES)
    plain &= ~_needs_own_parse(layout, block, raw, separators, lines) & (not layout.is_json)
    rows = np.flatnonzero(plain)
    fields = {
        place: _field(layout, separators, first, lines, place, rows)
        for place in layout.places
        if place >= 0
    }
    lengths = [field.end - field.start for field in fields.values()]
    short = np.all([length <= MAX_FIELD_BYTES for length in lengths], axis=0)
    columns = [
        _column(raw, Bounds(fields[place].start[short], fields[place].end[short]))
        if place >= 0
        else _empty_column(int(short.sum()))
        for place in layout.places
    ]
    plain[rows[~short]] = False
    irregular = [(n, block[lines.start[n] : lines.end[n]]) for n in np.flatnonzero(~plain).tolist()]
    return Block(columns, rows[short], irregular)


def _lines(raw: Bytes) -> Bounds:
    """Return the bounds of the lines, without their line ends."""
    feeds = np.flatnonzero(raw == LINE_FEED)
    ends = feeds if raw.size and raw[-1] == LINE_FEED else np.append(feeds, raw.size)
    if not raw.size:
        ends = feeds
    starts = np.concatenate([[0], feeds + 1])[: ends.size]
    has_return = (ends > starts) & (raw[np.maximum(ends - 1, 0)] == CARRIAGE_RETURN)
    return Bounds(starts, ends - has_return)


def _needs_own_parse(
    layout: Layout, block: bytes, raw: Bytes, separators: Ints, lines: Bounds
) -> NDArray[np.bool_]:
    """Return which lines have a quote, a NUL, or separators that overlap (as in `a:::b`)."""
    places = [np.flatnonzero(raw == code) for code in b'"\0' if bytes([code]) in block]
    if not layout.quotes:
        places.append(separators[1:][np.diff(separators) < len(layout.separator)])
    found = np.zeros(lines.start.size, dtype=np.bool_)
    for place in places:
        found |= np.searchsorted(place, lines.start) < np.searchsorted(place, lines.end)
    return found


def _field(
    layout: Layout, separators: Ints, first: Ints, lines: Bounds, place: int, rows: Ints
) -> Bounds:
    """Return the bounds of one field in these lines."""
    start, end = lines.start[rows], lines.end[rows]
    if place > 0:
        start = separators[first[rows] + place - 1] + len(layout.separator)
    if place < layout.n_fields - 1:
        end = separators[first[rows] + place]
    return Bounds(start, end)


def _empty_column(n_lines: int) -> Column:
    """Return a column of empty texts, for a field that the file lacks."""
    return Column([""], np.zeros(n_lines, dtype=np.int64))


def _separators(separator: str, raw: Bytes) -> Ints:
    """Return the first byte of each separator."""
    if not separator:
        return np.empty(0, dtype=np.int64)
    found = raw == ord(separator[0])
    if len(separator) > 1:
        found = found[:-1] & found[1:]
    return np.flatnonzero(found)


def _column(raw: Bytes, field: Bounds) -> Column:
    """Return a field as a column, with each distinct text decoded once.

    The bytes of the fields become rows of one matrix, padded with NUL, which no field contains.
    """
    lengths = field.end - field.start
    width = WORD * max(1, -(-int(lengths.max(initial=0)) // WORD))
    offsets = np.arange(width)
    padded = raw[np.minimum(field.start[:, None] + offsets, raw.size - 1)]
    padded[offsets >= lengths[:, None]] = 0
    keys = padded.view(np.uint64 if width == WORD else f"S{width}").ravel()
    distinct, which = np.unique(keys, return_inverse=True)
    texts = distinct.view(f"S{width}").tolist()
    return Column([decode(text).strip(" ") for text in texts], which)
