"""Recommendations and predictions for one user, from their latest ratings."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from recsvc.rbm import inference
from recsvc.rbm.ratings import Doubles, Floats, Ints, Levels, Numbers
from recsvc.service.answering import Answering

Source = Literal["model", "popular"]


@dataclass(frozen=True)
class Rated:
    """What a user rated, as a model sees it.

    numbers, levels  (n_known,) of the items that the model knows
    unknown_keys     keys of rated items that it does not
    """

    numbers: Numbers
    levels: Levels
    unknown_keys: frozenset[int] = frozenset()

    @classmethod
    def stored(cls, answering: Answering, rows: Sequence[tuple[int, float]]) -> "Rated":
        """Take a user's stored ratings: (item key, value)."""
        if not rows:
            return NOTHING_RATED
        flat = np.fromiter(chain.from_iterable(rows), np.float64, 2 * len(rows))
        keys, values = flat.reshape(-1, 2).T
        numbers = answering.catalogue.numbers(keys.astype(np.int64))
        known = numbers >= 0
        unknown = () if known.all() else keys[~known].astype(np.int64).tolist()
        levels = answering.model.scale.levels(values[known])
        return cls(numbers[known], levels, frozenset(unknown))

    @classmethod
    def given(cls, answering: Answering, ratings: Mapping[str, float]) -> "Rated":
        """Take ratings that came with the request: item_id → value."""
        numbers = answering.model.items.numbers(ratings)
        known = numbers >= 0
        levels = answering.model.scale.levels(np.array(list(ratings.values()))[known])
        return cls(numbers[known].astype(np.int32), levels)

    def without(self, number: int) -> "Rated":
        """Leave one item out."""
        others = self.numbers != number
        return Rated(self.numbers[others], self.levels[others], self.unknown_keys)


NOTHING_RATED = Rated(np.empty(0, dtype=np.int32), np.empty(0, dtype=np.uint8))


@dataclass(frozen=True)
class Recommendation:
    """One place of a list.

    score            for ordering alone: see `inference.top_liked`; popular items: their ratings
    expected_rating  on the users' scale; None for an item that the model does not know
    """

    item_id: str
    title: str | None
    score: float
    expected_rating: float | None
    source: Source


@dataclass(frozen=True)
class RankedList:
    """A list, and why it is shorter than asked, if it is."""

    items: list[Recommendation]
    shortfall: str | None


@dataclass(frozen=True)
class Prediction:
    """How a user would rate an item.

    entropy       of the distribution in nats
    distribution  (value, probability) by rising value
    source        "baseline": from the item's other ratings, or everybody's, alone
    """

    item_id: str
    expected_rating: float
    entropy: float
    distribution: list[tuple[float, float]]
    source: Literal["model", "baseline"]


def recommend(
    answering: Answering,
    user_id: str | None,
    rated: Rated,
    *,
    n: int,
    include_rated: bool = False,
    exclude: Collection[str] = (),
) -> RankedList:
    """Give the top n for a user, who need not be stored.

    exclude  item_ids that must not come

    Rated, hidden and unavailable items do not come. A user of whom the model knows nothing gets
    the most-rated items, and each says so.
    """
    model, catalogue = answering.model, answering.catalogue
    left_out = catalogue.barred.copy()
    if not include_rated:
        left_out[rated.numbers] = True
    if exclude:
        excluded = model.items.numbers(exclude)
        left_out[excluded[excluded >= 0]] = True
    listed = _listed(answering, n, left_out, user_id, rated)
    if len(listed) < n:
        seen = frozenset() if include_rated else rated.unknown_keys
        listed += _unknown_to_the_model(answering, n - len(listed), seen, exclude)
    missing = n - len(listed)
    return RankedList(listed, _shortfall(missing) if missing else None)


def predict(
    answering: Answering, user_id: str | None, rated: Rated, item_ids: Sequence[str]
) -> list[Prediction]:
    """Give how a user would rate each item, one entry an item, in the order asked.

    Of a user_rbm, an item's own rating is left out of what it is predicted from.
    """
    model = answering.model
    asked = model.items.numbers(item_ids)
    shares = inference.base_probabilities(model, asked)
    by_model = np.zeros(asked.size, dtype=np.bool_)
    for place in np.flatnonzero(asked >= 0).tolist():
        others = rated.without(int(asked[place]))
        user = _asked(answering, user_id, others)
        if user is not None:
            own = _shares(answering, user_id, others, asked[place : place + 1], user)
            shares[place], by_model[place] = own[0], True
    expected = inference.expected_ratings(model, shares).tolist()
    entropies = inference.entropies(shares).tolist()
    return [
        Prediction(
            item_id,
            expected[place],
            entropies[place],
            list(zip(model.scale.values, shares[place].tolist(), strict=True)),
            "model" if by_model[place] else "baseline",
        )
        for place, item_id in enumerate(item_ids)
    ]


class _Asked(TypedDict, total=False):
    """About whom the model is asked: what `inference` takes."""

    hidden: Floats
    user: int


def _asked(answering: Answering, user_id: str | None, rated: Rated) -> _Asked | None:
    """Say who the user is to the model, None where it knows nothing of them."""
    model = answering.model
    if model.model_kind == "item_rbm":
        user = None if user_id is None else model.users.number(user_id)
        return None if user is None else _Asked(user=user)
    if rated.numbers.size == 0:
        return None
    return _Asked(hidden=inference.fold_in(model, rated.numbers, rated.levels))


def _shares(
    answering: Answering, user_id: str | None, rated: Rated, items: Ints, asked: _Asked
) -> Doubles:
    """How the user would rate items that the model knows, (n, n_levels)."""
    model = answering.model
    if model.raters is None:
        return inference.level_probabilities(model, items, **asked)
    user = None if user_id is None else model.users.number(user_id)
    return inference.rated_probabilities(
        model.raters, items, user=user, rated=rated.numbers, levels=rated.levels
    )


def _listed(
    answering: Answering,
    n: int,
    left_out: NDArray[np.bool_],
    user_id: str | None,
    rated: Rated,
) -> list[Recommendation]:
    """Find the best items and put ids, titles and expected ratings to them."""
    model, titles = answering.model, answering.catalogue.titles
    asked = _asked(answering, user_id, rated)
    if asked is None:
        source: Source = "popular"
        best = model.by_popularity[~left_out[model.by_popularity]][:n]
        scores = model.item_counts[best].astype(np.float64)
        shares = inference.base_probabilities(model, best)
    else:
        source = "model"
        best, scores = inference.top_liked(
            model, n, left_out=left_out, rated=rated.numbers, **asked
        )
        shares = _shares(answering, user_id, rated, best, asked)
    expected = inference.expected_ratings(model, shares).tolist()
    ids = model.items.ids
    return [
        Recommendation(ids[number], titles[number], score, rating, source)
        for number, score, rating in zip(best.tolist(), scores.tolist(), expected, strict=True)
    ]


def _unknown_to_the_model(
    answering: Answering, most: int, seen: frozenset[int], exclude: Collection[str]
) -> list[Recommendation]:
    """Fill up with items that came after the model was trained, in the order they came."""
    others = [
        Recommendation(item_id, title, 0.0, None, "popular")
        for key, (item_id, title) in sorted(answering.catalogue.others.copy().items())
        if key not in seen and item_id not in exclude
    ]
    return others[:most]


def _shortfall(missing: int) -> str:
    return (
        f"{missing} fewer than asked: all other items are rated by the user, excluded, hidden or "
        "unavailable."
    )
