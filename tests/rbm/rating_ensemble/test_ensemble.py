"""The two machines that predict ratings beside a joint one."""

import dataclasses

import numpy as np
import pytest

from recsvc.rbm import checkpoint
from recsvc.rbm.inference import scoring
from recsvc.rbm.inference.folded_users import FoldedUsers
from recsvc.rbm.machines import masked
from recsvc.rbm.machines.baselines import Biases
from recsvc.rbm.model import Model
from recsvc.rbm.rating_ensemble import ensemble
from recsvc.rbm.rating_ensemble.blend import Blend, ExpertOutputs, normal_level_shares
from recsvc.rbm.rating_ensemble.ensemble import RatingEnsemble
from recsvc.rbm.rating_scale import RatingScale
from recsvc.rbm.vocabulary import Vocabulary
from tests.factories.machines import STARS, movielens_100k, random_params, random_ratings


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.fixture
def ratings(rng):
    return random_ratings(rng, n_users=30, n_items=20)


@pytest.fixture
def parts(ratings):
    held_out = np.arange(ratings.n_ratings) % 5 == 0
    return ratings.select(~held_out), ratings.select(held_out)


@pytest.fixture
def small_ensemble(rng, parts):
    by_user, by_item = random_params(rng, n_items=20), random_params(rng, n_items=30)
    return RatingEnsemble.fit(by_user, by_item, *parts, STARS)


def model_of(made: RatingEnsemble, ratings, rng) -> Model:
    model = Model.build(
        "joint_rbm",
        random_params(rng, n_items=20, n_hidden=4),
        ratings,
        scale=RatingScale(tuple(STARS.tolist())),
        users=Vocabulary([f"u{number:02}" for number in range(30)]),
        items=Vocabulary([f"i{number:02}" for number in range(20)]),
    )
    return dataclasses.replace(model, raters=made)


def test_ensemble_blends_experts_for_known_user(small_ensemble, parts):
    train, validation = parts
    users, items = np.array([3, 3, 17]), np.array([0, 12, 5])
    by_user, by_item = small_ensemble.by_user.params, small_ensemble.by_item.params
    biases = Biases.fit(train, STARS)

    def answers(users, items) -> ExpertOutputs:
        return ExpertOutputs(
            masked.Predictor.from_params(by_user).level_probabilities(
                masked.hidden_probabilities(by_user, train), users, items
            ),
            masked.Predictor.from_params(by_item).level_probabilities(
                masked.hidden_probabilities(by_item, train.transpose()), items, users
            ),
            normal_level_shares(biases.predict(users, items), STARS),
            np.diff(train.indptr)[users],
            train.item_counts()[items],
        )

    held_out = validation.users().astype(np.int64), validation.items.astype(np.int64)
    blend = Blend.fit(answers(*held_out), validation.levels)
    everybody = np.ones(3, bool)
    expected = blend.level_probabilities(
        answers(users, items), knows_user=everybody, knows_item=everybody
    )

    hidden, counts = (
        small_ensemble.by_user.hidden_probabilities(train),
        np.diff(train.indptr)[users],
    )
    found = small_ensemble.level_probabilities(hidden, users, users, items, counts)

    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_ensemble_uses_user_oriented_machine_for_new_user(small_ensemble, parts):
    items, levels = parts[0].row(4)
    asked = np.arange(20)
    hidden = small_ensemble.fold_in(items, levels)

    found = scoring.ensemble_probabilities(
        small_ensemble, asked, user=None, rated=items, levels=levels
    )

    expected = small_ensemble.by_user.predictor.level_probabilities(
        hidden[np.newaxis], np.zeros_like(asked), asked
    )
    np.testing.assert_allclose(found, expected)


def test_ensemble_predicts_same_for_one_and_all_users(small_ensemble, ratings, rng):
    model = model_of(small_ensemble.with_item_ratings(ratings), ratings, rng)
    items = np.arange(20)
    folded = FoldedUsers.from_ratings(model, ratings).level_probabilities(np.full(20, 9), items)
    rated, levels = ratings.row(9)

    alone = scoring.ensemble_probabilities(model.raters, items, user=9, rated=rated, levels=levels)

    np.testing.assert_allclose(folded, alone, rtol=1e-4)


def test_ensemble_with_item_ratings_replaces_items(small_ensemble, parts, ratings):
    other = small_ensemble.with_item_ratings(ratings)

    np.testing.assert_array_equal(other.item_counts, ratings.item_counts())
    np.testing.assert_array_equal(
        other.item_hidden, small_ensemble.by_item.hidden_probabilities(ratings.transpose())
    )
    assert (other.item_hidden != small_ensemble.item_hidden).any()


def test_checkpoint_restores_ensemble(small_ensemble, ratings, rng):
    model = model_of(small_ensemble, ratings, rng)
    read = checkpoint.read_model(checkpoint.write_model(model))
    users, items = np.repeat(np.arange(30), 20), np.tile(np.arange(20), 30)

    one, two = (
        FoldedUsers.from_ratings(each, ratings).level_probabilities(users, items)
        for each in (model, read)
    )

    np.testing.assert_array_equal(one, two)
    assert checkpoint.write_model(read) == checkpoint.write_model(model)


def test_train_ensemble_is_deterministic(parts):
    learned = []
    for _ in range(2):
        *reports, found = ensemble.train_ensemble(*parts, STARS, most_epochs=2, seed=4)
        assert [report.epoch for report in reports] == [1, 2, 1, 2]
        learned.append(found)

    for part in ("by_user", "by_item"):
        one, two = (getattr(each, part).params.sha256() for each in learned)
        assert one == two
    np.testing.assert_array_equal(learned[0].blend.powers, learned[1].blend.powers)


def test_ensemble_beats_biases_on_movielens(data_dir):
    expected_rmse = (0.88, 0.91)  # u1; user and item bias .96
    base, test = (movielens_100k(data_dir, name) for name in ("u1.base", "u1.test"))
    held_out = np.random.default_rng(0).random(base.n_ratings) < 0.1
    parts = base.select(~held_out), base.select(held_out)
    *_, found = ensemble.train_ensemble(*parts, STARS, most_epochs=30, seed=0)
    found = found.with_item_ratings(base)

    users, items = test.users().astype(np.int64), test.items.astype(np.int64)
    counts = np.diff(base.indptr)[users]
    shares = found.level_probabilities(
        found.by_user.hidden_probabilities(base), users, users, items, counts, in_parallel=True
    )
    errors = shares @ STARS - STARS[test.levels]

    assert expected_rmse[0] < np.sqrt(np.mean(errors**2)) < expected_rmse[1]
