"""A canvas of characters: each shows two by four Braille dots, or a sign."""

from itertools import groupby
from typing import NamedTuple

BLANK_BRAILLE = 0x2800
DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # of a character, by column and row

Place = tuple[float, float]  # horizontal and vertical position, each from 0 to 1


class Cell(NamedTuple):
    """Text of one kind; a renderer with colours maps the kind to a colour."""

    text: str
    kind: str = ""


class Canvas:
    """A grid of characters, `columns` wide and `n_rows` high."""

    def __init__(self, columns: int, n_rows: int) -> None:
        self.columns = columns
        self.n_rows = n_rows
        self._dots: dict[tuple[int, int], int] = {}
        self._kinds: dict[tuple[int, int], str] = {}
        self._signs: dict[tuple[int, int], Cell] = {}

    def line(self, start: Place, end: Place, kind: str) -> None:
        """Draw a straight line of dots; a line of length zero is a single dot."""
        (x1, y1), (x2, y2) = self._dot(start), self._dot(end)
        steps = max(abs(x2 - x1), abs(y2 - y1), 1)
        for step in range(steps + 1):
            x, y = x1 + round((x2 - x1) * step / steps), y1 + round((y2 - y1) * step / steps)
            at = x // 2, y // 4
            self._dots[at] = self._dots.get(at, 0) | DOTS[x % 2][y % 4]
            self._kinds[at] = kind

    def mark(self, place: Place, sign: str, kind: str) -> None:
        """Draw a sign over the dots."""
        x, y = self._dot(place)
        self._signs[x // 2, y // 4] = Cell(sign, kind)

    def level(self, up: float, name: str, kind: str) -> None:
        """Draw a dashed horizontal line behind the dots, with its name at the right if it fits."""
        row = self.row(up)
        for column in range(self.columns):
            at = column, row
            if at not in self._dots and at not in self._signs:
                self._signs[at] = Cell("┄", kind)
        start = self._room_for(name, row, kind)
        for offset, letter in enumerate(name if start is not None else ""):
            self._signs[(start or 0) + offset, row] = Cell(letter, kind)

    def _room_for(self, name: str, row: int, kind: str) -> int | None:
        """Return the rightmost column of a dashed row with room for a name, else None."""
        dash = Cell("┄", kind)
        for start in range(self.columns - len(name) - 1, -1, -1):
            wanted = range(start, start + len(name) + 1)
            if all(self._signs.get((column, row)) == dash for column in wanted):
                return start
        return None

    def row(self, up: float) -> int:
        """Return the row of characters at a vertical position; 0 is the top row."""
        return self._dot((0, up))[1] // 4

    def rows(self) -> list[list[Cell]]:
        """Return the rows; adjacent characters of one kind are merged into one cell."""
        return [self._merge_cells(row) for row in range(self.n_rows)]

    def _merge_cells(self, row: int) -> list[Cell]:
        cells = [self._cell(column, row) for column in range(self.columns)]
        grouped = groupby(cells, key=lambda cell: cell.kind)
        return [Cell("".join(cell.text for cell in group), kind) for kind, group in grouped]

    def _cell(self, column: int, row: int) -> Cell:
        at = column, row
        if at in self._signs:
            return self._signs[at]
        if at in self._dots:
            return Cell(chr(BLANK_BRAILLE + self._dots[at]), self._kinds[at])
        return Cell(" ")

    def _dot(self, place: Place) -> tuple[int, int]:
        across, up = place
        return round(across * (2 * self.columns - 1)), round((1 - up) * (4 * self.n_rows - 1))
