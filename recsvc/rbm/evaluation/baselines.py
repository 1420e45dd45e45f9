"""Metrics of the baselines, measured in the same way as those of a model."""

from typing import Any

import numpy as np

from recsvc.rbm.arrays import Ints
from recsvc.rbm.evaluation.ranking import RankingMetrics, ranking_metrics
from recsvc.rbm.evaluation.rating_accuracy import errors
from recsvc.rbm.machines.baselines import Biases, Ease
from recsvc.rbm.monitoring.epoch_evaluator import mean_nll
from recsvc.rbm.ndcg import LIST_LENGTH
from recsvc.rbm.params import base_rates
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import RatingScale


def baseline_metrics(
    train: RatingMatrix,
    test: RatingMatrix,
    users: Ints,
    scale: RatingScale,
    *,
    n: int = LIST_LENGTH,
    with_ease: bool,
) -> dict[str, dict[str, Any]]:
    """Return the metrics of global mean, item mean, user and item bias, most-rated list and EASE.

    The item mean also has an NLL, from each item's shares of levels.

    users      the users whose lists are measured
    with_ease  whether to measure EASE; its time grows with n_items³, its memory with n_items²

    Raises RatingsLeaked if a test rating is among the train ratings.
    """
    metrics = {}
    if scale.values and test.without_interactions(scale).n_ratings:
        metrics = _rating_metrics(
            train.without_interactions(scale),
            test.without_interactions(scale),
            np.array(scale.values),
        )
    liked = scale.first_liked
    most_rated = most_rated_metrics(train, test, users, n=n, first_liked=liked)
    metrics["most_rated"] = most_rated.as_dict()
    if with_ease:
        scores_of = Ease.fit(train).scores
        ease = ranking_metrics(scores_of, train, test, users, n=n, first_liked=liked)
        metrics["ease"] = ease.as_dict()
    return metrics


def _rating_metrics(
    train: RatingMatrix, test: RatingMatrix, values: np.ndarray
) -> dict[str, dict[str, Any]]:
    predictions = Biases.fit(train, values).predictions(test.users(), test.items)
    rated = values[test.levels]
    metrics = {
        name: dict(zip(("rmse", "mae"), errors(expected, rated), strict=True))
        for name, expected in predictions.items()
    }
    shares = base_rates(train, values.size)[test.items]
    metrics["item_mean"]["nll"] = mean_nll(shares, test.levels)
    return metrics


def most_rated_metrics(
    train: RatingMatrix,
    test: RatingMatrix,
    users: Ints,
    *,
    n: int = LIST_LENGTH,
    first_liked: int = 0,
) -> RankingMetrics:
    """Return the metrics of one list for all users: the items with the most train ratings."""
    counts = train.item_counts().astype(np.float64)
    return ranking_metrics(lambda _: counts, train, test, users, n=n, first_liked=first_liked)
