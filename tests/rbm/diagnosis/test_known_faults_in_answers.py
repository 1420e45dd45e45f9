"""Faults in answering and measuring found in other implementations, one test each."""

import numpy as np
import pytest

from recsvc.errors import RatingsLeaked
from recsvc.rbm import evaluation
from recsvc.rbm.inference import scoring, top_n
from recsvc.rbm.inference.folded_users import FoldedUsers
from recsvc.rbm.machines import masked
from recsvc.rbm.model import Model
from recsvc.rbm.params import Params
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import RatingScale
from recsvc.rbm.vocabulary import Vocabulary
from tests.factories.machines import STARS, learn, random_params, random_ratings, ratings_of

SCALE = RatingScale(tuple(STARS))


def vocabulary(n: int) -> Vocabulary:
    return Vocabulary([f"{number:05}" for number in range(n)])


def model_of(params: Params, ratings: RatingMatrix, kind: str = "user_rbm") -> Model:
    names = {"users": vocabulary(ratings.n_users), "items": vocabulary(ratings.n_items)}
    return Model.build(kind, params, ratings, scale=SCALE, **names)


def test_predictions_ignore_levels_of_test_ratings(rng):
    """What a user is predicted from does not change with the values of their test ratings."""
    ratings = random_ratings(rng, n_users=40, n_items=30)
    held_out = rng.random(ratings.n_ratings) < 0.2
    train_, test = ratings.select(~held_out), ratings.select(held_out)
    other = RatingMatrix(test.indptr, test.items, 4 - test.levels, test.n_items)
    users = np.arange(40)
    for kind, n_visible in (("user_rbm", 30), ("item_rbm", 40)):
        params = random_params(rng, n_items=n_visible)
        model = model_of(params, train_, kind)
        folded = FoldedUsers.from_ratings(model, train_)

        one = evaluation.model_metrics(folded, train_, test, users).as_dict()
        two = evaluation.model_metrics(folded, train_, other, users).as_dict()

        ranks = ("ndcg_at_10", "precision_at_10")
        assert [one[name] for name in ranks] == [two[name] for name in ranks]
        assert one["validation_rmse"] != two["validation_rmse"]
        expected = rmse_by_loop(model, train_, test)
        np.testing.assert_allclose(one["validation_rmse"], expected, rtol=1e-5)


def rmse_by_loop(model: Model, train_: RatingMatrix, test: RatingMatrix) -> float:
    errors = []
    for user in range(test.n_users):
        items, levels = test.row(user)
        hidden = None
        if model.model_kind == "user_rbm":
            hidden = scoring.fold_in(model, *train_.row(user))
        shares = scoring.level_probabilities(
            model, items.astype(np.int64), hidden=hidden, user=user
        )
        errors.extend(scoring.expected_ratings(model, shares) - STARS[levels])
    return float(np.sqrt(np.mean(np.square(errors))))


@pytest.mark.parametrize("kind", ["user_rbm", "item_rbm"])
def test_validation_nll_of_random_levels_stays_near_chance(rng, kind):
    """Training figures use train ratings alone: planted answers in validation stay unknown."""
    ratings = random_ratings(rng, n_users=60, n_items=30)
    rows = ratings if kind == "user_rbm" else ratings.transpose()
    held_out = rng.random(rows.n_ratings) < 0.3
    noise = rows.select(held_out)
    best = learn(rows.select(~held_out), validation=noise, epochs=40, n_hidden=8, model_kind=kind)

    lowest = min(report.validation_nll for report, _ in best)
    assert lowest > 0.95 * np.log(5)  # levels are random, so nobody can know them


def test_ranking_metrics_exclude_train_items_of_each_user():
    train_ = ratings_of([{0: 4, 1: 4}, {2: 4}, {}], n_items=5)
    test = ratings_of([{2: 4}, {0: 4}, {1: 4}], n_items=5)
    all_others = ratings_of(
        [{2: 4, 3: 4, 4: 4}, {0: 4, 1: 4, 3: 4, 4: 4}, dict.fromkeys(range(5), 4)], n_items=5
    )
    scores = np.array([5.0, 4.0, 3.0, 2.0, 1.0])

    best, whole = (
        evaluation.ranking_metrics(lambda _: scores, train_, wanted, np.arange(3), n=n)
        for wanted, n in ((test, 1), (all_others, 5))
    )

    assert best.precision_at_n == pytest.approx(2 / 3)  # user 2's best is 0, which they want not
    assert whole.recall_at_n == 1
    assert whole.precision_at_n == pytest.approx((3 + 4 + 5) / 15)


def test_model_metrics_raise_when_test_ratings_are_inputs(rng):
    """Elsewhere they made P@10 .592 of an honest .014."""
    ratings = random_ratings(rng, n_users=40, n_items=30)
    test = ratings.select(rng.random(ratings.n_ratings) < 0.2)
    model = model_of(random_params(rng, n_items=30), ratings)

    with pytest.raises(RatingsLeaked):
        evaluation.model_metrics(
            FoldedUsers.from_ratings(model, ratings), ratings, test, np.arange(40)
        )


def test_fold_in_is_deterministic(params, ratings):
    """No chance and no dropout at inference."""
    model = model_of(params, ratings)
    one, two = (scoring.fold_in(model, *ratings.row(3)) for _ in range(2))
    shares = [scoring.level_probabilities(model, np.arange(9), hidden=one) for _ in range(2)]

    assert one.tobytes() == two.tobytes()
    assert shares[0].tobytes() == shares[1].tobytes()


def test_level_probabilities_are_softmax_of_fields():
    bias = np.array([[0.0, 1.0, 3.0]], np.float32)
    params = Params(np.zeros((1, 3, 2), np.float32), bias, np.zeros(2, np.float32))
    sigmoids = masked.sigmoid(bias) / masked.sigmoid(bias).sum()

    predictor, first = masked.Predictor.from_params(params), np.zeros(1, np.int64)
    shares = predictor.level_probabilities(np.zeros((1, 2), np.float32), first, first)

    np.testing.assert_allclose(shares, np.exp(bias) / np.exp(bias).sum(), rtol=1e-6)
    assert np.abs(shares - sigmoids).max() > 0.2


def test_top_n_excludes_items_of_current_history():
    """A rating made after training leaves its item out; a deleted one lets it come again."""
    ratings = ratings_of([{0: 4, 1: 4}], n_items=4)
    params = random_params(np.random.default_rng(0), n_items=4)
    model = model_of(params, ratings)
    now_rated = np.array([1, 3], np.int32)

    hidden = scoring.fold_in(model, now_rated, np.array([4, 0], np.uint8))
    shares = scoring.level_probabilities(model, np.arange(4), hidden=hidden)
    listed = top_n.top_n(shares[:, 4].copy(), 4, left_out=now_rated)

    assert sorted(listed.tolist()) == [0, 2]
