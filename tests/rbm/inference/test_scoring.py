import numpy as np
import pytest

from recsvc.rbm.inference import scoring, top_n
from recsvc.rbm.model import Model
from recsvc.rbm.params import base_rates
from recsvc.rbm.rating_scale import RatingScale
from recsvc.rbm.vocabulary import Vocabulary
from tests import naive
from tests.factories.machines import STARS, random_params


@pytest.fixture(params=["user_rbm", "item_rbm"])
def model(request, rng, ratings):
    n_visible = ratings.n_items if request.param == "user_rbm" else ratings.n_users
    users, items = (
        Vocabulary([f"{prefix}{number:02}" for number in range(size)])
        for prefix, size in (("u", ratings.n_users), ("i", ratings.n_items))
    )
    return Model.build(
        request.param,
        random_params(rng, n_items=n_visible),
        ratings,
        scale=RatingScale(tuple(STARS)),
        users=users,
        items=items,
    )


@pytest.fixture
def shares(model, ratings):
    """p(level) of every item for user 3."""
    hidden = scoring.fold_in(model, *ratings.row(3)) if model.model_kind == "user_rbm" else None
    return scoring.level_probabilities(model, np.arange(9), hidden=hidden, user=3)


def test_level_probabilities_equal_twin_for_masked_kinds(model, ratings, shares):
    if model.model_kind == "user_rbm":
        row = naive.row_of(ratings, 3)
        expected = [naive.level_probabilities(model.params, row, item) for item in range(9)]
    else:
        rows = ratings.transpose()
        expected = [
            naive.level_probabilities(model.params, naive.row_of(rows, item), 3)
            for item in range(9)
        ]

    np.testing.assert_allclose(shares, expected, rtol=1e-4)


@pytest.mark.parametrize("model", ["user_rbm"], indirect=True)
def test_fold_in_without_ratings_predicts_from_biases(model):
    hidden = scoring.fold_in(model, np.empty(0, np.int32), np.empty(0, np.uint8))

    shares = scoring.level_probabilities(model, np.array([2]), hidden=hidden)

    np.testing.assert_allclose(shares[0], naive.level_probabilities(model.params, [], 2), rtol=1e-5)


def test_expected_rating_is_mean_of_distribution(model):
    shares = np.array([[0.4, 0, 0, 0.3, 0.3], [0, 0, 0, 0, 1.0]])

    np.testing.assert_allclose(scoring.expected_ratings(model, shares), [3.1, 5])


def test_entropy_is_zero_for_certainty_and_greatest_for_uniform():
    shares = np.array([[0, 0, 1.0, 0, 0], [0.2] * 5, [0.5, 0.5, 0, 0, 0]])

    np.testing.assert_allclose(scoring.entropies(shares), [0, np.log(5), np.log(2)], atol=1e-12)


def test_ranking_scores_are_log_p_liked_plus_half_log_popularity(model, ratings, shares):
    counts = ratings.item_counts()
    rated = np.flatnonzero(counts)
    expected = np.log(shares[rated, 3:].sum(axis=1)) + 0.5 * np.log(counts[rated])

    scores = scoring.ranking_scores(model, shares[:, 3:].sum(axis=1))

    np.testing.assert_allclose(np.log(scores[rated]), expected)
    assert scores[-1] == 0  # nobody rated it


@pytest.mark.parametrize("n", [1, 4, 9, 50])
def test_top_liked_equals_sorted_scores(model, ratings, shares, n):
    hidden = scoring.fold_in(model, *ratings.row(3)) if model.model_kind == "user_rbm" else None
    left_out = np.arange(9) % 4 == 1
    scores = scoring.ranking_scores(model, shares[:, 3:].sum(axis=1))
    expected = top_n.top_n(scores.copy(), n, left_out=np.flatnonzero(left_out))

    best, found = top_n.top_liked(model, n, left_out=left_out, hidden=hidden, user=3)

    assert best.tolist() == expected.tolist()
    np.testing.assert_allclose(np.exp(found), scores[expected], atol=1e-300)


def test_top_n_excludes_left_out_items_and_may_be_short():
    scores = np.array([3.0, 9.0, 7.0, 9.0, -np.inf])

    assert top_n.top_n(scores.copy(), 2, left_out=np.array([1])).tolist() == [3, 2]
    assert top_n.top_n(scores.copy(), 99, left_out=np.array([], int)).tolist() == [1, 3, 2, 0]
    assert top_n.top_n(scores.copy(), 3, left_out=np.arange(5)).tolist() == []


def test_base_probabilities_are_smoothed_shares(model, ratings):
    shares = scoring.base_probabilities(model, np.array([4, -1, 8]))

    everywhere = ratings.level_counts(5).sum(axis=0) + 1.0
    np.testing.assert_allclose(shares[0], base_rates(ratings, 5)[4])
    np.testing.assert_allclose(shares[1], everywhere / everywhere.sum())
    np.testing.assert_allclose(shares[2], shares[1])  # an item that nobody rated


@pytest.mark.parametrize("n_hidden", [1, 16, 64, 65, 100])
def test_padding_units_do_not_change_predictions(rng, ratings, n_hidden):
    params = random_params(rng, n_hidden=n_hidden)
    names = {
        "users": Vocabulary([f"{n:02}" for n in range(12)]),
        "items": Vocabulary([*"abcdefghi"]),
    }
    model = Model.build("user_rbm", params, ratings, scale=RatingScale(tuple(STARS)), **names)

    hidden = scoring.fold_in(model, *ratings.row(3))

    assert (hidden[n_hidden:] == 0).all()
    assert (model.predictor.expm1_weights[:, :, n_hidden:] == 0).all()
    expected = naive.fold_in(params, naive.row_of(ratings, 3))
    np.testing.assert_allclose(hidden[:n_hidden], expected, rtol=1e-4)
