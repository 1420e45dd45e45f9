"""Fine-tuning: the kernels against their twins, the slopes against differences, and how well."""

import os
from dataclasses import replace

import numpy as np
import pytest

from recsvc.errors import Diverged
from recsvc.rbm import kernels
from recsvc.rbm.machines import masked
from recsvc.rbm.params import Params
from recsvc.rbm.rating_ensemble import fine_tuning
from recsvc.rbm.rating_ensemble.fine_tuning import (
    FinetuningConfig,
    FinetuningState,
    finetune,
    initial_params,
)
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.training.trainer import TrainingData
from tests import naive
from tests.factories.machines import STARS, batch_of, random_params, random_ratings, ratings_of

USERS = np.array([5, 2, 9, 7])
SETTINGS = FinetuningConfig(
    n_hidden=24, epochs=5, batch_size=16, input_share=0.5, error_share=0.5, patience=5
)
IN_STEPS = [0.0, 1.0, 2.0, 3.0, 4.0]  # stars as the loss sees them


@pytest.fixture(scope="module")
def data():
    ratings = random_ratings(np.random.default_rng(5), n_users=150, n_items=80)
    held_out = np.random.default_rng(6).random(ratings.n_ratings) < 0.1
    return TrainingData(ratings.select(~held_out), ratings.select(held_out), STARS)


def small_params(rng: np.random.Generator, **sizes: int) -> Params:
    return random_params(rng, n_hidden=4, spread=0.3, **sizes)


def start(data: TrainingData, settings: FinetuningConfig = SETTINGS) -> FinetuningState:
    rng = np.random.default_rng(0)
    return FinetuningState.initial(initial_params(data.train, data.n_levels, settings, rng=rng))


def copy_state(state: FinetuningState) -> FinetuningState:
    """As a checkpoint keeps it: no array shared with the trainer."""
    arrays = {
        name: array.copy() for name, array in vars(state).items() if isinstance(array, Params)
    }
    return replace(state, **arrays)


def run(data: TrainingData, state: FinetuningState, *, seed: int = 0, settings=SETTINGS) -> list:
    return [
        (report, copy_state(s)) for report, s in finetune(data, settings, seed=seed, state=state)
    ]


def hashes(curve: list) -> list[tuple[str, ...]]:
    return [
        tuple(value.sha256() for value in vars(state).values() if isinstance(value, Params))
        for _, state in curve
    ]


def half_hidden(params: Params, ratings: RatingMatrix, settings: FinetuningConfig = SETTINGS):
    batch = batch_of(ratings, USERS)
    return batch, fine_tuning.predict_withheld(params, batch, STARS, settings, seed=3, epoch=1)


def naive_rows(ratings: RatingMatrix, share: float = 0.5) -> list:
    """Each user's ratings, and which of them are shown."""
    rows = [naive.row_of(ratings, user) for user in USERS]
    keys = [naive.stream(3, 1, user) for user in USERS.tolist()]
    shown = [naive.shown_ratings(row, key, share) for row, key in zip(rows, keys, strict=True)]
    return list(zip(rows, shown, strict=True))


def naive_loss(params: Params, rows: list, error_share: float) -> float:
    totals = [naive.losses_of_row(params, *row, IN_STEPS, 0.5**-0.5) for row in rows]
    return sum((1 - error_share) * nll + error_share * squares for nll, squares, _ in totals)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_predict_withheld_equals_twin(rng, ratings, share):
    params = small_params(rng)

    _, slopes = half_hidden(params, ratings, replace(SETTINGS, input_share=share))

    rows = naive_rows(ratings, share)
    assert slopes.is_input.tolist() == [flag for _, shown in rows for flag in shown]
    for b, (row, shown) in enumerate(rows):
        hidden = naive.shown_hidden(params, row, shown, share**-0.5)
        losses = naive.losses_of_row(params, row, shown, IN_STEPS, share**-0.5)
        np.testing.assert_allclose(slopes.hidden[b], hidden, rtol=1e-5)
        np.testing.assert_allclose(slopes.losses[b], losses, rtol=1e-4)


@pytest.mark.parametrize("error_share", [0.0, 0.5, 1.0])
def test_gradient_equals_finite_differences(rng, ratings, error_share):
    params = small_params(rng)
    state = FinetuningState.initial(params.copy())
    settings = replace(SETTINGS, error_share=error_share, weight_decay=0.0)

    batch, slopes = half_hidden(params, ratings, settings)
    fine_tuning.take_adam_step(state, batch, slopes, settings, steps=1)

    rows = naive_rows(ratings)
    for name, after_a_step in state.mean.arrays().items():
        slope = naive.numeric_slope(
            lambda array, name=name: naive_loss(
                replace(params, **{name: array}), rows, error_share
            ),
            getattr(params, name),
        )
        if name == "weights":  # what pulls at a level and those above pulls at its increment
            slope = np.flip(np.cumsum(np.flip(slope, 1), axis=1), 1)
        np.testing.assert_allclose(after_a_step / 0.1, slope, atol=2e-4)


def test_step_is_adam_on_increments(rng, ratings):
    params, settings = small_params(rng), replace(SETTINGS, weight_decay=0.3)
    state = FinetuningState.initial(params)
    rated = np.isin(np.arange(ratings.n_items), ratings.rows(USERS).items)
    parts = {name: array.astype(np.float64) for name, array in params.arrays().items()}
    parts["weights"] = naive.increments(parts["weights"])
    means = {name: (np.zeros(part.shape), np.zeros(part.shape)) for name, part in parts.items()}

    for steps in (1, 2, 3):
        before = parts["weights"].copy()
        batch, slopes = half_hidden(params, ratings, settings)
        plain = FinetuningState.initial(params.copy())
        fine_tuning.take_adam_step(
            plain, batch, slopes, replace(settings, weight_decay=0.0), steps=1
        )
        fine_tuning.take_adam_step(state, batch, slopes, settings, steps=steps)
        for name, part in parts.items():
            slope = plain.mean.arrays()[name].astype(np.float64) / 0.1
            if name == "weights":
                slope[rated] += 0.3 * before[rated]
            moved, *means[name] = naive.adam(slope, *means[name], rate=0.002, steps=steps)
            part -= moved

    np.testing.assert_allclose(params.weights, np.cumsum(parts["weights"], axis=1), atol=2e-5)
    np.testing.assert_allclose(params.visible_bias, parts["visible_bias"], atol=2e-5)
    np.testing.assert_allclose(params.hidden_bias, parts["hidden_bias"], atol=2e-5)


def test_predict_withheld_ignores_withheld_levels(rng, ratings):
    params = small_params(rng)
    _, slopes = half_hidden(params, ratings)
    own = ratings.rows(USERS)
    other = own.levels.copy()
    other[~slopes.is_input] = (other[~slopes.is_input] + 1) % 5
    levels = ratings.levels.copy()
    starts = ratings.indptr[USERS]
    for b, begin in enumerate(starts):
        span = slice(own.indptr[b], own.indptr[b + 1])
        levels[begin : begin + span.stop - span.start] = other[span]

    _, changed = half_hidden(params, replace(ratings, levels=levels))

    assert (changed.hidden == slopes.hidden).all()
    assert (changed.losses != slopes.losses).any()


def test_step_leaves_unrated_items_in_place(rng, ratings):
    params = small_params(rng)
    before, state = params.copy(), FinetuningState.initial(params)

    batch, slopes = half_hidden(params, ratings)
    fine_tuning.take_adam_step(state, batch, slopes, SETTINGS, steps=1)

    rated = np.isin(np.arange(ratings.n_items), batch.items)
    assert not rated.all()
    assert (params.weights[~rated] == before.weights[~rated]).all()
    assert (params.weights[rated] != before.weights[rated]).any(axis=(1, 2)).all()


def test_second_order_is_near_exact_prediction(rng, ratings):
    """For weights as large as fine-tuned ones become; the first order is five times as far off."""
    params = random_params(rng, n_hidden=100, spread=0.15)
    hidden = masked.hidden_probabilities(params, ratings)
    users, items = np.repeat(np.arange(12), 9), np.tile(np.arange(9), 12)
    exact = masked.Predictor.from_params(params).level_probabilities(hidden, users, items)

    second = [
        naive.second_order_shares(params, i, hidden[u]) for u, i in zip(users, items, strict=True)
    ]
    first = [naive.level_shares(params, i, hidden[u]) for u, i in zip(users, items, strict=True)]

    assert np.abs(np.array(second) - exact).max() < 0.01
    assert np.abs(np.array(first) - exact).max() > 5 * np.abs(np.array(second) - exact).max()


def test_initial_params_predict_base_rates_with_smooth_levels(data):
    params = initial_params(data.train, 5, SETTINGS, rng=np.random.default_rng(0))

    steps = naive.increments(params.weights.astype(np.float64))
    shares = np.exp(params.visible_bias).sum(axis=1)
    np.testing.assert_allclose(steps.std(), 0.05, rtol=0.05)
    np.testing.assert_allclose(shares, 1, rtol=1e-5)


def test_finetune_has_same_bits_with_any_threads(data):
    curve = run(data, start(data))
    kernels.use_threads(1)
    try:
        alone = run(data, start(data))
    finally:
        kernels.use_threads(os.cpu_count() or 1)

    assert len(curve) == 5
    assert hashes(alone) == hashes(curve)
    assert [report for report, _ in alone] == [report for report, _ in curve]
    assert hashes(run(data, start(data), seed=1))[0] != hashes(curve)[0]


@pytest.mark.parametrize("stop", range(4))
def test_resumed_run_has_same_bits_after_any_epoch(data, stop):
    undisturbed = run(data, start(data))

    rest = run(data, undisturbed[stop][1])

    assert hashes(rest) == hashes(undisturbed)[stop + 1 :]
    assert [report for report, _ in rest] == [report for report, _ in undisturbed[stop + 1 :]]


def test_finetune_stops_early_and_keeps_best_epoch(data):
    """Random ratings: there is nothing to learn, so the first epochs are the best."""
    settings = replace(SETTINGS, epochs=50, patience=2, learning_rate=0.02, averaging=0.0)

    curve = run(data, start(data, settings), settings=settings)

    best = min(range(len(curve)), key=lambda n: curve[n][0].validation_rmse)
    final = curve[-1][1]
    assert len(curve) == best + 3 < 50
    assert final.best_epoch == best + 1
    assert final.best_params.sha256() == curve[best][1].averaged.sha256()


def test_best_epoch_is_last_without_validation_ratings(data):
    nothing = data.train.select(np.zeros(data.train.n_ratings, bool))

    curve = run(replace(data, validation=nothing), start(data))

    report, state = curve[-1]
    assert state.best_epoch == report.epoch == 5
    assert report.validation_rmse is report.validation_nll is None
    assert state.best_params.sha256() == state.averaged.sha256()


def test_finetune_raises_diverged_when_rate_is_too_high(data):
    settings = replace(SETTINGS, learning_rate=1e30)

    with pytest.raises(Diverged, match="learning rate 1e\\+30"):
        run(data, start(data, settings), settings=settings)


@pytest.mark.parametrize("n_levels", [1, 2, 11])
def test_finetune_accepts_any_scale_and_sparse_ratings(n_levels):
    rows = [{user % 3: user % n_levels} for user in range(20)] + [{}]
    ratings = ratings_of(rows, 4)
    values = np.linspace(0, 100, n_levels) if n_levels > 1 else np.array([7.0])
    data = TrainingData(ratings, ratings.select(np.zeros(20, bool)), values)

    report, state = run(data, start(data))[-1]

    assert state.best_params.is_finite()
    assert 0 <= report.train_rmse <= 100


def test_train_rmse_is_on_scale_of_ratings(data):
    """The same levels standing for values ten times as far apart."""
    report = run(data, start(data))[0][0]
    wide = run(replace(data, values=STARS * 10), start(data))[0][0]

    np.testing.assert_allclose(wide.train_rmse, 10 * report.train_rmse, rtol=1e-5)
    np.testing.assert_allclose(wide.train_nll, report.train_nll, rtol=1e-5)


def test_config_has_more_hidden_units_for_more_ratings():
    def matrix(n_users: int, n_items: int, n_ratings: int) -> RatingMatrix:
        empty = np.zeros(n_ratings, dtype=np.int32)
        indptr = np.zeros(n_users + 1, dtype=np.int64)
        return RatingMatrix(indptr, empty, empty.astype(np.uint8), n_items)

    sizes = {
        "ml-100k": FinetuningConfig.from_data(matrix(1682, 943, 80_000), 5).n_hidden,
        "ml-1m": FinetuningConfig.from_data(matrix(3706, 6040, 900_000), 5).n_hidden,
        "a million users": FinetuningConfig.from_data(
            matrix(10_000, 1_000_000, 10_000_000), 5
        ).n_hidden,
    }

    assert 64 <= sizes["ml-100k"] <= 96 < 128 <= sizes["ml-1m"] <= 320
    assert sizes["a million users"] == 16
    assert FinetuningConfig.from_data(matrix(3706, 6040, 900_000), 5).batch_size == 128
    assert FinetuningConfig.from_data(matrix(1_000_000, 10_000, 1_000_000), 5).batch_size == 5000
