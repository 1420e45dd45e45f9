"""The baselines' figures, measured as a model's are and shown beside them."""

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
    """Measure global mean, item mean and user + item bias; the most-rated list and EASE.

    The item mean has an NLL, too: that of each item's own shares of levels.

    users      those whose lists are measured
    with_ease  its time grows with the cube of the number of items, its memory with the square

    Raises RatingsLeaked where a test rating is among the train ratings.
    """
    figures = {}
    if scale.values and test.without_interactions(scale).n_ratings:
        figures = _rating_metrics(
            train.without_interactions(scale),
            test.without_interactions(scale),
            np.array(scale.values),
        )
    liked = scale.first_liked
    most_rated = most_rated_metrics(train, test, users, n=n, first_liked=liked)
    figures["most_rated"] = most_rated.as_dict()
    if with_ease:
        scores_of = Ease.fit(train).scores
        ease = ranking_metrics(scores_of, train, test, users, n=n, first_liked=liked)
        figures["ease"] = ease.as_dict()
    return figures


def _rating_metrics(
    train: RatingMatrix, test: RatingMatrix, values: np.ndarray
) -> dict[str, dict[str, Any]]:
    predictions = Biases.fit(train, values).predictions(test.users(), test.items)
    given = values[test.levels]
    figures = {
        name: dict(zip(("rmse", "mae"), errors(expected, given), strict=True))
        for name, expected in predictions.items()
    }
    shares = base_rates(train, values.size)[test.items]
    figures["item_mean"]["nll"] = mean_nll(shares, test.levels)
    return figures


def most_rated_metrics(
    train: RatingMatrix,
    test: RatingMatrix,
    users: Ints,
    *,
    n: int = LIST_LENGTH,
    first_liked: int = 0,
) -> RankingMetrics:
    """Give everybody the items with the most train ratings."""
    counts = train.item_counts().astype(np.float64)
    return ranking_metrics(lambda _: counts, train, test, users, n=n, first_liked=first_liked)
