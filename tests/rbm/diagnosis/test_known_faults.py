"""Faults in learning that were found in other implementations, one test each."""

import warnings

import numpy as np
import pytest

from recsvc.errors import Diverged
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.machines import masked
from recsvc.rbm.params import Params, base_rates, initial_params
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.training.trainer import TrainerState, TrainingData, train
from tests.factories.machines import (
    STARS,
    learn,
    random_params,
    random_ratings,
    ratings_of,
    run_chain,
    run_step,
)


def test_uniforms_differ_between_epochs_users_and_seeds():
    """Not drawn once at start-up."""
    params = Params(
        np.zeros((64, 5, 1), np.float32), np.zeros((64, 5), np.float32), np.zeros(1, np.float32)
    )
    ratings = ratings_of([dict.fromkeys(range(64), 0)] * 2, n_items=64)
    both = np.arange(2)
    chains = [
        run_chain(params, ratings, both, seed=seed, epoch=epoch)[2].reshape(2, 64)
        for seed, epoch in [(0, 1), (0, 2), (1, 1)]
    ]
    samples = [row for chain in chains for row in chain]

    for one in range(6):
        for other in range(one):
            assert 0.05 < (samples[one] == samples[other]).mean() < 0.45


def test_gibbs_chain_repeats_for_same_seed_epoch_and_user(params, ratings):
    one = run_chain(params, ratings, np.array([1, 2, 3]))
    alone = run_chain(params, ratings, np.array([3]))

    np.testing.assert_array_equal(one[0][2], alone[0][0])
    np.testing.assert_array_equal(one[1][2], alone[1][0])


def test_gibbs_chain_depends_on_its_length(params, ratings):
    users = np.arange(ratings.n_users)
    samples = [run_chain(params, ratings, users, cd_steps=k)[2] for k in (1, 2, 3)]

    assert (samples[0] != samples[1]).any()
    assert (samples[1] != samples[2]).any()


def test_final_cd_steps_change_weights_from_late_epoch_on(ratings):
    hyper = {"n_hidden": 4, "epochs": 6, "batch_size": 4, "learning_rate": 0.5}
    hashes = [
        [
            (report.cd_steps, state.params.sha256())
            for report, state in states_of(ratings, final_cd_steps=final, **hyper)
        ]
        for final in (1, 4)
    ]

    assert [k for k, _ in hashes[1]] == [0, 1, 1, 1, 1, 4, 4]
    same = [one[1] == other[1] for one, other in zip(*hashes, strict=True)]
    assert same == [True] * 5 + [False] * 2


def states_of(ratings: RatingMatrix, **hyper: object) -> list:
    """Reports and states whose parameters are copies."""
    chosen = Hyperparameters.from_changes("user_rbm", hyper)
    start = initial_params(ratings, 5, chosen, rng=np.random.default_rng(0))
    data = TrainingData(ratings, ratings.select(np.zeros(ratings.n_ratings, bool)), STARS)
    run = train(data, chosen, seed=0, state=TrainerState.initial(start), model_kind="user_rbm")
    return [(r, TrainerState(**{**vars(s), "params": s.params.copy()})) for r, s in run]


@pytest.mark.parametrize("size", [1e2, 1e4, 1e20, 1e37])
def test_huge_weights_stay_finite(ratings, rng, size):
    """No raw exp overflows: chain, step, prediction and report stay finite."""
    start = random_params(rng, spread=1)
    huge = Params(*(np.sign(a) * np.float32(size) for a in start.arrays().values()))
    data_hidden, model_hidden, levels, _ = run_chain(huge, ratings, np.arange(12), cd_steps=3)
    assert np.isfinite(data_hidden).all()
    assert np.isfinite(model_hidden).all()
    assert (levels < 5).all()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        [*_, (report, state)] = learn(
            ratings, validation=ratings, state=TrainerState.initial(huge), epochs=1, n_hidden=7
        )

    assert state.params.is_finite()
    assert all(np.isfinite(v) for v in vars(report).values() if v is not None)


@pytest.mark.parametrize("rate", [1.0, 10.0, 100.0])
def test_exploding_parameters_raise_diverged_after_finite_reports(ratings, rate):
    epochs = []
    chosen = Hyperparameters.from_changes(
        "user_rbm",
        {
            "learning_rate": rate,
            "weight_decay": 10.0,
            "n_hidden": 4,
            "batch_size": 3,
            "rollbacks": 0,
        },
    )
    start = initial_params(ratings, 5, chosen, rng=np.random.default_rng(0))
    data = TrainingData(ratings, ratings, STARS)
    state = TrainerState.initial(start)
    run = train(data, chosen, seed=0, state=state, model_kind="user_rbm")
    with pytest.raises(Diverged, match="learning rate") as caught:
        epochs.extend(report for report, _ in run)

    assert caught.value.facts["epoch"] == len(epochs)
    assert all(np.isfinite(v) for report in epochs for v in vars(report).values() if v is not None)


def test_nan_parameter_raises_diverged(ratings, params):
    params.weights[0, 0, 0] = np.nan

    with pytest.raises(Diverged):
        learn(ratings, state=TrainerState.initial(params), epochs=2, n_hidden=7)


def test_unrated_items_do_not_change_step(rng):
    """Not entering as 0 or −1: items nobody in the batch rated change no bit of the others."""
    few = random_ratings(rng)
    many = RatingMatrix(few.indptr, few.items, few.levels, n_items=40)
    wide = random_params(rng, n_items=40)
    narrow = Params(wide.weights[:9].copy(), wide.visible_bias[:9].copy(), wide.hidden_bias.copy())
    before = wide.copy()

    for params, ratings in ((narrow, few), (wide, many)):
        run_step(params, params.zeros_like(), ratings, np.arange(12), rate=0.5)

    np.testing.assert_array_equal(wide.weights[:9], narrow.weights)
    np.testing.assert_array_equal(wide.visible_bias[:9], narrow.visible_bias)
    np.testing.assert_array_equal(wide.weights[9:], before.weights[9:])
    np.testing.assert_array_equal(wide.visible_bias[9:], before.visible_bias[9:])
    np.testing.assert_array_equal(
        masked.hidden_inputs(wide, many),
        masked.hidden_inputs(
            Params(wide.weights[:9], wide.visible_bias[:9], wide.hidden_bias), few
        ),
    )


def test_gibbs_chain_draws_levels_by_softmax(rng):
    bias = np.array([[0.0, 1.0, 3.0]], np.float32)
    params = Params(np.zeros((1, 3, 2), np.float32), bias, np.zeros(2, np.float32))
    ratings = ratings_of([{0: 0}] * 20_000, n_items=1)

    levels = run_chain(params, ratings, np.arange(20_000))[2]

    shares = np.bincount(levels, minlength=3) / levels.size
    np.testing.assert_allclose(shares, (np.exp(bias) / np.exp(bias).sum())[0], atol=0.01)


def test_unseen_items_and_levels_have_finite_biases():
    """No log 0."""
    ratings = ratings_of([{0: 4, 1: 4}, {0: 3}], n_items=4)

    params = initial_params(ratings, 5, Hyperparameters(), rng=np.random.default_rng(0))

    assert params.is_finite()
    np.testing.assert_allclose(np.exp(params.visible_bias).sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(base_rates(ratings, 5)[2], np.array([1, 1, 1, 2, 3]) / 8)


def test_visible_biases_accumulate_over_steps(ratings, params):
    """+=, not =: two steps that each move go twice as far as their sum says."""
    start, velocity = params.copy(), params.zeros_like()
    moves = []
    for epoch in (1, 2):
        before = params.visible_bias.copy()
        run_step(params, velocity, ratings, np.arange(12), rate=0.1, epoch=epoch)
        moves.append(params.visible_bias - before)

    assert all(np.abs(move).max() > 0.01 for move in moves)
    np.testing.assert_allclose(params.visible_bias, start.visible_bias + sum(moves), atol=1e-6)
    assert np.abs(params.visible_bias - moves[1]).max() > 0.1


def test_hidden_biases_accumulate_over_epochs(rng):
    ratings = random_ratings(rng, n_users=30)
    start = random_params(rng)
    first = start.hidden_bias.copy()

    [*_, (_, state)] = learn(
        ratings, state=TrainerState.initial(start), epochs=1, n_hidden=7, learning_rate=0.001
    )

    moved = np.abs(state.params.hidden_bias - first)
    assert 0 < moved.max() < 0.01  # a small step away from where it was, not in its place


def test_reconstruction_does_not_overwrite_data(params, ratings):
    """v_k is no alias of v_0."""
    levels, items = ratings.levels.copy(), ratings.items.copy()
    users = np.arange(ratings.n_users)

    data_hidden, model_hidden, model_levels, _ = run_chain(params, ratings, users, cd_steps=3)

    np.testing.assert_array_equal(ratings.levels, levels)
    np.testing.assert_array_equal(ratings.items, items)
    np.testing.assert_allclose(data_hidden, masked.hidden_probabilities(params, ratings), atol=1e-6)
    assert (model_levels != levels).any()
    assert (model_hidden != data_hidden).any()


@pytest.mark.parametrize("batch_size", [3, 7, 9, 10, 100])
def test_epoch_includes_every_user_at_any_batch_size(rng, batch_size):
    """The last, smaller batch is not dropped: each user alone rates an item that must move."""
    n = 10
    ratings = ratings_of([{user: 0} for user in range(n)], n_items=n)
    start = Params(
        np.zeros((n, 5, 2), np.float32), np.zeros((n, 5), np.float32), np.zeros(2, np.float32)
    )
    before = start.copy()
    hyper = {"epochs": 1, "batch_size": batch_size, "n_hidden": 2, "learning_rate": 1.0}
    hyper |= {"initial_momentum": 0.0}

    [*_, (_, state)] = learn(ratings, state=TrainerState.initial(start), **hyper)

    moved = np.abs(state.params.visible_bias - before.visible_bias).sum(axis=1)
    expected = run_one_by_one(before, ratings)  # 0 or 2 over the size of the user's batch
    assert ((moved > 0) == expected).all()
    assert expected.sum() > n / 2
    sizes = sorted({min(batch_size, n - at) for at in range(0, n, batch_size)})
    assert {round(2 / m) for m in moved[moved > 0]} <= set(sizes)


def run_one_by_one(params: Params, ratings: RatingMatrix) -> np.ndarray:
    """Which users' reconstructions differ from what they gave."""
    levels = run_chain(params, ratings, np.arange(ratings.n_users), seed=0, epoch=1)[2]
    return levels != ratings.levels


def test_gradient_is_mean_over_batch(params, ratings):
    """Twice the same users make the same step, not twice the step."""
    users, twice = np.arange(12), np.tile(np.arange(12), 2)
    one, two = params.copy(), params.copy()

    run_step(one, one.zeros_like(), ratings, users, rate=1.0, decay=0.1)
    run_step(two, two.zeros_like(), ratings, twice, rate=1.0, decay=0.1)

    assert np.abs(one.weights - params.weights).max() > 0.01
    np.testing.assert_allclose(one.weights, two.weights, atol=1e-6)
    np.testing.assert_allclose(one.visible_bias, two.visible_bias, atol=1e-6)


def test_early_stopping_follows_validation_nll(rng):
    """Not by reconstruction error, which falls while the likelihood does too."""
    ratings = random_ratings(rng, n_users=40, n_items=20)  # noise: there is nothing to learn
    held_out = rng.random(ratings.n_ratings) < 0.3
    curve = learn(
        ratings.select(~held_out),
        validation=ratings.select(held_out),
        epochs=60,
        n_hidden=30,
        learning_rate=0.5,
        weight_decay=0.0,
        patience=20,
        warm_up_epochs=0,
    )
    reports = [report for report, _ in curve]
    nll = [report.validation_nll for report in reports]
    last = curve[-1][1]

    assert last.best_epoch == int(np.argmin(nll))
    assert last.best_nll == min(nll)
    assert last.epoch == last.best_epoch + 20 < 60
    errors = [report.reconstruction_error for report in reports[1:]]
    assert min(errors[-5:]) < min(errors[: last.best_epoch + 1])


def test_hidden_units_start_near_half_with_sparse_input(rng):
    """Not all on."""
    ratings = random_ratings(rng, n_users=200, n_items=300)
    for initialisation in ("normal", "glorot"):
        hyper = Hyperparameters.from_changes("user_rbm", {"initialisation": initialisation})
        params = initial_params(ratings, 5, hyper, rng=np.random.default_rng(0))

        hidden = masked.hidden_probabilities(params, ratings)

        assert 0.45 < hidden.mean() < 0.55
        assert ((hidden > 0.05) & (hidden < 0.95)).mean() > 0.97
