"""Reasons: which of a user's ratings and interactions brought an item into their list."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recsvc.db.recommendations.user_histories import StoredHistory
from recsvc.rbm.arrays import Doubles
from recsvc.rbm.inference import explanations
from recsvc.service.recommendations.published_model import Answering
from recsvc.service.recommendations.recommend import Known, RankedList, Recommendation

MOST_REASONS = 3


@dataclass(frozen=True)
class Reason:
    """Something the user did that speaks for an item.

    rating  as the user gave it, None for an interaction
    type    view, cart or purchase, None for a rating
    effect  what the item's score would lose without it, above 0
    """

    item_id: str
    rating: float | None
    type: str | None
    effect: float


@dataclass(frozen=True)
class Explained(Recommendation):
    """One place of a list and the strongest reasons for it, strongest first, at most three.

    There are none for a popular item, from an item_rbm, and where all that the user did speaks
    against the item.
    """

    because: list[Reason]

    @classmethod
    def of(cls, place: Recommendation, because: list[Reason]) -> "Explained":
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
    answering: Answering, known: Known, ratings: Mapping[str, float], ranked: RankedList
) -> RankedList:
    """Give the same list with the reasons for each of its places.

    ratings  item_id → rating, as the user gave them

    An item that is listed though the user has rated it is no reason for itself.
    """
    listed = [place.item_id for place in ranked.items if place.source == "model"]
    numbers = answering.model.items.numbers(listed)
    effects = explanations.effects(answering.model, known.numbers, known.levels, numbers)
    because = {
        item_id: _reasons(answering, known, ratings, number, own)
        for item_id, number, own in zip(listed, numbers.tolist(), effects.T, strict=True)
    }
    items: list[Recommendation] = [
        Explained.of(place, because.get(place.item_id, [])) for place in ranked.items
    ]
    return RankedList(items, ranked.shortfall)


def stored_ratings(answering: Answering, history: StoredHistory) -> dict[str, float]:
    """Give item_id → rating of what is stored of a user, where the model knows the item."""
    ids = answering.model.items.ids
    numbers = answering.catalogue.numbers(history.rated_keys).tolist()
    rated = zip(numbers, history.values.tolist(), strict=True)
    return {ids[number]: value for number, value in rated if number >= 0}


def _reasons(
    answering: Answering, known: Known, ratings: Mapping[str, float], listed: int, effects: Doubles
) -> list[Reason]:
    """Name what is strongest, by its effects (n,) on a listed item."""
    itself = np.flatnonzero(known.numbers == listed)
    best = explanations.strongest(effects, MOST_REASONS, left_out=itself).tolist()
    return [_reason(answering, known, ratings, place, float(effects[place])) for place in best]


def _reason(
    answering: Answering, known: Known, ratings: Mapping[str, float], place: int, effect: float
) -> Reason:
    model = answering.model
    item_id = model.items.ids[known.numbers[place]]
    if item_id in ratings:
        return Reason(item_id, ratings[item_id], None, effect)
    event = model.scale.events[known.levels[place] - model.scale.n_levels]
    return Reason(item_id, None, event, effect)
