"""A published version together with the catalogue of now: what every answer is made from."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from recsvc.db.recommendations.user_histories import CatalogueRow
from recsvc.rbm.arrays import Ints, Numbers
from recsvc.rbm.model import Model

UNKNOWN = -1


class Catalogue:
    """The items as a model sees them; kept up to date in place while answers are given.

    One thread writes, any number read: what a reader may see half-way is an item's old state.

    titles   (n_items,) by number, None where an item has none
    barred   (n_items,) true where an item is hidden or not available
    others   items that the model does not know: key → (item_id, title), barred ones left out
    """

    def __init__(self, model: Model, rows: Iterable[CatalogueRow]) -> None:
        self._model = model
        self._number_of_key = np.full(1024, UNKNOWN, dtype=np.int32)
        self.titles: list[str | None] = [None] * len(model.items)
        self.barred = np.zeros(len(model.items), dtype=np.bool_)
        self.others: dict[int, tuple[str, str | None]] = {}
        self.update(rows)

    def update(self, rows: Iterable[CatalogueRow]) -> None:
        """Take in items that are new or have changed."""
        for row in rows:
            number = self._model.items.number(row.item_id)
            if number is not None:
                self._know(row.key, number)
                self.titles[number] = row.title
                self.barred[number] = row.is_barred
            elif row.is_barred:
                self.others.pop(row.key, None)
            else:
                self.others[row.key] = (row.item_id, row.title)

    def numbers(self, keys: Ints) -> Numbers:
        """Give the model's numbers of items by their keys, −1 where it does not know one."""
        return self._number_of_key.take(keys, mode="clip")  # the last place stays unknown

    def _know(self, key: int, number: int) -> None:
        if key >= self._number_of_key.size - 1:
            larger = np.full(2 * key, UNKNOWN, dtype=np.int32)
            larger[: self._number_of_key.size] = self._number_of_key
            self._number_of_key = larger
        self._number_of_key[key] = number


@dataclass(frozen=True)
class Answering:
    """One version and its catalogue; replaced as a whole when another version is published."""

    version: int
    publication_id: int
    model: Model
    catalogue: Catalogue

    @property
    def multiplications(self) -> int:
        """Work of ranking the whole catalogue once: n_items × n_all_levels × n_hidden."""
        hidden = self.model.params.hidden_bias.size
        return len(self.model.items) * self.model.scale.n_all_levels * hidden
