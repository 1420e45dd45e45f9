"""The figures of ratings and lists, against plain loops and against what others have found."""

import time

import numpy as np
import pytest

from recsvc.errors import RatingsLeaked
from recsvc.rbm import evaluation
from recsvc.rbm.evaluation import RankingMetrics, rating_metrics
from recsvc.rbm.inference.folded_users import FoldedUsers
from recsvc.rbm.machines.baselines import Biases, Ease
from recsvc.rbm.model import Model
from recsvc.rbm.params import base_rates
from recsvc.rbm.rating_scale import RatingScale
from recsvc.rbm.vocabulary import Vocabulary
from tests import naive
from tests.factories.machines import STARS, learn, random_params, random_ratings, ratings_of

FIVE = RatingScale(tuple(STARS.tolist()))


def rows_of(ratings, *, least=0):
    return [
        {item for item, level in naive.row_of(ratings, user) if level >= least}
        for user in range(ratings.n_users)
    ]


@pytest.fixture
def split_parts(rng):
    return evaluation.split_at_random(
        random_ratings(rng, n_users=40, n_items=25), share=0.2, seed=1
    )


# ------------------------------------------------------------------------- lists


@pytest.mark.parametrize("n", [1, 3, 10, 40])
def test_ranking_metrics_equal_loop(rng, split_parts, n):
    train, test = split_parts.train, split_parts.test
    scores = rng.integers(6, size=(40, 25)).astype(np.float64)

    figures = evaluation.ranking_metrics(
        lambda user: scores[user], train, test, np.arange(40), n=n, first_liked=3
    )

    lists = [naive.top_n(scores[u], n, seen) for u, seen in enumerate(rows_of(train))]
    found = (figures.precision_at_n, figures.recall_at_n, figures.ndcg_at_n, figures.n_users)
    assert found == pytest.approx(naive.list_figures(lists, rows_of(test), n))
    liked = (
        figures.liked_precision_at_n,
        figures.liked_recall_at_n,
        figures.liked_ndcg_at_n,
        figures.n_liked_users,
    )
    assert liked == pytest.approx(naive.list_figures(lists, rows_of(test, least=3), n))
    assert 0 < figures.n_liked_users < figures.n_users


def test_coverage_and_novelty_equal_loop(rng, split_parts):
    scores = rng.random((40, 25))
    users = np.arange(5, 15)

    figures = evaluation.ranking_metrics(
        lambda user: scores[user], split_parts.train, split_parts.test, users, n=3
    )

    seen = rows_of(split_parts.train)
    lists = [naive.top_n(scores[u], 3, seen[u]) for u in users if rows_of(split_parts.test)[u]]
    raters = {item: sum(item in row for row in seen) for item in range(25)}
    listed = [item for best in lists for item in best]
    n_users = sum(bool(row) for row in seen)
    surprises = [-np.log2(max(raters[item], 1) / n_users) for item in listed]
    assert figures.coverage_at_n == pytest.approx(len(set(listed)) / 25)
    assert figures.novelty_at_n == pytest.approx(np.mean(surprises))


def test_ndcg_of_perfect_list_is_one():
    test = ratings_of([{0: 4}, {0: 1, 3: 2}], n_items=5)
    train = test.select(np.zeros(3, bool))

    figures = evaluation.ranking_metrics(
        lambda user: np.array([9.0, 1, 1, 8 if user else 1, 1]), train, test, np.arange(2), n=3
    )

    assert (figures.ndcg_at_n, figures.recall_at_n) == pytest.approx((1, 1))
    assert figures.precision_at_n == pytest.approx((1 / 3 + 2 / 3) / 2)


def test_liked_metrics_skip_users_without_liked_items():
    test = ratings_of([{0: 4}, {1: 1}], n_items=3)
    train = test.select(np.zeros(2, bool))

    figures = evaluation.ranking_metrics(
        lambda _: np.array([3.0, 2.0, 1.0]), train, test, np.arange(2), n=1, first_liked=3
    )

    assert (figures.n_users, figures.precision_at_n) == (2, 0.5)
    assert (figures.n_liked_users, figures.liked_precision_at_n) == (1, 1)


def test_common_list_has_low_coverage_and_novelty():
    train = ratings_of([{0: 1}, {0: 1}, {0: 1}, {0: 1, 1: 1}, {2: 1}], n_items=4)
    test = ratings_of([{}, {}, {}, {}, {3: 1}], n_items=4)

    figures = evaluation.most_rated_metrics(train, test, np.arange(5), n=2)

    assert figures.coverage_at_n == 2 / 4  # items 0 and 1
    assert figures.novelty_at_n == pytest.approx(-(np.log2(4 / 5) + np.log2(1 / 5)) / 2)


def test_ranking_metrics_measure_requested_users_only():
    test = ratings_of([{0: 4}, {1: 4}, {}], n_items=3)
    train = test.select(np.zeros(2, bool))
    scores = np.array([3.0, 2.0, 1.0])

    figures = evaluation.ranking_metrics(lambda _: scores, train, test, np.array([0, 2]), n=1)

    assert (figures.n_users, figures.precision_at_n) == (1, 1)
    assert scores.tolist() == [3, 2, 1]


def test_ranking_metrics_are_zero_without_users():
    nothing = ratings_of([{}, {}], n_items=3)

    assert evaluation.most_rated_metrics(nothing, nothing, np.arange(2)) == RankingMetrics(10)


def test_ranking_metrics_accept_short_lists():
    train, test = ratings_of([{0: 1, 1: 1}], n_items=3), ratings_of([{2: 1}], n_items=3)

    figures = evaluation.most_rated_metrics(train, test, np.arange(1), n=5)

    assert (figures.precision_at_n, figures.recall_at_n, figures.ndcg_at_n) == (1 / 5, 1, 1)
    assert figures.coverage_at_n == 1 / 3


def test_ranking_metrics_miss_items_without_score():
    train, test = ratings_of([{0: 1}], n_items=2), ratings_of([{1: 1, 2: 1}], n_items=3)

    figures = evaluation.ranking_metrics(lambda _: np.ones(2), train, test, np.arange(1), n=2)

    assert (figures.precision_at_n, figures.recall_at_n) == (0.5, 0.5)


def test_ranking_metrics_names_have_list_length():
    figures = RankingMetrics(5, ndcg_at_n=0.25, n_users=3).as_dict()

    assert figures["ndcg_at_5"] == 0.25
    assert set(figures) == {
        f"{name}_at_5"
        for name in ("precision", "recall", "ndcg", "liked_precision", "liked_recall")
    } | {"liked_ndcg_at_5", "coverage_at_5", "novelty_at_5"}


def test_sample_users_is_evenly_spread():
    test = ratings_of([{0: 1} if user % 2 else {} for user in range(100)], n_items=1)

    users = evaluation.sample_users(test, 5)

    assert users.tolist() == [1, 25, 49, 73, 99]
    assert evaluation.sample_users(test, 1000).size == 50
    assert evaluation.sample_users(test, None).tolist() == list(range(1, 100, 2))
    assert evaluation.sample_users(test.select(np.zeros(50, bool)), 10).size == 0


def test_ranking_metrics_raise_on_leakage(split_parts):
    with pytest.raises(RatingsLeaked):
        evaluation.most_rated_metrics(split_parts.test, split_parts.test, np.arange(40))


# ------------------------------------------------------------------------- ratings


def test_rating_metrics_equal_loop(rng):
    shares = rng.dirichlet(np.ones(5), size=300)
    levels = rng.integers(5, size=300).astype(np.uint8)

    figures = rating_metrics(shares, levels, FIVE)

    off = [
        sum(p * s for p, s in zip(row, STARS, strict=True)) - STARS[level]
        for row, level in zip(shares, levels, strict=True)
    ]
    assert figures.rmse == pytest.approx(np.sqrt(sum(x * x for x in off) / 300))
    assert figures.mae == pytest.approx(sum(map(abs, off)) / 300)
    nll = -sum(np.log(row[level]) for row, level in zip(shares, levels, strict=True)) / 300
    assert figures.nll == pytest.approx(nll)


def test_calibration_error_equals_loop(rng):
    shares = rng.dirichlet(np.ones(5), size=300)
    levels = rng.integers(5, size=300).astype(np.uint8)

    calibration = rating_metrics(shares, levels, FIVE).calibration

    errors = [
        naive.calibration_error(list(zip(shares[:, k], levels == k, strict=True))) for k in range(5)
    ]
    assert calibration.level_errors == pytest.approx(errors)
    assert calibration.error == pytest.approx(sum(errors) / 5)
    assert calibration.predicted == pytest.approx(shares.mean(axis=0))
    assert calibration.observed == pytest.approx([(levels == k).mean() for k in range(5)])
    liked = list(zip(shares[:, 3:].sum(axis=1), levels >= 3, strict=True))
    of_liked = sum(b.n / 300 * abs(b.observed - b.predicted) for b in calibration.liked)
    assert of_liked == pytest.approx(naive.calibration_error(liked))
    assert sum(b.n for b in calibration.levels) == 5 * 300


def test_calibration_error_is_high_for_exaggerated_forecasts(rng):
    honest = rng.dirichlet(np.ones(5), size=20_000)
    levels = (rng.random((20_000, 1)) > honest.cumsum(axis=1)).sum(axis=1).astype(np.uint8)
    bold = honest**3 / (honest**3).sum(axis=1, keepdims=True)

    errors = [rating_metrics(p, levels, FIVE).calibration.error for p in (honest, bold)]

    assert errors[0] < 0.01
    assert errors[1] > 0.05


def test_calibration_has_certainty_in_last_bin_and_no_empty_bins():
    shares = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.95, 0.05]])

    told = rating_metrics(
        shares, np.array([0, 1, 1, 0], np.uint8), RatingScale((1.0, 5.0))
    ).calibration

    assert [(b.least, b.most, b.n) for b in told.levels] == [(0, 0.1, 4), (0.9, 1, 4)]
    assert told.levels[1].observed == 0.75
    assert told.levels[1].predicted == pytest.approx(3.95 / 4)
    card = told.as_dict(RatingScale((1.0, 5.0)))
    assert card["levels"][1]["value"] == 5.0
    assert card["reliability"][0]["n"] == 4


# ------------------------------------------------------------------------- models


def model_of(ratings, params) -> Model:
    ids = (
        Vocabulary([f"{prefix}{k:04}" for k in range(n)])
        for prefix, n in (("u", ratings.n_users), ("i", ratings.n_items))
    )
    users, items = ids
    return Model.build("user_rbm", params, ratings, scale=FIVE, users=users, items=items)


def test_model_metrics_combine_ratings_and_lists(rng, split_parts):
    folded = FoldedUsers.from_ratings(
        model_of(split_parts.train, random_params(rng, n_items=25)), split_parts.train
    )

    figures = evaluation.model_metrics(
        folded, split_parts.train, split_parts.test, np.arange(40), n=5
    )

    told = figures.as_dict()
    shares = folded.level_probabilities(split_parts.test.users(), split_parts.test.items)
    ratings = rating_metrics(shares, split_parts.test.levels, FIVE)
    assert told["validation_rmse"] == ratings.rmse
    assert told["calibration_error"] == ratings.calibration.error
    lists = evaluation.ranking_metrics(
        folded.scores, split_parts.train, split_parts.test, np.arange(40), n=5, first_liked=3
    )
    assert figures.lists == lists
    assert 0 < told["liked_ndcg_at_5"] == lists.liked_ndcg_at_n != lists.ndcg_at_n
    assert told["n_ratings"] == split_parts.test.n_ratings
    assert told["n_liked_users_ranked"] <= told["n_users_ranked"] <= 38


def test_model_metrics_raise_on_leakage(rng, split_parts):
    folded = FoldedUsers.from_ratings(
        model_of(split_parts.train, random_params(rng, n_items=25)), split_parts.train
    )

    with pytest.raises(RatingsLeaked, match="the metrics would be too good"):
        evaluation.model_metrics(folded, split_parts.train, split_parts.train, np.arange(40))


def test_baseline_metrics_have_same_names(split_parts):
    train, test, users = split_parts.train, split_parts.test, np.arange(40)

    told = evaluation.baseline_metrics(train, test, users, FIVE, n=5, with_ease=True)

    biases = Biases.fit(train, STARS)
    off = biases.predict(test.users(), test.items) - STARS[test.levels]
    assert told["user_item_bias"] == {
        "rmse": pytest.approx(np.sqrt(np.mean(off**2))),
        "mae": pytest.approx(np.abs(off).mean()),
    }
    shares = base_rates(train, 5)[test.items, test.levels]
    assert told["item_mean"]["nll"] == pytest.approx(-np.log(shares).mean())
    most_rated = evaluation.most_rated_metrics(train, test, users, n=5, first_liked=3)
    assert told["most_rated"] == most_rated.as_dict()
    scores = Ease.fit(train).scores
    ease = evaluation.ranking_metrics(scores, train, test, users, n=5, first_liked=3)
    assert told["ease"] == ease.as_dict()
    without = evaluation.baseline_metrics(train, test, users, FIVE, n=5, with_ease=False)
    assert set(without) == set(told) - {"ease"}


# ------------------------------------------------------------------------- real ratings


@pytest.fixture(scope="module")
def split_figures(million):
    """Most-rated and EASE figures of two random 80/20 splits of ml-1m."""
    return [figures_of_split(million, seed) for seed in range(2)]


def figures_of_split(ratings, seed):
    parts = evaluation.split_at_random(ratings, share=0.2, seed=seed)
    users = np.arange(0, ratings.n_users, 3)
    scorers = (Ease.fit(parts.train).scores, lambda _: counts)
    counts = parts.train.item_counts().astype(float)
    ease, most_rated = (
        evaluation.ranking_metrics(scorer, parts.train, parts.test, users, first_liked=3)
        for scorer in scorers
    )
    return [
        getattr(figures, name)
        for figures in (most_rated, ease)
        for name in ("precision_at_n", "ndcg_at_n", "liked_ndcg_at_n")
    ]


def test_ranking_metrics_reproduce_known_values_on_ml_1m(split_figures):
    """Mean of two splits within 3 %: what a correct evaluator finds."""
    expected = [0.181, 0.202, 0.171, 0.383, 0.434, 0.364]

    np.testing.assert_allclose(np.mean(split_figures, axis=0), expected, rtol=0.03)
    assert np.std(split_figures, axis=0).max() < 0.01


def test_ranking_metrics_of_ml_1m_take_less_than_a_second(million):
    parts = evaluation.split_at_random(million, share=0.2, seed=0)
    evaluation.most_rated_metrics(parts.train, parts.test, np.arange(10))  # compiled

    began = time.process_time()
    evaluation.most_rated_metrics(parts.train, parts.test, np.arange(million.n_users))

    assert time.process_time() - began < 1


def test_most_rated_list_has_known_precision_on_ml_100k(movielens):
    parts = evaluation.split_at_random(movielens("u.data"), share=0.2, seed=0)

    figures = evaluation.most_rated_metrics(parts.train, parts.test, np.arange(943))

    assert figures.precision_at_n == pytest.approx(0.190, rel=0.05)


def test_trained_machine_is_calibrated_on_ml_100k(movielens):
    """Bands around what a user_rbm of 20 hidden units reaches in 60 epochs."""
    parts = evaluation.split_at_random(movielens("u.data"), share=0.2, seed=0)
    (*_, (_, state)) = learn(parts.train, validation=parts.test, n_hidden=20, epochs=60)
    folded = FoldedUsers.from_ratings(model_of(parts.train, state.best_params), parts.train)

    told = evaluation.model_metrics(folded, parts.train, parts.test, np.arange(943)).as_dict()

    assert 0.965 < told["validation_rmse"] < 0.985
    assert 0.76 < told["validation_mae"] < 0.78
    assert 1.33 < told["validation_nll"] < 1.36
    assert told["calibration_error"] < 0.025
    assert 0.18 < told["liked_ndcg_at_10"] < 0.21
    assert 0.03 < told["coverage_at_10"] < 0.06
    assert 1.5 < told["novelty_at_10"] < 1.9
