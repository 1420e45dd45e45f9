import math

import numpy as np
import pytest

from recsvc.rbm import evaluation
from recsvc.rbm.baselines import ease_weights
from recsvc.rbm.ratings import RatingMatrix, Vocabulary
from tests import naive
from tests.rbm.machines import random_ratings, ratings_of

BLOCK = 512


def vocabulary(prefix: str, n: int) -> Vocabulary:
    return Vocabulary([f"{prefix}{number:05}" for number in range(n)])


def kept_pairs(ratings, users, items, **split):
    held_out = evaluation.validation_share(ratings, users, items, **split)
    pairs = zip(ratings.users(), ratings.items, strict=True)
    return {
        (users.ids[user], items.ids[item]): bool(out)
        for (user, item), out in zip(pairs, held_out, strict=True)
    }


@pytest.mark.parametrize("share", [0.0, 0.05, 0.1, 0.5, 1.0])
def test_the_share_of_validation_is_the_one_asked_for(rng, share):
    ratings = random_ratings(rng, n_users=300, n_items=300)
    users, items = vocabulary("u", 300), vocabulary("i", 300)

    held_out = evaluation.validation_share(ratings, users, items, share=share, split_seed=0)

    assert held_out.mean() == pytest.approx(share, abs=0.01)
    kept_of_user = np.diff(ratings.select(held_out).indptr)[1:-1] / np.diff(ratings.indptr)[1:-1]
    assert np.abs(kept_of_user - share).max() < 0.2  # of no user are all or none taken


def test_a_rating_stays_where_it_is_when_users_and_items_come_between(rng):
    ratings = random_ratings(rng, n_users=40, n_items=30)
    users, items = vocabulary("u", 40), vocabulary("i", 30)
    before = kept_pairs(ratings, users, items, share=0.3, split_seed=7)
    more_users = Vocabulary.of([*users.ids, "a", "u00003x", "zz"])
    more_items = Vocabulary.of([*items.ids, "0", "i00001-"])
    triples = [
        (more_users.number(users.ids[u]), more_items.number(items.ids[i]), level)
        for u in range(40)
        for i, level in naive.row_of(ratings, u)
    ] + [(more_users.number("a"), more_items.number("0"), 1)]
    order = rng.permutation(len(triples))
    columns = np.array(triples)[order].T
    grown = RatingMatrix.build(columns[0], columns[1], columns[2].astype(np.uint8), shape=(43, 32))

    after = kept_pairs(grown, more_users, more_items, share=0.3, split_seed=7)

    assert after.items() >= before.items()
    assert len(after) == len(before) + 1


def test_another_split_seed_makes_another_split_and_a_larger_share_holds_the_smaller(rng):
    ratings = random_ratings(rng, n_users=100, n_items=50)
    users, items = vocabulary("u", 100), vocabulary("i", 50)

    def split(share, seed):
        return evaluation.validation_share(ratings, users, items, share=share, split_seed=seed)

    assert (split(0.1, 0) & split(0.1, 1)).mean() < 0.03
    assert (split(0.2, 0) >= split(0.1, 0)).all()
    assert split(0.1, -5).any()


def figures_one_by_one(scores, train, test, n):
    """P@n and nDCG@n by sorting, a user at a time."""
    precisions, ndcgs = [], []
    for user in range(test.n_users):
        wanted = {item for item, _ in naive.row_of(test, user)}
        if not wanted:
            continue
        seen = {item for item, _ in naive.row_of(train, user)}
        ranked = [i for i in naive.top_n(scores[user], test.n_items) if i not in seen][:n]
        precisions.append(len(wanted.intersection(ranked)) / n)
        gain = sum(1 / math.log2(place + 2) for place, i in enumerate(ranked) if i in wanted)
        ideal = sum(1 / math.log2(place + 2) for place in range(min(n, len(wanted))))
        ndcgs.append(gain / ideal)
    return sum(precisions) / len(precisions), sum(ndcgs) / len(ndcgs), len(ndcgs)


@pytest.mark.parametrize("n", [1, 3, 10, 40])
def test_precision_and_ndcg_are_those_of_a_loop(rng, n):
    ratings = random_ratings(rng, n_users=40, n_items=25)
    held_out = rng.random(ratings.n_ratings) < 0.2
    train, test = ratings.select(~held_out), ratings.select(held_out)
    scores = rng.integers(6, size=(40, 25)).astype(np.float64)

    figures = evaluation.ranking_figures(
        lambda user: scores[user].copy(), train, test, np.arange(40), n=n
    )

    expected = figures_one_by_one(scores, train, test, n)
    assert (figures.precision_at_n, figures.ndcg_at_n, figures.n_users) == pytest.approx(expected)


def test_a_perfect_list_has_an_ndcg_of_one_however_few_the_wanted_items_are():
    test = ratings_of([{0: 4}, {0: 1, 3: 2}], n_items=5)
    train = test.select(np.zeros(3, bool))

    figures = evaluation.ranking_figures(
        lambda user: np.array([9.0, 1, 1, 8 if user else 1, 1]), train, test, np.arange(2), n=3
    )

    assert figures.ndcg_at_n == pytest.approx(1)
    assert figures.precision_at_n == pytest.approx((1 / 3 + 2 / 3) / 2)


def test_only_the_users_asked_for_are_measured():
    test = ratings_of([{0: 4}, {1: 4}, {}], n_items=3)
    train = test.select(np.zeros(2, bool))
    scores = np.array([3.0, 2.0, 1.0])

    figures = evaluation.ranking_figures(
        lambda _: scores.copy(), train, test, np.array([0, 2]), n=1
    )

    assert (figures.n_users, figures.precision_at_n) == (1, 1)


def test_where_nobody_can_be_measured_the_figures_are_zero_and_say_so():
    nothing = ratings_of([{}, {}], n_items=3)

    assert evaluation.most_rated_figures(nothing, nothing, np.arange(2)) == (
        evaluation.RankingFigures(0.0, 0.0, 0)
    )


def test_sampled_users_have_test_items_and_are_spread_evenly():
    test = ratings_of([{0: 1} if user % 2 else {} for user in range(100)], n_items=1)

    users = evaluation.sampled_users(test, 5)

    assert users.tolist() == [1, 25, 49, 73, 99]
    assert evaluation.sampled_users(test, 1000).size == 50
    assert evaluation.sampled_users(test.select(np.zeros(50, bool)), 10).size == 0


@pytest.fixture(scope="module")
def split_figures(million):
    """Most-rated and EASE figures of five random 80/20 splits of ml-1m."""
    return [figures_of_split(million, seed) for seed in range(5)]


def figures_of_split(ratings, seed):
    held_out = np.random.default_rng(seed).random(ratings.n_ratings) < 0.2
    train, test = ratings.select(~held_out), ratings.select(held_out)
    users = np.arange(ratings.n_users)
    weights = ease_weights(train, regularisation=500.0).astype(np.float32)
    most_rated = evaluation.most_rated_figures(train, test, users)
    ease = evaluation.ranking_figures(in_blocks(train, weights), train, test, users)
    return [
        figure
        for figures in (most_rated, ease)
        for figure in (figures.precision_at_n, figures.ndcg_at_n)
    ]


def in_blocks(train, weights):
    """EASE's scores of one user after another, 512 users multiplied at a time."""
    block = np.empty((0, 0), np.float32)

    def scores(user):
        nonlocal block
        if user % BLOCK == 0:
            some = train.rows(np.arange(user, min(user + BLOCK, train.n_users)))
            rated = np.zeros((some.n_users, train.n_items), np.float32)
            rated[some.users(), some.items] = 1
            block = rated @ weights
        return block[user % BLOCK].astype(np.float64)

    return scores


def test_the_evaluator_reproduces_the_known_figures_of_ml_1m(split_figures):
    """Mean of five splits within 3 %: what a correct evaluator finds."""
    expected = [0.181, 0.202, 0.383, 0.434]

    np.testing.assert_allclose(np.mean(split_figures, axis=0), expected, rtol=0.03)
    assert np.std(split_figures, axis=0).max() < 0.01


def test_the_most_rated_list_has_the_known_precision_on_ml_100k(movielens):
    ratings = movielens("u.data")
    held_out = np.random.default_rng(0).random(ratings.n_ratings) < 0.2

    figures = evaluation.most_rated_figures(
        ratings.select(~held_out), ratings.select(held_out), np.arange(943)
    )

    assert figures.precision_at_n == pytest.approx(0.190, rel=0.05)
