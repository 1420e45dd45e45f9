"""Couplings between items, and the lists that they and the hidden units make together."""

import dataclasses

import numpy as np
import pytest

from recsvc.rbm import checkpoint, evaluation, kernels
from recsvc.rbm.inference import scoring, top_n
from recsvc.rbm.inference.folded_users import FoldedUsers
from recsvc.rbm.machines.couplings import Couplings, Neighbourhoods
from tests import naive, naive_joint
from tests.factories.machines import (
    joint_model_of,
    learn_joint,
    movielens_100k,
    random_params,
    random_ratings,
)


@pytest.fixture
def params(rng):
    return random_params(rng, spread=0.3)


def test_couplings_equal_ridge_regression_on_neighbours(rng):
    ratings = random_ratings(rng, n_users=80, n_items=12)
    found = Neighbourhoods.fit(ratings, 4).couplings(2.0)
    dense = np.zeros((12, 12))
    sources = np.repeat(np.arange(12), np.diff(found.indptr))
    dense[sources, found.neighbours] = found.strengths

    assert (dense != 0).sum(axis=0).max() <= 4
    assert np.diag(dense).tolist() == [0] * 12
    rated = np.zeros((80, 12))
    rated[ratings.users(), ratings.items] = 1
    gram = rated.T @ rated
    ease = np.abs(naive.ease(ratings, 500.0))
    for item in range(11):  # the last item has no ratings
        own = np.sort(np.argsort(-ease[:, item], kind="stable")[:4])
        assert np.flatnonzero(dense[:, item]).tolist() == own.tolist()
        exact = np.linalg.solve(gram[np.ix_(own, own)] + 2.0 * np.eye(4), gram[own, item])
        np.testing.assert_allclose(dense[own, item], exact, rtol=1e-3)


def test_solver_is_exact_with_enough_rounds(rng):
    matrix = rng.normal(size=(30, 10)).astype(np.float32)
    gram = matrix.T @ matrix
    neighbours = np.array([[n for n in range(10) if n != item] for item in range(10)], np.int32)
    ridges = np.array([1.5, 0.3], np.float32)
    strengths = np.full((2, 10, 9), np.nan, np.float32)

    kernels.solve_rows(gram, neighbours, ridges, 40, strengths)

    for ridge, found in zip(ridges, strengths, strict=True):
        for item, own in enumerate(neighbours):
            exact = np.linalg.solve(gram[np.ix_(own, own)] + ridge * np.eye(9), gram[own, item])
            np.testing.assert_allclose(found[item], exact, rtol=1e-3, atol=1e-5)


def test_path_equals_couplings_of_each_lambda(ratings):
    neighbourhoods = Neighbourhoods.fit(ratings, 4)

    path = neighbourhoods.path([0.5, 3.0])

    assert [one.regularisation for one in path] == [0.5, 3.0]
    for one in path:
        alone = neighbourhoods.couplings(one.regularisation)
        np.testing.assert_array_equal(one.strengths, alone.strengths)
        np.testing.assert_array_equal(one.neighbours, alone.neighbours)
    assert np.abs(path[0].strengths).sum() > np.abs(path[1].strengths).sum()


def test_list_adds_tempered_couplings(params, ratings, rng):
    dense = rng.normal(size=(9, 9)).astype(np.float32)
    couplings = Couplings(
        np.arange(0, 90, 9), np.tile(np.arange(9, dtype=np.int32), 9), dense.ravel()
    )
    model = joint_model_of(params, ratings, couplings=couplings, coupling_scale=0.4)
    rated, levels = ratings.row(4)
    expected = naive_joint.list_scores(params, naive.row_of(ratings, 4), dense, 0.4, 3)

    found = scoring.list_scores(model, scoring.fold_in(model, rated, levels), rated)
    folded = FoldedUsers.from_ratings(model, ratings).scores(4)

    np.testing.assert_allclose(found - found.mean(), expected - expected.mean(), atol=1e-4)
    np.testing.assert_allclose(folded, found, rtol=1e-5)


@pytest.mark.parametrize("n", [1, 7, 40])
def test_list_of_large_catalogue_is_exact(rng, monkeypatch, n):
    monkeypatch.setattr(top_n, "SCORED_WHOLE", 10)
    monkeypatch.setattr(top_n, "FIRST_SCORED", 20)
    ratings = random_ratings(rng, n_users=40, n_items=300)
    couplings = Neighbourhoods.fit(ratings, 5).couplings(1.0)
    popular = rng.exponential(2.0, (300, 5)).astype(np.float32)
    params = dataclasses.replace(random_params(rng, n_items=300, spread=0.2), visible_bias=popular)
    model = joint_model_of(params, ratings, couplings=couplings, coupling_scale=2.0)
    left_out = rng.random(300) < 0.3

    for user in range(1, 30):
        rated, levels = ratings.row(user)
        hidden = scoring.fold_in(model, rated, levels)
        scores = scoring.list_scores(model, hidden, rated)
        expected = top_n.top_n(scores.copy(), n, left_out=np.flatnonzero(left_out))
        best, found = top_n.top_liked(model, n, left_out=left_out, hidden=hidden, rated=rated)
        assert best.tolist() == expected.tolist()
        np.testing.assert_allclose(found, scores[expected], rtol=1e-5)


def test_list_is_short_when_few_items_are_left(params, ratings, monkeypatch):
    monkeypatch.setattr(top_n, "SCORED_WHOLE", 1)
    monkeypatch.setattr(top_n, "FIRST_SCORED", 2)
    model = joint_model_of(params, ratings)
    hidden = scoring.fold_in(model, *ratings.row(4))
    for barred, length in ((np.arange(9) > 1, 2), (np.ones(9, bool), 0)):
        best, _ = top_n.top_liked(model, 5, left_out=barred, hidden=hidden)
        assert best.size == length


def test_single_rating_changes_list_by_couplings(params, ratings):
    couplings = Neighbourhoods.fit(ratings, 2).couplings(1.0)
    with_them = joint_model_of(params, ratings, couplings=couplings, coupling_scale=5.0)
    without = joint_model_of(params, ratings)
    one, level = np.array([2], np.int32), np.array([4], np.uint8)
    hidden = scoring.fold_in(with_them, one, level)

    moved = scoring.list_scores(with_them, hidden, one) - scoring.list_scores(without, hidden, one)
    assert set(np.flatnonzero(moved).tolist()) == set(
        couplings.neighbours[couplings.indptr[2] : couplings.indptr[3]].tolist()
    )


def test_checkpoint_makes_same_list(params, ratings):
    couplings = Neighbourhoods.fit(ratings, 3).couplings(1.0)
    model = joint_model_of(params, ratings, couplings=couplings, coupling_scale=0.3)
    read = checkpoint.read_model(checkpoint.write_model(model))
    rated, levels = ratings.row(4)

    lists = []
    for one in (model, read):
        hidden = scoring.fold_in(one, rated, levels)
        nothing = np.zeros(9, bool)
        best, scores = top_n.top_liked(one, 5, left_out=nothing, hidden=hidden, rated=rated)
        lists.append((best.tolist(), scores.tolist()))

    assert lists[0] == lists[1]


def test_couplings_improve_lists_on_movielens(data_dir):
    expected_ndcg = (0.53, 0.59)  # u1 holds out much of few users, which makes hits easy
    base, test = (movielens_100k(data_dir, name) for name in ("u1.base", "u1.test"))
    *_, (_, state) = learn_joint(base, n_hidden=100, batch_size=50, epochs=20)
    couplings = Neighbourhoods.fit(base, 300).couplings(300.0)
    users = np.arange(base.n_users)

    def ndcg(scores_of) -> float:
        return evaluation.ranking_metrics(scores_of, base, test, users).ndcg_at_n

    model = joint_model_of(state.best_params, base, couplings=couplings, coupling_scale=8.0)
    ours = ndcg(FoldedUsers.from_ratings(model, base).scores)
    counts = base.item_counts().astype(float)

    assert expected_ndcg[0] < ours < expected_ndcg[1]
    assert ours > 1.2 * ndcg(lambda _: counts.copy())
    assert ours > ndcg(
        FoldedUsers.from_ratings(joint_model_of(state.best_params, base), base).scores
    )
