"""A block of lines → its columns: by numpy where all lines have the same shape. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsvc.rbm.arrays import Bytes, Ints
from recsvc.service.imports.file_format import Layout, decoded

LONGEST_LINE = 1 << 16  # bytes
LONGEST_FIELD = 64  # bytes; a line with a longer one is read by itself
WORD = 8
LINE_FEED, CARRIAGE_RETURN = 10, 13


@dataclass(frozen=True)
class Column:
    """One field of many lines: the texts (not all of them distinct), and which each line has."""

    texts: list[str]
    which: Ints

    def plus(self, texts: Sequence[str]) -> "Column":
        """Add lines with these texts."""
        added = len(self.texts) + np.arange(len(texts))
        return Column([*self.texts, *texts], np.concatenate([self.which, added]))


class Block(NamedTuple):
    """A block taken apart; lines are counted from 0.

    columns  of the regular lines, as `Layout.places` has them
    regular  the numbers of those lines
    odd      the number and the bytes of every other line
    """

    columns: list[Column]
    regular: Ints
    odd: list[tuple[int, bytes]]


class Bounds(NamedTuple):
    """Where something begins and ends in a block: (n,) each."""

    start: Ints
    end: Ints


def take_apart(layout: Layout, block: bytes) -> Block:
    """Separate the lines that have as many plain fields as the layout says from the others."""
    raw = np.frombuffer(block, dtype=np.uint8)
    lines = _lines(raw)
    separators = _separators(layout.separator, raw)
    first = np.searchsorted(separators, lines.start)
    counts = np.searchsorted(separators, lines.end) - first
    plain = (counts == layout.n_fields - 1) & (lines.end - lines.start <= LONGEST_LINE)
    plain &= ~_strange(layout, block, raw, separators, lines) & (not layout.is_json)
    rows = np.flatnonzero(plain)
    fields = {
        place: _field(layout, separators, first, lines, place, rows)
        for place in layout.places
        if place >= 0
    }
    lengths = [field.end - field.start for field in fields.values()]
    short = np.all([length <= LONGEST_FIELD for length in lengths], axis=0)
    columns = [
        _column(raw, Bounds(fields[place].start[short], fields[place].end[short]))
        if place >= 0
        else _nothing(int(short.sum()))
        for place in layout.places
    ]
    plain[rows[~short]] = False
    odd = [(n, block[lines.start[n] : lines.end[n]]) for n in np.flatnonzero(~plain).tolist()]
    return Block(columns, rows[short], odd)


def _lines(raw: Bytes) -> Bounds:
    """Find the lines, without what ends them."""
    feeds = np.flatnonzero(raw == LINE_FEED)
    ends = feeds if raw.size and raw[-1] == LINE_FEED else np.append(feeds, raw.size)
    if not raw.size:
        ends = feeds
    starts = np.concatenate([[0], feeds + 1])[: ends.size]
    has_return = (ends > starts) & (raw[np.maximum(ends - 1, 0)] == CARRIAGE_RETURN)
    return Bounds(starts, ends - has_return)


def _strange(
    layout: Layout, block: bytes, raw: Bytes, separators: Ints, lines: Bounds
) -> NDArray[np.bool_]:
    """Tell which lines have a quote, a NUL, or two separators that overlap (as in `a:::b`)."""
    places = [np.flatnonzero(raw == code) for code in b'"\0' if bytes([code]) in block]
    if not layout.quotes:
        places.append(separators[1:][np.diff(separators) < len(layout.separator)])
    strange = np.zeros(lines.start.size, dtype=np.bool_)
    for place in places:
        strange |= np.searchsorted(place, lines.start) < np.searchsorted(place, lines.end)
    return strange


def _field(
    layout: Layout, separators: Ints, first: Ints, lines: Bounds, place: int, rows: Ints
) -> Bounds:
    """Find one field of these lines."""
    start, end = lines.start[rows], lines.end[rows]
    if place > 0:
        start = separators[first[rows] + place - 1] + len(layout.separator)
    if place < layout.n_fields - 1:
        end = separators[first[rows] + place]
    return Bounds(start, end)


def _nothing(n_lines: int) -> Column:
    """Give a field that the file does not have: it is empty in each line."""
    return Column([""], np.zeros(n_lines, dtype=np.int64))


def _separators(separator: str, raw: Bytes) -> Ints:
    """Find where separators begin."""
    if not separator:
        return np.empty(0, dtype=np.int64)
    found = raw == ord(separator[0])
    if len(separator) > 1:
        found = found[:-1] & found[1:]
    return np.flatnonzero(found)


def _column(raw: Bytes, field: Bounds) -> Column:
    """Read each distinct text of a field once.

    The bytes of each field are laid out side by side, padded by NUL, which no field has.
    """
    lengths = field.end - field.start
    width = WORD * max(1, -(-int(lengths.max(initial=0)) // WORD))
    offsets = np.arange(width)
    padded = raw[np.minimum(field.start[:, None] + offsets, raw.size - 1)]
    padded[offsets >= lengths[:, None]] = 0
    keys = padded.view(np.uint64 if width == WORD else f"S{width}").ravel()
    distinct, which = np.unique(keys, return_inverse=True)
    texts = distinct.view(f"S{width}").tolist()
    return Column([decoded(text).strip(" ") for text in texts], which)
