"""User history: what a user rated, viewed, put in a cart or bought, as a model reads it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from recsvc.db.recommendations.user_histories import StoredHistory
from recsvc.rbm.arrays import Doubles, Levels, Numbers
from recsvc.rbm.rating_scale import EVENT_TYPES, NO_LEVEL, RatingScale
from recsvc.service.imports.fields import check_value
from recsvc.service.recommendations.published_model import PublishedModel

PURCHASE = "purchase"


class AnonymousHistory(NamedTuple):
    """The ratings and interactions of a person who is not stored.

    ratings  item_id → rating
    events   (item_id, type) of each interaction
    """

    ratings: Mapping[str, float]
    events: Sequence[tuple[str, str]] = ()

    def check(self, scale: RatingScale | None) -> None:
        """Check the ratings. Raises InvalidRating, ValueOffScale."""
        for value in self.ratings.values():
            check_value(value, scale)

    def item_ids_to_skip(self) -> set[str]:
        """Return the item_ids that were rated or bought, which a list leaves out."""
        bought = {item_id for item_id, type_ in self.events if type_ == PURCHASE}
        return self.ratings.keys() | bought


@dataclass(frozen=True)
class UserHistory:
    """The history of one user, encoded for a model.

    numbers, levels  (n,) of the items that the user rated, viewed, put in a cart or bought
    owned            numbers of the items rated or bought, which are not recommended again
    unknown_keys     keys of items rated or bought that the model does not know
    """

    numbers: Numbers
    levels: Levels
    owned: Numbers
    unknown_keys: frozenset[int] = frozenset()

    @classmethod
    def from_store(cls, published: PublishedModel, stored: StoredHistory) -> Self:
        """Encode the stored history of a user."""
        numbers = published.catalogue.numbers
        keys = np.concatenate([stored.rated_keys, stored.purchase_keys()])
        owned = numbers(keys)
        encoded = _encode_history(
            published.model.scale,
            numbers(stored.rated_keys),
            stored.values,
            numbers(stored.event_keys),
            stored.event_types,
        )
        return cls(*encoded, owned[owned >= 0], frozenset(keys[owned < 0].tolist()))

    @classmethod
    def from_request(cls, published: PublishedModel, history: AnonymousHistory) -> Self:
        """Encode the history that a request contains."""
        numbers = published.model.items.numbers
        rated = numbers(history.ratings).astype(np.int32)
        chosen = numbers(item_id for item_id, _ in history.events).astype(np.int32)
        types = np.array([EVENT_TYPES.index(event) for _, event in history.events], dtype=np.uint8)
        values = np.array(list(history.ratings.values()), dtype=np.float64)
        encoded = _encode_history(published.model.scale, rated, values, chosen, types)
        owned = np.concatenate([rated, chosen[types == EVENT_TYPES.index(PURCHASE)]])
        return cls(*encoded, owned[owned >= 0])

    def without(self, number: int) -> "UserHistory":
        """Return the history without one item."""
        others = self.numbers != number
        return UserHistory(self.numbers[others], self.levels[others], self.owned, self.unknown_keys)

    def ratings(self, scale: RatingScale) -> tuple[Numbers, Levels]:
        """Return the numbers and levels of the rated items."""
        is_rating = self.levels < scale.n_levels
        return self.numbers[is_rating], self.levels[is_rating]


def _encode_history(
    scale: RatingScale, rated: Numbers, values: Doubles, chosen: Numbers, types: Levels
) -> tuple[Numbers, Levels]:
    """Encode the history as one level per known item: its rating, or else its strongest event.

    rated, values  (n_ratings,) numbers, −1 for an unknown item, and ratings
    chosen, types  (n_events,) numbers and places in EVENT_TYPES
    returns        numbers in ascending order, and levels
    """
    levels = scale.levels(values) if scale.values else np.full(values.size, scale.n_all_levels - 1)
    if chosen.size:
        event_levels = np.array([scale.event_level(event) for event in EVENT_TYPES])[types]
        usable = (event_levels != NO_LEVEL) & ~np.isin(chosen, rated)
        strongest = np.flatnonzero(usable)[np.argsort(-event_levels[usable], kind="stable")]
        strongest = strongest[np.unique(chosen[strongest], return_index=True)[1]]
        rated = np.append(rated, chosen[strongest])
        levels = np.append(levels, event_levels[strongest])
    order = np.argsort(rated, kind="stable")  # the order must not depend on the database
    order = order[rated[order] >= 0]
    return rated[order], levels[order].astype(np.uint8)
