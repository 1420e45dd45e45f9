"""Explanations: which ratings and interactions of a user brought an item into the list."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from recsvc.db.recommendations.user_histories import StoredHistory
from recsvc.rbm.arrays import Doubles
from recsvc.rbm.inference import explanations
from recsvc.service.recommendations.published_model import PublishedModel
from recsvc.service.recommendations.recommend import RankedList, Recommendation
from recsvc.service.recommendations.user_history import UserHistory

MAX_REASONS = 3


@dataclass(frozen=True)
class Reason:
    """A rating or an interaction that raises the score of an item.

    rating  as the user gave it, None for an interaction
    type    view, cart or purchase, None for a rating
    effect  the part of the item's score that is lost without it, above 0
    """

    item_id: str
    rating: float | None
    type: str | None
    effect: float


@dataclass(frozen=True)
class ExplainedRecommendation(Recommendation):
    """One place of a list with its strongest reasons, strongest first, at most MAX_REASONS.

    There are no reasons for a popular item, from an item_rbm, and for an item whose score the
    whole history lowers.
    """

    because: list[Reason]

    @classmethod
    def from_recommendation(cls, place: Recommendation, because: list[Reason]) -> Self:
        """Return a place of a list with its reasons."""
        return cls(
            item_id=place.item_id,
            title=place.title,
            score=place.score,
            expected_rating=place.expected_rating,
            source=place.source,
            because=because,
        )


def add_reasons(
    published: PublishedModel,
    history: UserHistory,
    ratings: Mapping[str, float],
    ranked: RankedList,
) -> RankedList:
    """Return the same list with the reasons for each of its places.

    ratings  item_id → rating, as the user gave them

    A rated item that is listed again is no reason for itself.
    """
    listed = [place.item_id for place in ranked.items if place.source == "model"]
    numbers = published.model.items.numbers(listed)
    effects = explanations.effects(published.model, history.numbers, history.levels, numbers)
    because = {
        item_id: _strongest_reasons(published, history, ratings, number, own)
        for item_id, number, own in zip(listed, numbers.tolist(), effects.T, strict=True)
    }
    items: list[Recommendation] = [
        ExplainedRecommendation.from_recommendation(place, because.get(place.item_id, []))
        for place in ranked.items
    ]
    return RankedList(items, ranked.shortfall)


def ratings_by_item(published: PublishedModel, stored: StoredHistory) -> dict[str, float]:
    """Return item_id → stored rating, for the items that the model knows."""
    ids = published.model.items.ids
    numbers = published.catalogue.numbers(stored.rated_keys).tolist()
    rated = zip(numbers, stored.values.tolist(), strict=True)
    return {ids[number]: value for number, value in rated if number >= 0}


def _strongest_reasons(
    published: PublishedModel,
    history: UserHistory,
    ratings: Mapping[str, float],
    listed: int,
    effects: Doubles,
) -> list[Reason]:
    """Return the strongest reasons by their effects (n,) on the item with number `listed`."""
    itself = np.flatnonzero(history.numbers == listed)
    best = explanations.strongest(effects, MAX_REASONS, left_out=itself).tolist()
    return [_reason(published, history, ratings, place, float(effects[place])) for place in best]


def _reason(
    published: PublishedModel,
    history: UserHistory,
    ratings: Mapping[str, float],
    place: int,
    effect: float,
) -> Reason:
    model = published.model
    item_id = model.items.ids[history.numbers[place]]
    if item_id in ratings:
        return Reason(item_id, ratings[item_id], None, effect)
    event = model.scale.events[history.levels[place] - model.scale.n_levels]
    return Reason(item_id, None, event, effect)
