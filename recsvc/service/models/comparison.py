"""Evaluation of a model, the baselines and the published version on the same split."""

from dataclasses import replace
from typing import Any

import numpy as np

from recsvc.rbm import evaluation
from recsvc.rbm.arrays import Ints
from recsvc.rbm.evaluation import LIST_LENGTH, ModelMetrics, RankingMetrics
from recsvc.rbm.inference.folded_users import FoldedUsers
from recsvc.rbm.model import Model
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import NO_LEVEL, RatingScale
from recsvc.service.models.split import RANKED_USERS, Split

EASE_IN_TRAINING = 5_000  # items: above that it would cost more than training does
EASE_AT_MOST = 20_000  # items: 1.6 GB


def evaluate_baselines(
    split: Split,
    *,
    n: int = LIST_LENGTH,
    most_users: int | None = RANKED_USERS,
    ease_up_to: int = EASE_IN_TRAINING,
) -> dict[str, Any]:
    """Evaluate the baselines: means and biases, the most-rated list and EASE.

    ease_up_to  the most items for which EASE is evaluated
    """
    if split.validation.n_ratings == 0:
        return {}
    users, with_ease = split.sample_ranked_users(most_users), len(split.items) <= ease_up_to
    return evaluation.baseline_metrics(
        split.train, split.validation, users, split.scale, n=n, with_ease=with_ease
    )


def evaluate_model(
    model: Model,
    split: Split,
    *,
    n: int = LIST_LENGTH,
    most_users: int | None = RANKED_USERS,
) -> ModelMetrics | None:
    """Evaluate a model fitted to the train ratings on the validation ratings; None without any.

    Raises RatingsLeaked, which names the users and items.
    """
    if split.validation.n_ratings == 0:
        return None
    train, test = split.train, split.validation
    evaluation.check_leakage(train, test, users=split.users, items=split.items)
    folded = FoldedUsers.from_ratings(_without_validation(model, split), train)
    return evaluation.model_metrics(folded, train, test, split.sample_ranked_users(most_users), n=n)


def calibration_summary(figures: ModelMetrics | None, scale: RatingScale) -> dict[str, Any]:
    """Return the calibration of the model's probabilities, as a model card stores it."""
    if figures is None or figures.ratings is None:
        return {}
    return figures.ratings.calibration.as_dict(scale)


def compare_ndcg(candidate: Model, published: Model, split: Split) -> tuple[float, float] | None:
    """Return nDCG@10 of both on the validation items of their common users; None without any.

    An item that is unknown to the published version counts as a miss of that version. A user
    that is unknown to an item-oriented version is left out for both. Both use the popularity of
    the train ratings, so that only learned parameters differ.
    """
    rows = np.arange(len(split.users))
    if published.machine.cases_are_items:
        rows = published.users.numbers(split.users.ids)
    users = split.sample_ranked_users()
    users = users[rows[users] >= 0]
    if users.size == 0:
        return None
    train, validation = _in_numbers_of(published, split, rows)
    candidate, published = (_without_validation(model, split) for model in (candidate, published))
    ours = ranking_metrics(candidate, split.train, split.validation, users)
    theirs = ranking_metrics(published, train, validation, rows[users])
    return ours.ndcg_at_n, theirs.ndcg_at_n


def ranking_metrics(
    model: Model, train: RatingMatrix, validation: RatingMatrix, users: Ints
) -> RankingMetrics:
    """Evaluate the lists of a model whose users are folded in from train ratings."""
    scores_of = FoldedUsers.from_ratings(model, train).scores
    return evaluation.ranking_metrics(scores_of, train, validation, users)


def _without_validation(model: Model, split: Split) -> Model:
    """Return the model with the items' popularity in the train ratings alone.

    The served model counts all ratings. Counting the ratings that it is evaluated on would
    raise its metrics (ml-100k: nDCG@10 by 0.7 %).
    """
    counts = split.train.level_counts(split.scale.n_all_levels)
    numbers = split.items.numbers(model.items.ids)
    known = numbers[:, np.newaxis] >= 0
    seen = replace(model, level_counts=np.where(known, counts[numbers], 0))
    if model.raters is None or model.users.ids != split.users.ids:
        return seen
    return replace(
        seen, raters=model.raters.with_item_ratings(split.train.without_interactions(split.scale))
    )


def _in_numbers_of(published: Model, split: Split, rows: Ints) -> tuple[RatingMatrix, RatingMatrix]:
    """Return train and validation ratings in the numbers and levels of an earlier model.

    rows  (n_users,) the row of each user of the split, −1 for none

    Train ratings of items that are unknown to the model are left out. In the validation ratings
    such items get numbers beyond the model's own.
    """
    known = published.items.numbers(split.items.ids)
    n_known, is_new = len(published.items), known < 0
    numbers = np.where(is_new, n_known + np.cumsum(is_new) - 1, known)
    levels = _levels_to(published.scale, split.scale)
    n_rows = int(rows.max()) + 1
    if published.machine.cases_are_items:
        n_rows = len(published.users)

    def translate(part: RatingMatrix, n_items: int) -> RatingMatrix:
        users, items = rows[part.users()], numbers[part.items]
        kept = (users >= 0) & (items < n_items) & (levels[part.levels] != NO_LEVEL)
        own = levels[part.levels[kept]].astype(np.uint8)
        return RatingMatrix.build(users[kept], items[kept], own, shape=(n_rows, n_items))

    return translate(split.train, n_known), translate(split.validation, n_known + int(is_new.sum()))


def _levels_to(published: RatingScale, scale: RatingScale) -> Ints:
    """Return the published model's level for each level of a scale, (n_all_levels,)."""
    rated = np.full(scale.n_levels, NO_LEVEL)
    if published.values:
        rated = published.levels(np.array(scale.values)).astype(np.int64)
    events = [published.event_level(event) for event in scale.events]
    return np.append(rated, np.array(events, dtype=np.int64))
