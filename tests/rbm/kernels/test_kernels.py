"""Every kernel against its slow twin in tests/naive.py, the very same samples included."""

import math

import numpy as np
import pytest

from recsvc.rbm import kernels
from recsvc.rbm.machines import masked
from recsvc.rbm.params import Params
from recsvc.rbm.training.batches import build_epoch_layout, iter_batches
from tests import naive
from tests.factories.machines import (
    batch_of,
    learn,
    random_params,
    random_ratings,
    run_chain,
    run_step,
)

sizes = pytest.mark.parametrize(
    ("n_hidden", "n_levels"), [(1, 2), (7, 5), (16, 10), (100, 5), (100, 2)]
)
lengths = pytest.mark.parametrize("cd_steps", [1, 3])


@pytest.fixture
def machine(rng, n_hidden, n_levels):
    return (
        random_params(rng, n_hidden=n_hidden, n_levels=n_levels),
        random_ratings(rng, n_levels=n_levels),
    )


@pytest.fixture(scope="session")
def real(movielens):
    """Forty real users of ml-100k, and one who rated nothing, on a machine with random weights."""
    ratings = movielens("u1.base")
    chosen = ratings.rows(np.arange(200, 240))
    levels = ratings.select(ratings.users() != 7).rows(np.array([7, *range(200, 240)]))
    assert levels.n_ratings == chosen.n_ratings > 1500
    return random_params(np.random.default_rng(1), n_items=1682, n_hidden=16, spread=0.1), levels


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (100, 128), (4, 0)])
def test_row_products_equal_twin(rng, shape):
    rows = rng.normal(size=shape).astype(np.float32)
    products = np.full((shape[0], shape[0]), np.nan, np.float32)

    kernels.row_products(rows, products)

    np.testing.assert_allclose(products, naive.row_products(rows), atol=1e-4)


@pytest.mark.parametrize("seed", [0, 1, 2**40 + 7])
def test_uniforms_equal_twin(seed):
    for epoch, case, draw in [(1, 0, 0), (1, 0, 1), (2, 0, 0), (1, 5, 99), (10_000, 10**6, 10**7)]:
        key = naive.stream(seed, epoch, case)

        assert int(kernels.stream(seed, epoch, case)) == key
        assert float(kernels.uniform(np.uint64(key), draw)) == naive.uniform(key, draw)


def test_uniforms_are_uniform_and_independent():
    drawn = np.array(
        [[naive.uniform(naive.stream(5, e, c), 0) for c in range(200)] for e in range(100)]
    )

    assert drawn.min() >= 0
    assert drawn.max() < 1
    np.testing.assert_allclose(drawn.mean(), 0.5, atol=0.01)
    np.testing.assert_allclose(drawn.var(), 1 / 12, atol=0.003)
    assert abs(np.corrcoef(drawn[:, :-1].ravel(), drawn[:, 1:].ravel())[0, 1]) < 0.03
    assert abs(np.corrcoef(drawn[:-1].ravel(), drawn[1:].ravel())[0, 1]) < 0.03


@sizes
def test_hidden_inputs_equal_twin(machine):
    params, ratings = machine

    np.testing.assert_allclose(
        masked.hidden_inputs(params, ratings), naive.hidden_inputs(params, ratings), atol=1e-5
    )


@sizes
def test_fold_in_one_equals_twin_in_any_order(machine, rng):
    params, ratings = machine
    for user in range(ratings.n_users):
        items, levels = ratings.row(user)
        shuffled = rng.permutation(items.size)
        out = np.empty(params.hidden_bias.size, np.float32)
        kernels.fold_in_one(
            params.weights, params.hidden_bias, items[shuffled], levels[shuffled], out
        )

        expected = naive.fold_in(params, naive.row_of(ratings, user))
        np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-7)


@sizes
@lengths
def test_gibbs_chain_draws_samples_of_twin(machine, cd_steps):
    params, ratings = machine
    users = np.array([4, 0, 11, 2, 7])

    data_hidden, model_hidden, levels, first = run_chain(params, ratings, users, cd_steps=cd_steps)

    chains = naive.reconstruct(params, ratings, users.tolist(), 3, 1, cd_steps)
    np.testing.assert_allclose(data_hidden, [chain[0] for chain in chains], atol=1e-6)
    np.testing.assert_allclose(model_hidden, [chain[1] for chain in chains], atol=1e-6)
    assert levels.tolist() == [level for chain in chains for level in chain[2]]
    assert first[-1] == levels.size


@lengths
def test_gibbs_chain_equals_twin_on_real_ratings(real, cd_steps):
    params, ratings = real
    users = np.arange(ratings.n_users)

    data_hidden, model_hidden, levels, _ = run_chain(params, ratings, users, cd_steps=cd_steps)

    chains = naive.reconstruct(params, ratings, users.tolist(), 3, 1, cd_steps)
    np.testing.assert_allclose(data_hidden, [chain[0] for chain in chains], atol=1e-5)
    np.testing.assert_allclose(model_hidden, [chain[1] for chain in chains], atol=1e-5)
    assert levels.tolist() == [level for chain in chains for level in chain[2]]


def test_group_by_item_keeps_order_of_batch(real, rng):
    _, ratings = real
    users = rng.permutation(ratings.n_users)
    batch = batch_of(ratings, users)

    flat = [entry for group in naive.group_by_item(ratings, users.tolist()) for entry in group]
    sizes_ = [len(group) for group in naive.group_by_item(ratings, users.tolist())]
    assert batch.item_indptr.tolist() == [0, *np.cumsum(sizes_)]
    assert list(zip(batch.rows, batch.levels[batch.places], strict=True)) == flat


@pytest.mark.parametrize("batch_size", [1, 7, 40, 100])
def test_epoch_layout_orders_batches_by_item(real, batch_size):
    _, ratings = real
    dealt = build_epoch_layout(ratings, batch_size, seed=3, epoch=2)

    batches = [batch.users for batch in iter_batches(ratings, batch_size, seed=3, epoch=2)]
    assert np.diff(dealt.starts).tolist() == [users.size for users in batches]
    assert dealt.keys.tolist() == [
        naive.stream(3, 2, user) for user in np.concatenate(batches).tolist()
    ]
    for number, users in enumerate(batches):
        expected = naive.group_by_item(ratings, users.tolist())
        assert groups_of(dealt, number) == {i: g for i, g in enumerate(expected) if g}


def groups_of(dealt: kernels.BatchLayout, batch: int) -> dict[int, list[tuple[int, int]]]:
    """(place in the batch, level) of every item, each in the chunk that it belongs to."""
    groups = {}
    for chunk in range(dealt.bounds.size - 1):
        for group in range(*dealt.chunk_groups[batch, chunk : chunk + 2]):
            item = int(dealt.group_items[group])
            assert dealt.bounds[chunk] <= item < dealt.bounds[chunk + 1]
            own = slice(*dealt.group_starts[group : group + 2])
            groups[item] = list(zip(dealt.rows[own], dealt.levels[own], strict=True))
    assert list(groups) == sorted(groups)
    return groups


def test_exponential_equals_twin_and_keeps_nan():
    for x in [*np.linspace(-87, 88, 2001), 0.0, -0.0, 1e-30]:
        assert kernels.exponential(np.float32(x)) == pytest.approx(
            math.exp(np.float32(x)), rel=3e-7
        )
    assert kernels.exponential(np.float32(np.inf)) == kernels.exponential(np.float32(88)) > 1e38
    assert 0 < kernels.exponential(np.float32(-np.inf)) < 2e-38
    assert np.isnan(kernels.exponential(np.float32(np.nan)))


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_idle_maps_equal_single_steps(decay):
    maps = np.empty((8, 4))
    kernels.idle_maps(0.8, 0.5 * decay, maps)

    for n in range(8):
        weight, velocity = naive.idle(0.7, -0.2, n, rate=0.5, momentum=0.8, decay=decay)
        np.testing.assert_allclose(maps[n].reshape(2, 2) @ [0.7, -0.2], [weight, velocity])


def test_iter_batches_yields_each_user_once(real):
    _, ratings = real
    rated = np.flatnonzero(np.diff(ratings.indptr))

    batches = list(iter_batches(ratings, 7, seed=3, epoch=2))

    assert [batch.users.size for batch in batches[:-1]] == [7] * (len(batches) - 1)
    users = np.concatenate([batch.users for batch in batches])
    assert sorted(users) == rated.tolist() != users.tolist()
    for batch in batches:
        own = ratings.rows(batch.users)
        assert batch.indptr.tolist() == own.indptr.tolist()
        assert batch.items.tolist() == own.items.tolist()
        assert batch.levels.tolist() == own.levels.tolist()


@sizes
@lengths
def test_cd_step_equals_twin(machine, rng, cd_steps):
    params, ratings = machine
    before = params.copy()
    velocity = random_params(
        rng, n_hidden=params.hidden_bias.size, n_levels=params.weights.shape[1]
    )
    started = tuple(array.astype(np.float64) for array in velocity.arrays().values())
    users = np.array([4, 0, 1, 2, 7, 10])

    run_step(params, velocity, ratings, users, rate=0.3, momentum=0.7, decay=0.1, cd_steps=cd_steps)

    chains = naive.reconstruct(before, ratings, users.tolist(), 3, 1, cd_steps)
    gradient = naive.cd_gradient(before, ratings, users.tolist(), chains)
    expected, moved = naive.step(before, started, gradient, rate=0.3, momentum=0.7, decay=0.1)
    np.testing.assert_allclose(params.weights, expected.weights, atol=2e-6)
    np.testing.assert_allclose(params.visible_bias, expected.visible_bias, atol=2e-6)
    np.testing.assert_allclose(velocity.weights, moved[0], atol=2e-6)
    np.testing.assert_allclose(velocity.visible_bias, moved[1], atol=2e-6)


def test_step_hidden_bias_keeps_momentum(rng):
    bias, velocity = rng.normal(size=(2, 7)).astype(np.float32)
    data, model = rng.random((2, 4, 7), dtype=np.float32)
    moved = 0.7 * velocity + 0.3 * (data - model).sum(axis=0) / 4
    expected = bias + moved

    stride = kernels.StepSize(np.float32(0.3), np.float32(0.7), np.float32(0.1))
    kernels.step_hidden_bias(bias, velocity, data, model, stride)

    np.testing.assert_allclose(velocity, moved, atol=1e-6)
    np.testing.assert_allclose(bias, expected, atol=1e-6)


@pytest.mark.parametrize("cd_steps", [1, 2])
def test_train_equals_twin_over_three_epochs(rng, cd_steps):
    """Batches, hidden biases, momentum's schedule and a smaller last batch included."""
    ratings = random_ratings(rng)
    hyper = {"n_hidden": 6, "batch_size": 4, "learning_rate": 0.2, "weight_decay": 0.05}
    hyper |= {"initial_momentum": 0.3, "momentum": 0.8, "momentum_epoch": 2, "epochs": 3}
    start = learn(ratings, seed=9, **{**hyper, "epochs": 1})[0][1].best_params
    expected, velocity = start.copy(), tuple(np.zeros(a.shape) for a in start.arrays().values())

    _, trained = learn(ratings, seed=9, **hyper, cd_steps=cd_steps)[-1]

    for number, momentum in [(1, 0.3), (2, 0.3), (3, 0.8)]:
        expected, velocity = naive.epoch(
            expected,
            velocity,
            ratings,
            number=number,
            seed=9,
            batch_size=4,
            cd_steps=cd_steps,
            rate=0.2,
            momentum=momentum,
            decay=0.05,
        )
    for name, array in trained.params.arrays().items():
        np.testing.assert_allclose(array, expected.arrays()[name], atol=5e-6, err_msg=name)
    for array, moved in zip(trained.velocity.arrays().values(), velocity, strict=True):
        np.testing.assert_allclose(array, moved, atol=5e-6)


@sizes
@pytest.mark.parametrize("in_parallel", [False, True])
def test_level_probabilities_equal_twin(machine, in_parallel):
    params, ratings = machine
    cases, items = (grid.ravel() for grid in np.indices((ratings.n_users, ratings.n_items)))
    hidden = masked.hidden_probabilities(params, ratings)

    shares = masked.Predictor.from_params(params).level_probabilities(
        hidden, cases, items, in_parallel=in_parallel
    )

    expected = [
        naive.level_probabilities(params, naive.row_of(ratings, user), item)
        for user, item in zip(cases, items, strict=True)
    ]
    np.testing.assert_allclose(shares, expected, rtol=1e-4)


@sizes
@pytest.mark.parametrize("n", [0, 1, 3, 100])
def test_top_liked_equals_twin(machine, rng, n):
    params, ratings = machine
    predictor, n_items = masked.Predictor.from_params(params), ratings.n_items
    hidden = predictor.pad_hidden(masked.hidden_probabilities(params, ratings))
    for user in range(ratings.n_users):
        first_liked = int(rng.integers(params.weights.shape[1]))
        most = np.sqrt(rng.integers(4, size=n_items) ** 5)  # many equal ones, and zeros
        left_out = rng.random(n_items) < rng.random()
        out, scores = np.empty(min(n, n_items), np.int64), np.empty(min(n, n_items))

        found = kernels.top_liked(
            predictor.expm1_weights,
            predictor.visible_odds,
            hidden,
            predictor.block,
            np.full(n_items, user),
            np.arange(n_items),
            first_liked,
            most,
            np.argsort(-most, kind="stable"),
            left_out,
            out,
            scores,
        )

        row = naive.row_of(ratings, user)
        with_next = naive.top_liked(params, row, first_liked, most, left_out, n + 1)
        expected = with_next[:n]
        np.testing.assert_allclose(scores[:found], [score for _, score in expected], rtol=1e-4)
        if not has_close_calls(with_next):  # the first one left out may be as good as the last
            assert out[:found].tolist() == [item for item, _ in expected]


def has_close_calls(listed: list[tuple[int, float]]) -> bool:
    """Scores so near each other that float32 may order them otherwise; zeros are equal to both."""
    scores = np.array([score for _, score in listed])
    return bool((-np.diff(scores) < 1e-4 * scores[:-1]).any())


@sizes
def test_leave_one_out_probabilities_equal_twin(machine):
    params, ratings = machine
    hidden = masked.hidden_probabilities(params, ratings)

    shares = masked.Predictor.from_params(params).leave_one_out_probabilities(
        hidden, ratings.users().astype(np.int64), ratings.items.astype(np.int64), ratings.levels
    )

    rows = [naive.row_of(ratings, user) for user in range(ratings.n_users)]
    expected = [
        naive.leave_one_out(params, row, place) for row in rows for place in range(len(row))
    ]
    np.testing.assert_allclose(shares, expected, rtol=3e-4)


def test_predictions_equal_twin_on_real_ratings(real):
    params, ratings = real
    hidden, predictor = (
        masked.hidden_probabilities(params, ratings),
        masked.Predictor.from_params(params),
    )
    cases, items = ratings.users().astype(np.int64)[::29], ratings.items.astype(np.int64)[::29]

    shares = predictor.level_probabilities(hidden, cases, items)
    left_out = predictor.leave_one_out_probabilities(hidden, cases, items, ratings.levels[::29])

    rows = [naive.row_of(ratings, user) for user in range(ratings.n_users)]
    wanted = list(zip(cases, items, strict=True))
    expected = [naive.level_probabilities(params, rows[u], i) for u, i in wanted]
    np.testing.assert_allclose(shares, expected, rtol=1e-4)
    places = [[item for item, _ in rows[u]].index(i) for u, i in wanted]
    expected = [
        naive.leave_one_out(params, rows[u], p) for (u, _), p in zip(wanted, places, strict=True)
    ]
    np.testing.assert_allclose(left_out, expected, rtol=1e-4)


def test_use_threads_lowers_and_raises_threads():
    from numba import config, get_num_threads

    kernels.use_threads(1)
    assert get_num_threads() == 1
    kernels.use_threads(config.NUMBA_NUM_THREADS)
    assert get_num_threads() == config.NUMBA_NUM_THREADS
    kernels.use_threads(10_000)
    assert get_num_threads() == config.NUMBA_NUM_THREADS


def test_machine_without_ratings_predicts_base_rates():
    bias = np.log(np.array([[0.1, 0.2, 0.7]], np.float32))
    params = Params(np.zeros((1, 3, 4), np.float32), bias, np.zeros(4, np.float32))
    one = np.zeros(1, np.int64)

    shares = masked.Predictor.from_params(params).level_probabilities(
        np.full((1, 4), 0.5, np.float32), one, one
    )

    np.testing.assert_allclose(shares, [[0.1, 0.2, 0.7]], rtol=1e-6)


def test_exponentials_equal_numpy(rng):
    for n_pairs in (1, 16, 37):
        products = rng.normal(0, 3, (4, n_pairs)).astype(np.float32)
        bias = rng.normal(0, 3, n_pairs).astype(np.float32)
        found, most, sums = products.copy(), np.empty(4, np.float32), np.empty(4, np.float32)
        kernels.exponentials(found, bias, most, sums)

        for user in range(4):
            fields = [float(a) + float(b) for a, b in zip(products[user], bias, strict=True)]
            shares = [math.exp(field - max(fields)) for field in fields]
            assert most[user] == pytest.approx(max(fields), abs=1e-5)
            np.testing.assert_allclose(found[user], shares, rtol=1e-5)
            assert sums[user] == pytest.approx(math.fsum(shares), rel=1e-5)


def test_exponentials_of_infinite_field_are_not_finite():
    fields = np.array([[0.0, np.inf]], np.float32)
    kernels.exponentials(fields, np.zeros(2, np.float32), *np.empty((2, 1), np.float32))

    assert np.isnan(fields).any()


def test_scale_rows_scales_rows_and_sums_columns(rng):
    masses = rng.random((3, 5)).astype(np.float32)
    scales, columns = np.array([0.5, 2, 3], np.float32), np.full(5, 9, np.float32)
    found = masses.copy()
    kernels.scale_rows(found, scales, columns)

    for pair in range(5):
        expected = [float(masses[user, pair]) * float(scales[user]) for user in range(3)]
        np.testing.assert_allclose(found[:, pair], expected, rtol=1e-6)
        assert columns[pair] == pytest.approx(math.fsum(expected), rel=1e-6)
