"""Learning on data whose right answer one can see, and quality bands on real ratings."""

import numpy as np
import pytest

from recsvc.rbm import evaluation
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.inference import scoring, top_n
from recsvc.rbm.inference.folded_users import FoldedUsers
from recsvc.rbm.machines import masked
from recsvc.rbm.machines.baselines import Biases
from recsvc.rbm.model import Model
from recsvc.rbm.monitoring.epoch_evaluator import mean_nll
from recsvc.rbm.params import base_rates, initial_params
from recsvc.rbm.rating_scale import RatingScale
from recsvc.rbm.training.schedules import epoch_settings
from recsvc.rbm.training.trainer import TrainerState
from recsvc.rbm.vocabulary import Vocabulary
from tests.factories.machines import STARS, learn, random_ratings, ratings_of

LIKE, DISLIKE = 4, 0
N = 20


def two_camps(n: int) -> list[dict[int, int]]:
    """Even users like even items and dislike odd ones; odd users the reverse.

    User u withholds item u, which they would like, and item u + 1, which they would not.
    """
    return [
        {
            item: LIKE if (user + item) % 2 == 0 else DISLIKE
            for item in range(n)
            if item not in (user, (user + 1) % n)
        }
        for user in range(n)
    ]


@pytest.fixture(scope="module", params=["user_rbm", "item_rbm"])
def camps(request):
    ratings = ratings_of(two_camps(N), n_items=N)
    rows = ratings if request.param == "user_rbm" else ratings.transpose()
    curve = learn(
        rows,
        model_kind=request.param,
        n_hidden=8,
        epochs=100,
        batch_size=4,
        learning_rate=0.1,
        momentum=0.5,
        initial_weight=0.1,
    )
    names = Vocabulary([f"{number:02}" for number in range(N)])
    model = Model.build(
        request.param,
        curve[-1][1].best_params,
        ratings,
        scale=RatingScale(tuple(STARS)),
        users=names,
        items=names,
    )
    return model, ratings, curve


@pytest.mark.parametrize("user", range(N))
def test_ranking_puts_withheld_liked_item_above_disliked_one(camps, user):
    model, ratings, _ = camps
    items, levels = ratings.row(user)
    hidden = None
    if model.model_kind == "user_rbm":
        hidden = scoring.fold_in(model, items, levels)
    shares = scoring.level_probabilities(model, np.arange(N), hidden=hidden, user=user)
    left_out = np.isin(np.arange(N), items)
    listed, _ = top_n.top_liked(model, 5, left_out=left_out, hidden=hidden, user=user)

    assert listed.tolist() == [user, (user + 1) % N]
    expected = scoring.expected_ratings(model, shares)
    assert expected[user] > 4
    assert expected[(user + 1) % N] < 2


@pytest.mark.parametrize("camps", ["user_rbm"], indirect=True)
def test_fold_in_of_one_rating_finds_camp_of_new_user(camps):
    model, *_ = camps
    hidden = scoring.fold_in(model, np.array([6, 7], np.int32), np.array([LIKE, DISLIKE], np.uint8))
    shares = scoring.level_probabilities(model, np.arange(N), hidden=hidden)

    liked = scoring.expected_ratings(model, shares)
    assert liked[::2].min() > liked[1::2].max() + 1


def test_train_lowers_reconstruction_error_and_numbers_epochs(camps):
    *_, curve = camps
    reports = [report for report, _ in curve]

    assert [report.epoch for report in reports] == list(range(101))
    assert reports[-1].reconstruction_error < 0.7 * reports[1].reconstruction_error
    assert reports[-1].train_nll < 0.5 * reports[0].train_nll


def test_best_epoch_is_last_without_validation_ratings(camps):
    *_, curve = camps
    report, state = curve[-1]

    assert state.best_epoch == state.epoch == 100
    assert state.best_params.sha256() == state.params.sha256()
    assert report.validation_nll is report.validation_rmse is report.validation_free_energy is None


@pytest.fixture
def noise(rng):
    ratings = random_ratings(rng, n_users=40, n_items=20)
    held_out = rng.random(ratings.n_ratings) < 0.3
    return ratings.select(~held_out), ratings.select(held_out)


@pytest.mark.parametrize(("patience", "warm_up", "end"), [(3, 0, 3), (3, 8, 11), (1, 0, 1)])
def test_early_stopping_waits_for_patience_and_warm_up(noise, patience, warm_up, end):
    """On noise the first epoch is the best, or close to it."""
    curve = learn(
        noise[0],
        validation=noise[1],
        n_hidden=30,
        epochs=50,
        learning_rate=0.5,
        weight_decay=0.0,
        patience=patience,
        warm_up_epochs=warm_up,
    )
    _, state = curve[-1]

    assert state.best_epoch == 0
    assert state.epoch == end


def test_train_keeps_parameters_of_best_epoch(noise):
    hyper = {"n_hidden": 30, "learning_rate": 0.05, "warm_up_epochs": 30, "patience": 1}
    start = Hyperparameters.from_changes("user_rbm", hyper)
    first = TrainerState.initial(initial_params(noise[0], 5, start, rng=np.random.default_rng(0)))
    curve = learn(noise[0], validation=noise[1], epochs=30, state=first, **hyper)
    best = min((report for report, _ in curve), key=lambda report: report.validation_nll)
    _, state = curve[-1]

    assert (state.best_epoch, state.best_nll) == (best.epoch, best.validation_nll)
    assert state.params.sha256() != state.best_params.sha256()
    hidden = masked.hidden_probabilities(state.best_params, noise[0])
    shares = masked.Predictor.from_params(state.best_params).level_probabilities(
        hidden, noise[1].users().astype(np.int64), noise[1].items.astype(np.int64)
    )
    assert mean_nll(shares, noise[1].levels) == pytest.approx(best.validation_nll)


def test_epoch_settings_follow_hyperparameters():
    hyper = Hyperparameters(
        epochs=9, cd_steps=2, final_cd_steps=5, momentum_epoch=3, initial_momentum=0.4, momentum=0.8
    )
    paces = [epoch_settings(hyper, epoch) for epoch in range(1, 10)]

    assert [p.momentum for p in paces] == [0.4] * 3 + [0.8] * 6
    assert [p.cd_steps for p in paces] == [2] * 6 + [5] * 3
    assert {p.learning_rate for p in paces} == {hyper.learning_rate}
    assert epoch_settings(Hyperparameters(epochs=3, cd_steps=4), 3).cd_steps == 4  # never shortened


# ---------------------------------------------------------------------------------- real ratings


@pytest.fixture(scope="module")
def fold(movielens):
    return movielens("u1.base"), movielens("u1.test")


def train_on_fold(fold, kind):
    """Train with the defaults on the fold's base, a tenth of it validation."""
    base, test = fold
    users, items = (Vocabulary([f"{n:04}" for n in range(size)]) for size in (943, 1682))
    held_out = evaluation.validation_flags(base, users, items, share=0.1, split_seed=0)
    parts = [base.select(~held_out), base.select(held_out)]
    if kind == "item_rbm":
        parts = [part.transpose() for part in parts]
    curve = learn(parts[0], validation=parts[1], model_kind=kind)
    model = Model.build(
        kind,
        curve[-1][1].best_params,
        base,
        scale=RatingScale(tuple(STARS)),
        users=users,
        items=items,
    )
    figures = evaluation.model_metrics(
        FoldedUsers.from_ratings(model, base), base, test, evaluation.sample_users(test, 100)
    )
    return curve, figures.as_dict()


def test_initial_params_predict_item_marginals(fold):
    """Within half a percent, on the validation likelihood."""
    base, test = fold
    [(report, _), *_] = learn(base, validation=test, epochs=1, n_hidden=100)

    marginals = base_rates(base, 5)[test.items]
    expected = mean_nll(marginals, test.levels)
    assert report.validation_nll == pytest.approx(expected, rel=0.005)
    assert report.validation_rmse == pytest.approx(
        np.sqrt(np.mean((marginals @ STARS - STARS[test.levels]) ** 2)), rel=0.005
    )


@pytest.mark.parametrize(
    ("kind", "expected_rmse"), [("user_rbm", (0.960, 0.985)), ("item_rbm", (0.920, 0.945))]
)
def test_train_reaches_measured_accuracy_on_real_ratings(fold, kind, expected_rmse):
    base, test = fold
    curve, figures = train_on_fold(fold, kind)
    nll = [report.validation_nll for report, _ in curve]

    assert expected_rmse[0] <= figures["validation_rmse"] <= expected_rmse[1]
    baselines = Biases.fit(base, STARS).rmse(test, STARS)
    assert figures["validation_rmse"] < baselines["item_mean"] < baselines["global_mean"]
    assert min(nll) < 0.97 * nll[0]
    assert curve[-1][1].best_nll == min(nll)
    assert 0.28 <= figures["ndcg_at_10"] <= 0.36
    for report, _ in curve[2:]:
        assert 1e-6 < report.update_to_weight_ratio < 1
        assert 0.05 < report.hidden_activity < 0.95
