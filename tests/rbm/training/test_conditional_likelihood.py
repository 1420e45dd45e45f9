"""Learning of the joint machine: its steps against brute force, sampled or whole."""

import numpy as np
import pytest

from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.inference import scoring, top_n
from recsvc.rbm.machines import joint
from recsvc.rbm.params import Params
from recsvc.rbm.training import conditional_likelihood, optimizer, sampled_softmax
from recsvc.rbm.training.batches import iter_joint_batches
from tests import naive, naive_joint
from tests.factories.machines import (
    batch_of,
    joint_model_of,
    learn_joint,
    random_params,
    random_ratings,
    ratings_of,
)

USERS = np.array([4, 1, 7, 2])


@pytest.fixture
def params(rng):
    return random_params(rng, spread=0.3)


def rows_of(ratings, users=USERS):
    return [naive.row_of(ratings, user) for user in users]


def hyper_of(**changes) -> Hyperparameters:
    return Hyperparameters.from_changes("joint_rbm", {"n_hidden": 7, **changes})


def test_forward_pass_samples_inputs_and_dropout_of_twin(params, ratings):
    batch = batch_of(ratings, USERS)
    side = conditional_likelihood.run_forward_pass(
        params, batch, hyper_of(dropout=0.4, least_input=0.2), seed=3, epoch=2
    )

    for n, user in enumerate(USERS.tolist()):
        key, row = naive.stream(3, 2, user), naive.row_of(ratings, user)
        keeps = naive_joint.kept_places(row, key, 0.2)
        mask = naive_joint.mask(len(row), 7, key, 0.4)
        given = [pair for pair, keep in zip(row, keeps, strict=True) if keep]
        hidden = np.array(naive_joint.hidden(params, given))
        assert side.is_input[batch.indptr[n] : batch.indptr[n + 1]].tolist() == keeps
        np.testing.assert_allclose(side.evidence[n], naive_joint.evidence(len(given)), rtol=1e-6)
        np.testing.assert_allclose(side.hidden[n], hidden * mask, atol=1e-5)
        np.testing.assert_allclose(side.slopes[n], hidden * (1 - hidden) * mask, atol=1e-5)
    assert 0 < (side.hidden == 0).mean() < 1


@pytest.mark.parametrize("n_chunks", [1, 3])
def test_step_follows_brute_force_slope(params, ratings, monkeypatch, n_chunks):
    """The slope by central differences of the loss written out over all pairs."""
    monkeypatch.setattr(sampled_softmax, "CHUNK_PAIRS", 45 // n_chunks)
    hyper = hyper_of(dropout=0.3, batch_size=4, weight_decay=0.5)
    some = ratings.rows(USERS)
    moments = optimizer.Moments(params.zeros_like(), params.zeros_like())
    before = params.copy()

    conditional_likelihood.learn_epoch(
        params, moments, some, hyper, learning_rate=0.01, seed=3, epoch=1
    )

    kept, masks = [], []
    for user in range(4):
        key, row = naive.stream(3, 1, user), naive.row_of(some, user)
        kept.append(naive_joint.kept_places(row, key, hyper.least_input))
        masks.append(naive_joint.mask(len(row), 7, key, 0.3))
    rows = rows_of(some, range(4))
    for name, array in before.arrays().items():
        for place in list(np.ndindex(array.shape))[:: max(1, array.size // 20)]:
            slope = _slope(before, name, place, lambda at: naive_joint.loss(at, rows, kept, masks))
            mean = getattr(moments.mean, name)[place]
            np.testing.assert_allclose(mean / 0.1, slope, atol=2e-5, rtol=2e-3)
            moved, mean, square = naive_joint.adam(
                float(array[place]),
                (0.0, 0.0),
                float(mean / 0.1),
                1,
                rate=0.01,
                decay=0.5 if name == "weights" else 0.0,
            )
            np.testing.assert_allclose(getattr(params, name)[place], moved, atol=2e-5)
            np.testing.assert_allclose(getattr(moments.square, name)[place], square, rtol=1e-3)


def test_sampled_partition_sum_is_unbiased(rng):
    ratings = random_ratings(rng, n_users=30, n_items=40)
    ratings = ratings.select((ratings.items < 6) | (rng.random(ratings.n_ratings) < 0.2))
    params = random_params(rng, n_items=40, spread=0.2)
    hidden = rng.random((4, 7)).astype(np.float32)
    whole = np.exp(hidden @ params.weights.reshape(-1, 7).T + params.visible_bias.ravel()).sum(1)
    sampling = sampled_softmax.ItemSampler.build(ratings, 12, rng=np.random.default_rng(0))

    sums, drawn = [], np.zeros(40)
    for n in range(2000):
        some = sampling.sample(params, rng=np.random.default_rng(n))
        drawn[some.items] += 1 / 2000
        fields = hidden @ some.weights.reshape(-1, 7).T + some.bias.ravel()
        sums.append(np.exp(fields).sum(1))

    np.testing.assert_allclose(np.mean(sums, axis=0), whole, rtol=0.02)
    np.testing.assert_allclose(drawn, sampling.chances, atol=0.05)
    assert sampling.chances.sum() == pytest.approx(12)
    expected = naive_joint.chances(ratings.item_counts().tolist(), 12)
    np.testing.assert_allclose(sampling.chances, expected, rtol=1e-9)


def test_step_follows_slope_of_sampled_sum(rng):
    """The brute-force loss, in whose partition sum an item counts 1/π times, or not at all."""
    hyper = hyper_of(dropout=0.0, batch_size=4, candidates=10, weight_decay=0.0)
    some = random_ratings(rng, n_users=4, n_items=30)
    params = random_params(rng, n_items=30, spread=0.3)
    moments = optimizer.Moments(params.zeros_like(), params.zeros_like())
    before = params.copy()
    epoch = iter_joint_batches(before, some, hyper, learning_rate=0.01, seed=3, epoch=1)
    sample = next(epoch).sampled
    epoch.close()
    counted = np.zeros(params.visible_bias.shape[0])
    sampled = sample.bias - before.visible_bias[sample.items]
    counted[sample.items] = np.exp(sampled[:, 0])
    rated = set(some.items.tolist())
    assert rated - set(sample.items.tolist()), "there is something rated and not sampled"

    conditional_likelihood.learn_epoch(
        params, moments, some, hyper, learning_rate=0.01, seed=3, epoch=1
    )

    kept = [
        naive_joint.kept_places(naive.row_of(some, u), naive.stream(3, 1, u), hyper.least_input)
        for u in range(4)
    ]
    rows, masks = rows_of(some, range(4)), [[1.0] * 7] * 4
    for name, array in before.arrays().items():
        for place in list(np.ndindex(array.shape))[:: max(1, array.size // 30)]:
            slope = _slope(
                before, name, place, lambda at: naive_joint.loss(at, rows, kept, masks, counted)
            )
            mean = getattr(moments.mean, name)[place]
            np.testing.assert_allclose(mean / 0.1, slope, atol=2e-5, rtol=2e-3)


def test_step_leaves_items_in_place_when_not_sampled(rng):
    ratings = random_ratings(rng, n_users=6, n_items=60)
    ratings = ratings.select(ratings.items < 8)
    hyper = hyper_of(candidates=10, batch_size=6)
    params = random_params(rng, n_items=60)
    before = params.copy()
    moments = optimizer.Moments(params.zeros_like(), params.zeros_like())

    conditional_likelihood.learn_epoch(
        params, moments, ratings, hyper, learning_rate=0.01, seed=0, epoch=1
    )

    moved = (params.weights != before.weights).any(axis=(1, 2))
    assert moved[np.unique(ratings.items)].all()
    assert 8 <= moved.sum() <= 18
    np.testing.assert_array_equal(moved, (params.visible_bias != before.visible_bias).any(axis=1))


def _slope(params: Params, name: str, place: tuple, loss) -> float:
    at = {key: array.astype(np.float64) for key, array in params.arrays().items()}
    at[name] = at[name].copy()
    at[name][place] += 1e-4
    above = loss(Params(**at))
    at[name][place] -= 2e-4
    return (above - loss(Params(**at))) / 2e-4


def test_second_step_uses_moments_of_first(params, ratings):
    hyper = hyper_of(batch_size=12, dropout=0.0, least_input=1.0, weight_decay=0.1)
    moments = optimizer.Moments(params.zeros_like(), params.zeros_like())
    conditional_likelihood.learn_epoch(
        params, moments, ratings, hyper, learning_rate=0.01, seed=0, epoch=1
    )
    before, past = params.copy(), (moments.mean.copy(), moments.square.copy())
    conditional_likelihood.learn_epoch(
        params, moments, ratings, hyper, learning_rate=0.01, seed=0, epoch=2
    )

    for place in np.ndindex((2, 5, 7)):
        was = float(past[0].weights[place]), float(past[1].weights[place])
        slope = (float(moments.mean.weights[place]) - 0.9 * was[0]) / 0.1
        moved, _, square = naive_joint.adam(
            float(before.weights[place]), was, slope, 2, rate=0.01, decay=0.1
        )
        np.testing.assert_allclose(params.weights[place], moved, atol=2e-5)
        np.testing.assert_allclose(moments.square.weights[place], square, rtol=2e-2, atol=1e-12)


def two_camps(n: int) -> list[dict[int, int]]:
    """Users choose items of their own camp alone, and like every other one of them."""
    own = [range(user % 2, n, 2) for user in range(n)]
    return [
        {i: 4 if i % 4 < 2 else 1 for i in own[user] if i not in (user, (user + 2) % n)}
        for user in range(n)
    ]


def test_joint_machine_learns_choices_and_ratings_of_camps():
    n = 40
    ratings = ratings_of(two_camps(n), n)
    *_, (_, state) = learn_joint(
        ratings, n_hidden=10, epochs=150, dropout=0.1, learning_rate=0.02, batch_size=20
    )
    model = joint_model_of(state.best_params, ratings)

    for user in range(n):
        rated, levels = ratings.row(user)
        hidden = scoring.fold_in(model, rated, levels)
        left_out = np.zeros(n, bool)
        left_out[rated] = True
        best, _ = top_n.top_liked(model, 1, left_out=left_out, hidden=hidden, rated=rated)
        chosen = joint.item_fields(model.params, hidden, 0).astype(float)
        withheld = sorted((user, (user + 2) % n), key=lambda item: item % 4 >= 2)
        assert best.tolist() == withheld[:1]
        assert set(top_n.top_n(chosen, 2, left_out=rated).tolist()) == set(withheld)
