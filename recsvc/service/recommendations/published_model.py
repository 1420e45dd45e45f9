"""A published model version together with the current catalogue."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from recsvc.db.recommendations.user_histories import CatalogueRow
from recsvc.rbm.arrays import Ints, Numbers
from recsvc.rbm.model import Model

UNKNOWN = -1


class Catalogue:
    """The items in the numbering of a model, updated in place while requests read it.

    One thread writes and any number of threads read. During an update a reader may see the
    previous state of an item.

    titles         (n_items,) by number, None for an item without a title
    barred         (n_items,) true for an item that is hidden or unavailable
    unknown_items  items that the model does not know: key → (item_id, title), without barred ones
    """

    def __init__(self, model: Model, rows: Iterable[CatalogueRow]) -> None:
        self._model = model
        self._number_of_key = np.full(1024, UNKNOWN, dtype=np.int32)
        self.titles: list[str | None] = [None] * len(model.items)
        self.barred = np.zeros(len(model.items), dtype=np.bool_)
        self.unknown_items: dict[int, tuple[str, str | None]] = {}
        self.update(rows)

    def update(self, rows: Iterable[CatalogueRow]) -> None:
        """Write the items that are new or have changed."""
        for row in rows:
            number = self._model.items.number(row.item_id)
            if number is not None:
                self._set_number(row.key, number)
                self.titles[number] = row.title
                self.barred[number] = row.is_barred
            elif row.is_barred:
                self.unknown_items.pop(row.key, None)
            else:
                self.unknown_items[row.key] = (row.item_id, row.title)

    def numbers(self, keys: Ints) -> Numbers:
        """Return the model's numbers of items by their keys, −1 for an unknown item."""
        return self._number_of_key.take(keys, mode="clip")  # the last place stays unknown

    def _set_number(self, key: int, number: int) -> None:
        if key >= self._number_of_key.size - 1:
            larger = np.full(2 * key, UNKNOWN, dtype=np.int32)
            larger[: self._number_of_key.size] = self._number_of_key
            self._number_of_key = larger
        self._number_of_key[key] = number


@dataclass(frozen=True)
class PublishedModel:
    """One version and its catalogue; replaced as a whole by the next publication."""

    version: int
    publication_id: int
    model: Model
    catalogue: Catalogue

    @property
    def multiplications(self) -> int:
        """The work of ranking the whole catalogue once: n_items × n_all_levels × n_hidden."""
        hidden = self.model.params.hidden_bias.size
        return len(self.model.items) * self.model.scale.n_all_levels * hidden
