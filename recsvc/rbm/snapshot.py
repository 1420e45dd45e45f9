"""What a job learns from: all ratings and interactions of one moment."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recsvc.rbm.arrays import Doubles
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import EVENT_TYPES, NO_LEVEL, RatingScale
from recsvc.rbm.vocabulary import Vocabulary


@dataclass(frozen=True)
class Snapshot:
    """The ratings and interactions a job learns from, as they were when it began; immutable.

    users, items     vocabularies of who rated or chose, and of what
    user_numbers     (n_ratings,) int32
    item_numbers     (n_ratings,) int32
    values           (n_ratings,) the ratings as given
    event_users      (n_events,) int32: who viewed, put in a cart or bought,
    event_items      (n_events,) int32: what,
    event_types      (n_events,) uint8: which of EVENT_TYPES; sorted by all three, each once
    """

    users: Vocabulary
    items: Vocabulary
    user_numbers: NDArray[np.int32]
    item_numbers: NDArray[np.int32]
    values: Doubles
    event_users: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, dtype=np.int32))
    event_items: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, dtype=np.int32))
    event_types: NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, dtype=np.uint8))

    def matrix(self, scale: RatingScale) -> RatingMatrix:
        """Give the ratings as levels of a scale, and beside them its types of interaction.

        Of an item that a user has rated the rating counts, of any other the last of the types:
        a purchase says more than a view.
        """
        kept = self._events_without_rating()
        levels = np.array([scale.event_level(name) for name in EVENT_TYPES])[self.event_types[kept]]
        known = levels != NO_LEVEL
        return RatingMatrix.build(
            np.concatenate([self.user_numbers, self.event_users[kept][known]]),
            np.concatenate([self.item_numbers, self.event_items[kept][known]]),
            np.concatenate([scale.levels(self.values), levels[known].astype(np.uint8)]),
            shape=(len(self.users), len(self.items)),
        )

    def events(self) -> tuple[str, ...]:
        """Give the types that say most of some item that its user has not rated."""
        present = np.unique(self.event_types[self._events_without_rating()])
        return tuple(EVENT_TYPES[number] for number in present.tolist())

    def _events_without_rating(self) -> NDArray[np.bool_]:
        """Tell which interactions are the last of their user and item, who gave no rating."""
        n_items = len(self.items)
        pairs = self.event_users.astype(np.int64) * n_items + self.event_items
        is_last = np.append(pairs[1:] != pairs[:-1], True)[: pairs.size]
        rated = self.user_numbers.astype(np.int64) * n_items + self.item_numbers
        unrated: NDArray[np.bool_] = is_last & ~np.isin(pairs, rated)
        return unrated
