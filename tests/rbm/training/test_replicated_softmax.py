"""Contrastive divergence of the joint machine, against enumeration and against slow twins."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest

from recsvc.rbm import kernels
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.machines import joint
from recsvc.rbm.params import Params
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.training import optimizer, replicated_softmax, sampled_softmax
from recsvc.rbm.training.sampled_softmax import SampledItems
from tests import naive, naive_joint, naive_replicated
from tests.factories.machines import batch_of, random_params, random_ratings, ratings_of

USERS = np.array([4, 1, 7, 2])
NAMES = ("weights", "visible_bias", "hidden_bias")


@pytest.fixture
def params(rng):
    return random_params(rng, spread=0.3)


@pytest.fixture
def pool():
    with ThreadPoolExecutor(2) as threads:
        yield threads


def hyper_of(**changes) -> Hyperparameters:
    return Hyperparameters.from_changes(
        "joint_rbm", {"objective": "contrastive", "n_hidden": 7, **changes}
    )


def chain_of(params: Params, ratings: RatingMatrix, users, pool, *, cd_steps=1, seed=3, epoch=2):
    batch = batch_of(ratings, users)
    everything = np.arange(params.visible_bias.shape[0])
    every = SampledItems(everything, params.weights, params.visible_bias)
    chain = replicated_softmax.run_gibbs_chain(
        params, every, batch, pool, seed=seed, epoch=epoch, cd_steps=cd_steps
    )
    return batch, chain


def drawn_rows(chain) -> list[naive.Row]:
    pairs = list(
        zip(chain.model_batch.items.tolist(), chain.model_batch.levels.tolist(), strict=True)
    )
    return [pairs[first:last] for first, last in pairwise(chain.model_batch.indptr)]


# ---------------------------------------------------------------------------------- the truth


@pytest.fixture
def tiny(rng, monkeypatch):
    """Three items of two levels, two hidden units; three ratings count for four draws."""
    monkeypatch.setattr(joint, "EVIDENCE_RATINGS", 4.0 * 8 / 3)  # times 3 / (3 + 5)
    return random_params(rng, n_items=3, n_levels=2, n_hidden=2, spread=0.7)


ROW = [(0, 1), (1, 0), (2, 1)]


def test_likelihood_slope_is_data_minus_model_statistics(tiny):
    """By central differences of log p(m), the partition sum over every draw and hidden state."""
    assert replicated_softmax.draw_counts(np.array([3])).tolist() == [4]
    hidden = naive_replicated.hidden(tiny, ROW, 4 / 3)
    data = naive_replicated.statistics(tiny, ROW, 4 / 3, hidden)
    model = naive_replicated.expected(tiny, 4)

    for name, here, there in zip(NAMES, data, model, strict=True):
        for place in np.ndindex(here.shape):
            slope = slope_of(
                tiny, name, place, lambda at: naive_replicated.log_likelihood(at, ROW, 4)
            )
            np.testing.assert_allclose(here[place] - there[place], slope, atol=1e-6)


def test_long_chain_converges_to_model_statistics(tiny, pool):
    copies = 20_000
    ratings = ratings_of([dict(ROW)] * copies, 3)
    data = naive_replicated.statistics(tiny, ROW, 4 / 3, naive_replicated.hidden(tiny, ROW, 4 / 3))
    model = naive_replicated.expected(tiny, 4)

    batch, chain = chain_of(tiny, ratings, np.arange(copies), pool, cd_steps=20)
    found_data, found_model = (
        means_of(batch, chain.tempers, chain.data_hidden),
        means_of(chain.model_batch, np.ones(copies), chain.model_hidden),
    )

    for exact, found in zip(data, found_data, strict=True):
        np.testing.assert_allclose(found, exact, rtol=1e-5)
    for exact, found in zip(model, found_model, strict=True):
        np.testing.assert_allclose(found, exact, atol=0.025)  # of at most 4: 1 / √copies is .007
    _, short = chain_of(tiny, ratings, np.arange(copies), pool, cd_steps=1)
    gaps = [
        np.abs(means_of(one.model_batch, np.ones(copies), one.model_hidden)[0] - model[0]).max()
        for one in (short, chain)
    ]
    assert gaps[0] > 3 * gaps[1]


def test_step_follows_statistics_of_chain(tiny, pool):
    ratings = ratings_of([dict(ROW)] * 500, 3)
    batch, chain = chain_of(tiny, ratings, np.arange(500), pool)
    data = means_of(batch, chain.tempers, chain.data_hidden)
    model = means_of(chain.model_batch, np.ones(500), chain.model_hidden)
    moments = optimizer.Moments(tiny.zeros_like(), tiny.zeros_like())
    step = optimizer.AdamStep.at(1, 0.01, hyper_of())

    replicated_softmax.take_adam_step(tiny, moments, batch, chain, np.arange(3), step)

    for name, here, there in zip(NAMES, data, model, strict=True):
        mean = getattr(moments.mean, name)
        np.testing.assert_allclose(mean / 0.1, (there - here) / 4, atol=1e-5)


def slope_of(params: Params, name: str, place: tuple, of) -> float:
    at = {key: array.astype(np.float64) for key, array in params.arrays().items()}
    at[name][place] += 1e-4
    above = of(Params(**at))
    at[name][place] -= 2e-4
    return (above - of(Params(**at))) / 2e-4


def means_of(batch, tempers, hidden) -> naive_replicated.Statistics:
    """Means over the users of m_a h_j, m_a and h_j, three items of two levels."""
    users = np.repeat(np.arange(batch.users.size), np.diff(batch.indptr))
    counts = np.zeros((batch.users.size, 3, 2))
    np.add.at(counts, (users, batch.items, batch.levels), np.asarray(tempers)[users])
    by_weights = np.einsum("uir,uj->irj", counts, hidden.astype(float)) / batch.users.size
    return by_weights, counts.mean(axis=0), hidden.mean(axis=0, dtype=float)


# ---------------------------------------------------------------------------------- the sampler


@pytest.mark.parametrize(("chunk_pairs", "kept_fields"), [(640, 1 << 24), (10, 1 << 24), (10, 0)])
def test_draw_pairs_follows_softmax(params, pool, monkeypatch, chunk_pairs, kept_fields):
    monkeypatch.setattr(sampled_softmax, "CHUNK_PAIRS", chunk_pairs)
    monkeypatch.setattr(replicated_softmax, "MAX_CACHED_FIELDS", kept_fields)
    n_draws = 200_000
    states = np.array([[1, 0, 1, 1, 0, 0, 1], [0, 1, 0, 0, 0, 1, 0]], np.float32)
    every = SampledItems(np.arange(9), params.weights, params.visible_bias)
    keys = np.array([naive.stream(3, 1, user) for user in (0, 1)], np.uint64)
    indptr = np.array([0, n_draws, 2 * n_draws])

    pairs = replicated_softmax.draw_pairs(every, states, keys, np.array([7, 7]), indptr, pool)

    for case in (0, 1):
        shares = naive_joint.pair_shares(params, states[case].tolist()).ravel()
        own = pairs[indptr[case] : indptr[case + 1]]
        found = np.bincount(own, minlength=45) / n_draws
        np.testing.assert_allclose(found, shares, atol=4 * np.sqrt(shares.max() / n_draws))
        for n in range(50):
            twin = naive_replicated.draw(shares.reshape(9, 5), int(keys[case]), 7 + 2 * n)
            assert own[n] == twin


def test_draw_pairs_handles_extreme_probabilities(params, pool):
    bias = np.full((9, 5), -200.0, np.float32)
    bias[3, 2], bias[8, 4] = 300.0, 250.0
    every = SampledItems(np.arange(9), np.zeros_like(params.weights), bias)
    keys = np.array([naive.stream(0, 1, 0)], np.uint64)

    pairs = replicated_softmax.draw_pairs(
        every, np.ones((1, 7), np.float32), keys, np.array([0]), np.array([0, 1000]), pool
    )

    assert set(pairs.tolist()) == {3 * 5 + 2}


def test_draw_pairs_uses_48_bits():
    shares = np.empty(4)
    chunks = np.empty(4, np.int64)
    masses = np.full((1, 1 << 16), 1.0)
    keys = np.array([naive.stream(0, 1, 0)], np.uint64)
    kernels.choose_chunks(masses, keys, np.array([0]), np.array([0, 4]), chunks, shares)

    for n in range(4):
        exact = naive.uniform(int(keys[0]), 2 * n) + naive.uniform(int(keys[0]), 2 * n + 1) / 2**24
        assert (chunks[n] + shares[n]) / (1 << 16) == pytest.approx(exact, abs=2.0**-52)


# ---------------------------------------------------------------------------------- twins


def test_draw_counts_equal_evidence_of_fold_in():
    counts = np.array([1, 2, 20, 95, 737])

    draws = replicated_softmax.draw_counts(counts)

    assert draws.tolist() == [17, 29, 80, 95, 99]
    np.testing.assert_allclose(draws / counts, joint.evidence(counts), rtol=0.021)


def test_data_phase_equals_fold_in(params, ratings, pool):
    _, chain = chain_of(params, ratings, USERS, pool)

    folded = joint.hidden_probabilities(params, ratings)[USERS]
    np.testing.assert_allclose(chain.data_hidden, folded, atol=0.01)


@pytest.mark.parametrize("cd_steps", [1, 3])
def test_gibbs_chain_equals_twin(params, ratings, pool, cd_steps):
    _, chain = chain_of(params, ratings, USERS, pool, cd_steps=cd_steps)

    for n, user in enumerate(USERS.tolist()):
        row = naive.row_of(ratings, user)
        drawn, hidden = naive_replicated.dream(params, row, naive.stream(3, 2, user), cd_steps)
        assert drawn_rows(chain)[n] == drawn
        np.testing.assert_allclose(chain.model_hidden[n], hidden, atol=1e-5)


def test_learn_epoch_equals_twin_over_two_epochs(params, ratings):
    hyper = hyper_of(batch_size=12, weight_decay=0.5)
    moments = optimizer.Moments(params.zeros_like(), params.zeros_like())
    users = range(1, 11)  # the others rated nothing
    for epoch in (1, 2):
        before, past = params.copy(), (moments.mean.copy(), moments.square.copy())
        replicated_softmax.learn_epoch(
            params, moments, ratings, hyper, learning_rate=0.01, cd_steps=2, seed=3, epoch=epoch
        )
        rows = [naive.row_of(ratings, user) for user in users]
        keys = [naive.stream(3, epoch, user) for user in users]
        slopes = naive_replicated.slopes(before, rows, keys, 2)
        for name, slope in zip(NAMES, slopes, strict=True):
            for place in list(np.ndindex(slope.shape))[:: max(1, slope.size // 40)]:
                was = tuple(float(getattr(one, name)[place]) for one in past)
                moved, mean, square = naive_joint.adam(
                    float(getattr(before, name)[place]),
                    was,
                    slope[place],
                    epoch,
                    rate=0.01,
                    decay=0.5 if name == "weights" else 0.0,
                )
                np.testing.assert_allclose(getattr(moments.mean, name)[place], mean, atol=1e-7)
                np.testing.assert_allclose(
                    getattr(moments.square, name)[place], square, rtol=1e-3, atol=1e-12
                )
                np.testing.assert_allclose(getattr(params, name)[place], moved, atol=5e-5)


def test_step_leaves_unsampled_items_in_place(rng):
    ratings = random_ratings(rng, n_users=6, n_items=60)
    ratings = ratings.select(ratings.items < 8)
    params = random_params(rng, n_items=60)
    before = params.copy()
    moments = optimizer.Moments(params.zeros_like(), params.zeros_like())

    replicated_softmax.learn_epoch(
        params,
        moments,
        ratings,
        hyper_of(candidates=10, batch_size=6),
        learning_rate=0.01,
        cd_steps=1,
        seed=0,
        epoch=1,
    )

    moved = (params.weights != before.weights).any(axis=(1, 2))
    assert moved[np.unique(ratings.items)].all()
    assert 8 <= moved.sum() <= 18
