"""Snapshots: all ratings and interactions at one moment."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recsvc.rbm.arrays import Doubles
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import EVENT_TYPES, NO_LEVEL, RatingScale
from recsvc.rbm.vocabulary import Vocabulary


@dataclass(frozen=True)
class Snapshot:
    """The ratings and interactions that a job learns from, at its start; immutable.

    users, items     vocabularies of the users and items with a rating or interaction
    user_numbers     (n_ratings,) int32
    item_numbers     (n_ratings,) int32
    values           (n_ratings,) the rating values
    event_users      (n_events,) int32: user of each interaction
    event_items      (n_events,) int32: its item
    event_types      (n_events,) uint8: index into EVENT_TYPES; distinct, sorted by all three
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
        """Return the ratings and interactions as levels of a scale.

        An item has the level of its rating, or otherwise of its strongest type of interaction.
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
        """Return the types that are the strongest for some user and item without a rating."""
        present = np.unique(self.event_types[self._events_without_rating()])
        return tuple(EVENT_TYPES[number] for number in present.tolist())

    def _events_without_rating(self) -> NDArray[np.bool_]:
        """Return which interactions are the strongest of a user and item without a rating."""
        n_items = len(self.items)
        pairs = self.event_users.astype(np.int64) * n_items + self.event_items
        is_last = np.append(pairs[1:] != pairs[:-1], True)[: pairs.size]
        rated = self.user_numbers.astype(np.int64) * n_items + self.item_numbers
        unrated: NDArray[np.bool_] = is_last & ~np.isin(pairs, rated)
        return unrated
