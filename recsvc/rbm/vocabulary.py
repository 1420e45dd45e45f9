"""Outside ids and their numbers."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import pairwise

import numpy as np

from recsvc.rbm.arrays import Ints


class Vocabulary:
    """Outside ids and their numbers: id n is the n-th by code point.

    The order is made here alone, because the collation of a database may differ.
    """

    def __init__(self, sorted_ids: Sequence[str]) -> None:
        if any(a >= b for a, b in pairwise(sorted_ids)):
            raise ValueError("ids must be distinct and sorted by code point")
        self.ids = tuple(sorted_ids)

    @classmethod
    def from_ids(cls, ids: Iterable[str]) -> "Vocabulary":
        """Build the vocabulary of the distinct ids."""
        return cls(sorted(set(ids)))

    def __len__(self) -> int:
        return len(self.ids)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.ids == other.ids

    def __hash__(self) -> int:
        return hash(self.ids)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {id_: number for number, id_ in enumerate(self.ids)}

    def number(self, id_: str) -> int | None:
        """Return the number of an id, None if it is unknown."""
        return self._numbers.get(id_)

    def numbers(self, ids: Iterable[str]) -> Ints:
        """Return the numbers of ids, −1 for unknown ones."""
        return np.array([self._numbers.get(id_, -1) for id_ in ids], dtype=np.int64)
