"""Rank items and predict ratings for one user, from the user's current history."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypedDict

import numpy as np

from recsvc.rbm.arrays import Doubles, Flags, Floats, Ints
from recsvc.rbm.inference import scoring, top_n
from recsvc.service.recommendations.published_model import PublishedModel
from recsvc.service.recommendations.user_history import UserHistory

Source = Literal["model", "popular", "new"]


@dataclass(frozen=True)
class Recommendation:
    """One place of a list.

    score            orders the list: see `top_n.top_liked`; for a popular item its number of
                     ratings, without a model its number of ratings and interactions
    expected_rating  on the users' scale; None for an item that the model does not know, and for a
                     model that was trained on interactions alone
    """

    item_id: str
    title: str | None
    score: float
    expected_rating: float | None
    source: Source


@dataclass(frozen=True)
class RankedList:
    """A list, and the reason why it is shorter than requested, None if it is not."""

    items: list[Recommendation]
    shortfall: str | None


class Probability(NamedTuple):
    """The probability of one value of the rating scale."""

    value: float
    probability: float


@dataclass(frozen=True)
class Prediction:
    """How a user would rate an item.

    expected_rating  None for a model that was trained on interactions alone
    entropy          of the distribution in nats
    distribution     by rising value
    source           "baseline": the prediction uses only the item's other ratings, or all ratings
    """

    item_id: str
    expected_rating: float | None
    entropy: float
    distribution: list[Probability]
    source: Literal["model", "baseline"]


def recommend(
    published: PublishedModel,
    user_id: str | None,
    history: UserHistory,
    *,
    n: int,
    include_rated: bool = False,
    exclude: Collection[str] = (),
) -> RankedList:
    """Return the top n for a user, who need not be stored.

    include_rated  list items that the user rated or bought, too
    exclude        item_ids to leave out

    Hidden and unavailable items are left out. A user whom the model does not know gets the items
    with the most ratings, marked "popular".
    """
    model, catalogue = published.model, published.catalogue
    left_out = catalogue.barred.copy()
    if not include_rated:
        left_out[history.owned] = True
    if exclude:
        excluded = model.items.numbers(exclude)
        left_out[excluded[excluded >= 0]] = True
    ranked = _rank(published, n, left_out, user_id, history)
    if len(ranked) < n:
        owned_keys = frozenset() if include_rated else history.unknown_keys
        ranked += _newer_items(published, n - len(ranked), owned_keys, exclude)
    missing = n - len(ranked)
    return RankedList(ranked, shortfall(missing) if missing else None)


def predict(
    published: PublishedModel, user_id: str | None, history: UserHistory, item_ids: Sequence[str]
) -> list[Prediction]:
    """Return how a user would rate each item, in the order of `item_ids`.

    An item's own rating is left out of the history that its prediction is folded in from.
    """
    model = published.model
    numbers = model.items.numbers(item_ids)
    probabilities = scoring.base_probabilities(model, numbers)
    by_model = np.zeros(numbers.size, dtype=np.bool_)
    for place in np.flatnonzero(numbers >= 0).tolist():
        others = history.without(int(numbers[place]))
        user = _model_input(published, user_id, others)
        if user is not None:
            one = numbers[place : place + 1]
            probabilities[place] = _level_probabilities(published, user_id, others, one, user)[0]
            by_model[place] = True
    expected = _mean_ratings(published, probabilities)
    entropies = scoring.entropies(probabilities).tolist()
    return [
        Prediction(
            item_id,
            expected[place],
            entropies[place],
            [
                Probability(*pair)
                for pair in zip(model.scale.values, probabilities[place].tolist(), strict=True)
            ],
            "model" if by_model[place] else "baseline",
        )
        for place, item_id in enumerate(item_ids)
    ]


class _ModelInput(TypedDict, total=False):
    """The user as `scoring` expects one: hidden activations, or the number of a known user."""

    hidden: Floats
    user: int


def _model_input(
    published: PublishedModel, user_id: str | None, history: UserHistory
) -> _ModelInput | None:
    """Return the user as input of the model, None for a user whom it does not know."""
    model = published.model
    if model.machine.cases_are_items:
        user = None if user_id is None else model.users.number(user_id)
        return None if user is None else _ModelInput(user=user)
    if history.numbers.size == 0:
        return None
    return _ModelInput(hidden=scoring.fold_in(model, history.numbers, history.levels))


def _level_probabilities(
    published: PublishedModel,
    user_id: str | None,
    history: UserHistory,
    items: Ints,
    model_input: _ModelInput,
) -> Doubles:
    """Return how the user would rate items that the model knows, (n, n_levels)."""
    model = published.model
    if model.raters is None:
        return scoring.level_probabilities(model, items, **model_input)
    user = None if user_id is None else model.users.number(user_id)
    rated, levels = history.ratings(model.scale)
    return scoring.ensemble_probabilities(
        model.raters, items, user=user, rated=rated, levels=levels
    )


def _rank(
    published: PublishedModel, n: int, left_out: Flags, user_id: str | None, history: UserHistory
) -> list[Recommendation]:
    """Return the best items that the model knows, with titles and expected ratings."""
    model, titles = published.model, published.catalogue.titles
    user = _model_input(published, user_id, history)
    if user is None:
        source: Source = "popular"
        best = model.by_popularity[~left_out[model.by_popularity]][:n]
        scores = model.item_counts[best].astype(np.float64)
        probabilities = scoring.base_probabilities(model, best)
    else:
        source = "model"
        best, scores = top_n.top_liked(model, n, left_out=left_out, rated=history.numbers, **user)
        probabilities = _level_probabilities(published, user_id, history, best, user)
    expected = _mean_ratings(published, probabilities)
    ids = model.items.ids
    return [
        Recommendation(ids[number], titles[number], score, rating, source)
        for number, score, rating in zip(best.tolist(), scores.tolist(), expected, strict=True)
    ]


def _mean_ratings(published: PublishedModel, probabilities: Doubles) -> list[float] | list[None]:
    """Return mean ratings of distributions (n, n_levels), None for a scale without ratings."""
    if not published.model.scale.values:
        return [None] * len(probabilities)
    expected: list[float] = scoring.expected_ratings(published.model, probabilities).tolist()
    return expected


def _newer_items(
    published: PublishedModel, limit: int, owned_keys: frozenset[int], exclude: Collection[str]
) -> list[Recommendation]:
    """Return up to `limit` items that the model does not know, in the order of their creation."""
    others = [
        Recommendation(item_id, title, 0.0, None, "popular")
        for key, (item_id, title) in sorted(published.catalogue.unknown_items.copy().items())
        if key not in owned_keys and item_id not in exclude
    ]
    return others[:limit]


def shortfall(missing: int) -> str:
    """Return the reason why a list is shorter than requested."""
    return (
        f"{missing} fewer than requested: all other items are rated or bought by the user, "
        "excluded, hidden or unavailable."
    )
