"""Recommendations and predictions for one user, from their latest ratings."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from recsvc.db.recommendations.user_histories import StoredHistory
from recsvc.rbm.arrays import Doubles, Floats, Ints, Levels, Numbers
from recsvc.rbm.inference import scoring, top_n
from recsvc.rbm.rating_scale import EVENT_TYPES, NO_LEVEL, RatingScale
from recsvc.service.recommendations.published_model import Answering

Source = Literal["model", "popular", "new"]


@dataclass(frozen=True)
class Known:
    """What is known of a user, as a model sees it.

    numbers, levels  (n,) of the items that they rated, viewed, put in a cart or bought
    done             numbers of those that they rated or bought, which need not come again
    unknown_keys     keys of items rated or bought that the model does not know
    """

    numbers: Numbers
    levels: Levels
    done: Numbers
    unknown_keys: frozenset[int] = frozenset()

    @classmethod
    def stored(cls, answering: Answering, history: StoredHistory) -> "Known":
        """Take what is stored of a user."""
        numbers = answering.catalogue.numbers
        keys = np.concatenate([history.rated_keys, history.purchase_keys()])
        done = numbers(keys)
        unknown = keys[done < 0].tolist()
        told = _told(
            answering.model.scale,
            numbers(history.rated_keys),
            history.values,
            numbers(history.event_keys),
            history.event_types,
        )
        return cls(*told, done[done >= 0], frozenset(unknown))

    @classmethod
    def given(
        cls,
        answering: Answering,
        ratings: Mapping[str, float],
        events: Sequence[tuple[str, str]] = (),
    ) -> "Known":
        """Take what came with the request: item_id → value, and (item_id, type) of interactions."""
        numbers = answering.model.items.numbers
        rated = numbers(ratings).astype(np.int32)
        chosen = numbers(item_id for item_id, _ in events).astype(np.int32)
        types = np.array([EVENT_TYPES.index(event) for _, event in events], dtype=np.uint8)
        values = np.array(list(ratings.values()), dtype=np.float64)
        told = _told(answering.model.scale, rated, values, chosen, types)
        done = np.concatenate([rated, chosen[types == EVENT_TYPES.index("purchase")]])
        return cls(*told, done[done >= 0])

    def without(self, number: int) -> "Known":
        """Leave one item out."""
        others = self.numbers != number
        return Known(self.numbers[others], self.levels[others], self.done, self.unknown_keys)

    def rated(self, scale: RatingScale) -> tuple[Numbers, Levels]:
        """Give the numbers and levels of the items that they rated."""
        is_rating = self.levels < scale.n_levels
        return self.numbers[is_rating], self.levels[is_rating]


def _told(
    scale: RatingScale, rated: Numbers, values: Doubles, chosen: Numbers, types: Levels
) -> tuple[Numbers, Levels]:
    """Give every item that the model knows once: by its rating, else by what says most of it.

    rated, values  (n_ratings,) numbers, −1 for an unknown item, and ratings
    chosen, types  (n_events,) numbers and places in EVENT_TYPES
    """
    levels = scale.levels(values) if scale.values else np.full(values.size, scale.n_all_levels - 1)
    if chosen.size:
        own = np.array([scale.event_level(event) for event in EVENT_TYPES])[types]
        heard = (own != NO_LEVEL) & ~np.isin(chosen, rated)
        best = np.flatnonzero(heard)[np.argsort(-own[heard], kind="stable")]
        best = best[np.unique(chosen[best], return_index=True)[1]]
        rated, levels = np.append(rated, chosen[best]), np.append(levels, own[best])
    order = np.argsort(rated, kind="stable")  # a database may give them in any
    order = order[rated[order] >= 0]
    return rated[order], levels[order].astype(np.uint8)


@dataclass(frozen=True)
class Recommendation:
    """One place of a list.

    score            for ordering alone: see `inference.top_liked`; popular items: their ratings,
                     without a model their ratings and interactions
    expected_rating  on the users' scale; None for an item that the model does not know, and where
                     it has learned from interactions alone
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

    expected_rating  None where the model has learned from interactions alone
    entropy       of the distribution in nats
    distribution  (value, probability) by rising value
    source        "baseline": from the item's other ratings, or everybody's, alone
    """

    item_id: str
    expected_rating: float | None
    entropy: float
    distribution: list[tuple[float, float]]
    source: Literal["model", "baseline"]


def recommend(
    answering: Answering,
    user_id: str | None,
    known: Known,
    *,
    n: int,
    include_rated: bool = False,
    exclude: Collection[str] = (),
) -> RankedList:
    """Give the top n for a user, who need not be stored.

    exclude  item_ids that must not come

    Items rated, bought, hidden or unavailable do not come. A user of whom the model knows nothing
    gets the most-rated items, and each says so.
    """
    model, catalogue = answering.model, answering.catalogue
    left_out = catalogue.barred.copy()
    if not include_rated:
        left_out[known.done] = True
    if exclude:
        excluded = model.items.numbers(exclude)
        left_out[excluded[excluded >= 0]] = True
    listed = _listed(answering, n, left_out, user_id, known)
    if len(listed) < n:
        seen = frozenset() if include_rated else known.unknown_keys
        listed += _unknown_to_the_model(answering, n - len(listed), seen, exclude)
    missing = n - len(listed)
    return RankedList(listed, shortfall(missing) if missing else None)


def predict(
    answering: Answering, user_id: str | None, known: Known, item_ids: Sequence[str]
) -> list[Prediction]:
    """Give how a user would rate each item, one entry an item, in the order asked.

    Of a user_rbm, an item's own rating is left out of what it is predicted from.
    """
    model = answering.model
    asked = model.items.numbers(item_ids)
    shares = scoring.base_probabilities(model, asked)
    by_model = np.zeros(asked.size, dtype=np.bool_)
    for place in np.flatnonzero(asked >= 0).tolist():
        others = known.without(int(asked[place]))
        user = _asked(answering, user_id, others)
        if user is not None:
            own = _shares(answering, user_id, others, asked[place : place + 1], user)
            shares[place], by_model[place] = own[0], True
    expected = _expected(answering, shares)
    entropies = scoring.entropies(shares).tolist()
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


def _asked(answering: Answering, user_id: str | None, known: Known) -> _Asked | None:
    """Say who the user is to the model, None where it knows nothing of them."""
    model = answering.model
    if model.machine.cases_are_items:
        user = None if user_id is None else model.users.number(user_id)
        return None if user is None else _Asked(user=user)
    if known.numbers.size == 0:
        return None
    return _Asked(hidden=scoring.fold_in(model, known.numbers, known.levels))


def _shares(
    answering: Answering, user_id: str | None, known: Known, items: Ints, asked: _Asked
) -> Doubles:
    """How the user would rate items that the model knows, (n, n_levels)."""
    model = answering.model
    if model.raters is None:
        return scoring.level_probabilities(model, items, **asked)
    user = None if user_id is None else model.users.number(user_id)
    rated, levels = known.rated(model.scale)
    return scoring.ensemble_probabilities(
        model.raters, items, user=user, rated=rated, levels=levels
    )


def _listed(
    answering: Answering,
    n: int,
    left_out: NDArray[np.bool_],
    user_id: str | None,
    known: Known,
) -> list[Recommendation]:
    """Find the best items and put ids, titles and expected ratings to them."""
    model, titles = answering.model, answering.catalogue.titles
    asked = _asked(answering, user_id, known)
    if asked is None:
        source: Source = "popular"
        best = model.by_popularity[~left_out[model.by_popularity]][:n]
        scores = model.item_counts[best].astype(np.float64)
        shares = scoring.base_probabilities(model, best)
    else:
        source = "model"
        best, scores = top_n.top_liked(model, n, left_out=left_out, rated=known.numbers, **asked)
        shares = _shares(answering, user_id, known, best, asked)
    expected = _expected(answering, shares)
    ids = model.items.ids
    return [
        Recommendation(ids[number], titles[number], score, rating, source)
        for number, score, rating in zip(best.tolist(), scores.tolist(), expected, strict=True)
    ]


def _expected(answering: Answering, shares: Doubles) -> list[float] | list[None]:
    """Mean ratings of distributions (n, n_levels); there are none where nobody rates."""
    if not answering.model.scale.values:
        return [None] * len(shares)
    expected: list[float] = scoring.expected_ratings(answering.model, shares).tolist()
    return expected


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


def shortfall(missing: int) -> str:
    """Return the reason why a list is shorter than asked."""
    return (
        f"{missing} fewer than asked: all other items are rated or bought by the user, excluded, "
        "hidden or unavailable."
    )
