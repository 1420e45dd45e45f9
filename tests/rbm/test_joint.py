"""The joint machine: what is chosen and how it is rated, from one softmax over all pairs."""

import dataclasses

import numpy as np
import pytest

from recsvc.rbm import (
    adam,
    checkpoint,
    conditional,
    evaluation,
    inference,
    joint,
    kernels,
    softmax,
)
from recsvc.rbm.couplings import Couplings, Neighbourhoods
from recsvc.rbm.folded import Folded
from recsvc.rbm.joint import JointPredictor
from recsvc.rbm.model import Model
from recsvc.rbm.params import Hyperparameters, Params
from recsvc.rbm.ratings import RatingScale, Vocabulary
from recsvc.rbm.training import TrainerState, TrainingData, train
from tests import naive, naive_joint
from tests.rbm.machines import (
    STARS,
    batch_of,
    movielens_100k,
    random_params,
    random_ratings,
    ratings_of,
)

SCALE = RatingScale((1.0, 2.0, 3.0, 4.0, 5.0))
USERS = np.array([4, 1, 7, 2])


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.fixture
def params(rng):
    return random_params(rng, spread=0.3)


@pytest.fixture
def ratings(rng):
    return random_ratings(rng)


def rows_of(ratings, users=USERS):
    return [naive.row_of(ratings, user) for user in users]


def test_hidden_units_hear_the_average_rating_not_the_number_of_them(params, ratings):
    expected = [naive_joint.hidden(params, naive.row_of(ratings, user)) for user in range(12)]

    np.testing.assert_allclose(joint.hidden_probabilities(params, ratings), expected, atol=1e-5)


def test_free_energy_is_minus_the_log_of_the_sum_over_all_hidden_states(params, ratings):
    for user in USERS:
        row = naive.row_of(ratings, user)
        mass = sum(
            np.exp(
                sum(float(params.visible_bias[pair]) for pair in row)
                + states @ np.array(naive_joint.hidden_inputs(params, row))
            )
            for states in naive.hidden_states(7)
        )
        np.testing.assert_allclose(joint.free_energy(params, ratings)[user], -np.log(mass), 1e-5)


def test_the_shares_of_all_pairs_sum_to_one_and_an_items_share_is_the_sum_of_its_levels(params):
    states = [0.1, 0.9, 0.5, 0.0, 1.0, 0.3, 0.7]
    shares = naive_joint.pair_shares(params, states)
    hidden = np.array(states, np.float32)
    fields = joint.pair_fields(params, hidden, 0)

    np.testing.assert_allclose(np.exp(fields) / np.exp(fields).sum(), shares, rtol=1e-4)
    np.testing.assert_array_equal(joint.pair_fields(params, hidden, 2), fields[:, 2:])
    best = joint.item_fields(params, hidden, 0).max()
    for first in (0, 3):
        liked = joint.item_fields(params, hidden, first) - best
        expected = np.log(shares[:, first:].sum(1)) - np.log(shares.sum(1)).max()
        np.testing.assert_allclose(liked, expected, rtol=1e-4, atol=1e-4)


def test_the_distribution_over_levels_is_the_items_part_of_the_softmax(params, ratings):
    hidden = joint.hidden_probabilities(params, ratings)
    cases, items = np.array([4, 1, 1]), np.array([0, 3, 8])

    for in_parallel in (False, True):
        found = JointPredictor(params, params.visible_bias.shape[1]).level_probabilities(
            hidden, cases, items, in_parallel=in_parallel
        )
        for n, (case, item) in enumerate(zip(cases, items, strict=True)):
            pairs = naive_joint.pair_shares(params, list(hidden[case]))[item]
            np.testing.assert_allclose(found[n], pairs / pairs.sum(), rtol=1e-4)


def test_a_rating_is_left_out_of_what_it_is_predicted_from(params, ratings):
    places = np.arange(0, ratings.n_ratings, 3)
    users = ratings.users().astype(np.int64)[places]
    found = JointPredictor(params, params.visible_bias.shape[1]).leave_one_out_probabilities(
        ratings, users, places
    )

    for n, place in enumerate(places):
        row = naive.row_of(ratings, users[n])
        own = place - ratings.indptr[users[n]]
        others = [pair for at, pair in enumerate(row) if at != own]
        pairs = naive_joint.pair_shares(params, naive_joint.hidden(params, others))
        item = ratings.items[place]
        np.testing.assert_allclose(found[n], pairs[item] / pairs[item].sum(), rtol=1e-3)


def hyper_of(**changes) -> Hyperparameters:
    return Hyperparameters.chosen("joint_rbm", {"n_hidden": 7, **changes})


def test_what_is_given_and_what_is_left_out_is_drawn_as_said(params, ratings):
    batch = batch_of(ratings, USERS)
    side = conditional.hidden_side(
        params, batch, hyper_of(dropout=0.4, least_input=0.2), seed=3, epoch=2
    )

    for n, user in enumerate(USERS.tolist()):
        key, row = naive.stream(3, 2, user), naive.row_of(ratings, user)
        keeps = naive_joint.kept_places(row, key, 0.2)
        mask = naive_joint.mask(len(row), 7, key, 0.4)
        given = [pair for pair, keep in zip(row, keeps, strict=True) if keep]
        hidden = np.array(naive_joint.hidden(params, given))
        assert side.kept[batch.indptr[n] : batch.indptr[n + 1]].tolist() == keeps
        np.testing.assert_allclose(side.tempers[n], naive_joint.evidence(len(given)), rtol=1e-6)
        np.testing.assert_allclose(side.hidden[n], hidden * mask, atol=1e-5)
        np.testing.assert_allclose(side.slopes[n], hidden * (1 - hidden) * mask, atol=1e-5)
    assert 0 < (side.hidden == 0).mean() < 1


@pytest.mark.parametrize("n_chunks", [1, 3])
def test_one_step_goes_down_the_brute_force_slope_of_the_conditional_likelihood(
    params, ratings, monkeypatch, n_chunks
):
    """The slope by central differences of the loss written out over all pairs."""
    monkeypatch.setattr(softmax, "CHUNK_PAIRS", 45 // n_chunks)
    hyper = hyper_of(dropout=0.3, batch_size=4, weight_decay=0.5)
    some = ratings.rows(USERS)
    moments = adam.Moments(params.zeros_like(), params.zeros_like())
    before = params.copy()

    conditional.learn_epoch(params, moments, some, hyper, learning_rate=0.01, seed=3, epoch=1)

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
                float(array[place]), (0.0, 0.0), float(mean / 0.1), 1,
                rate=0.01, decay=0.5 if name == "weights" else 0.0,
            )  # fmt: skip
            np.testing.assert_allclose(getattr(params, name)[place], moved, atol=2e-5)
            np.testing.assert_allclose(getattr(moments.square, name)[place], square, rtol=1e-3)


def test_a_sampled_partition_sum_is_right_on_average_and_knows_what_is_popular(rng):
    ratings = random_ratings(rng, n_users=30, n_items=40)
    ratings = ratings.select((ratings.items < 6) | (rng.random(ratings.n_ratings) < 0.2))
    params = random_params(rng, n_items=40, spread=0.2)
    hidden = rng.random((4, 7)).astype(np.float32)
    whole = np.exp(hidden @ params.weights.reshape(-1, 7).T + params.visible_bias.ravel()).sum(1)
    sampling = softmax.Sampling.of(ratings, 12, rng=np.random.default_rng(0))

    sums, drawn = [], np.zeros(40)
    for n in range(2000):
        some = sampling.candidates(params, rng=np.random.default_rng(n))
        drawn[some.items] += 1 / 2000
        fields = hidden @ some.weights.reshape(-1, 7).T + some.bias.ravel()
        sums.append(np.exp(fields).sum(1))

    np.testing.assert_allclose(np.mean(sums, axis=0), whole, rtol=0.02)
    np.testing.assert_allclose(drawn, sampling.chances, atol=0.05)
    assert sampling.chances.sum() == pytest.approx(12)
    expected = naive_joint.chances(ratings.item_counts().tolist(), 12)
    np.testing.assert_allclose(sampling.chances, expected, rtol=1e-9)


def test_a_step_with_sampled_candidates_goes_down_the_slope_of_their_sum(rng):
    """The brute-force loss, in whose partition sum an item counts 1/π times, or not at all."""
    hyper = hyper_of(dropout=0.0, batch_size=4, candidates=10, weight_decay=0.0)
    some = random_ratings(rng, n_users=4, n_items=30)
    params = random_params(rng, n_items=30, spread=0.3)
    moments = adam.Moments(params.zeros_like(), params.zeros_like())
    before = params.copy()
    turns = softmax.turns(before, some, hyper, learning_rate=0.01, seed=3, epoch=1)
    candidates = next(turns).candidates
    turns.close()
    counted = np.zeros(params.visible_bias.shape[0])
    sampled = candidates.bias - before.visible_bias[candidates.items]
    counted[candidates.items] = np.exp(sampled[:, 0])
    rated = set(some.items.tolist())
    assert rated - set(candidates.items.tolist()), "there is something rated and not sampled"

    conditional.learn_epoch(params, moments, some, hyper, learning_rate=0.01, seed=3, epoch=1)

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


def test_items_that_are_no_candidates_do_not_move(rng):
    ratings = random_ratings(rng, n_users=6, n_items=60)
    ratings = ratings.select(ratings.items < 8)
    hyper = hyper_of(candidates=10, batch_size=6)
    params = random_params(rng, n_items=60)
    before = params.copy()
    moments = adam.Moments(params.zeros_like(), params.zeros_like())

    conditional.learn_epoch(params, moments, ratings, hyper, learning_rate=0.01, seed=0, epoch=1)

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


def test_the_second_step_remembers_the_first(params, ratings):
    hyper = hyper_of(batch_size=12, dropout=0.0, least_input=1.0, weight_decay=0.1)
    moments = adam.Moments(params.zeros_like(), params.zeros_like())
    conditional.learn_epoch(params, moments, ratings, hyper, learning_rate=0.01, seed=0, epoch=1)
    before, past = params.copy(), (moments.mean.copy(), moments.square.copy())
    conditional.learn_epoch(params, moments, ratings, hyper, learning_rate=0.01, seed=0, epoch=2)

    for place in np.ndindex((2, 5, 7)):
        was = float(past[0].weights[place]), float(past[1].weights[place])
        slope = (float(moments.mean.weights[place]) - 0.9 * was[0]) / 0.1
        moved, _, square = naive_joint.adam(
            float(before.weights[place]), was, slope, 2, rate=0.01, decay=0.1
        )
        np.testing.assert_allclose(params.weights[place], moved, atol=2e-5)
        np.testing.assert_allclose(moments.square.weights[place], square, rtol=2e-2, atol=1e-12)


def learn_joint(ratings, *, seed=0, state=None, validation=None, **changes):
    hyper = hyper_of(**changes)
    if state is None:
        rng = np.random.default_rng(seed)
        state = TrainerState.initial(joint.initial_params(ratings, 5, hyper, rng=rng))
    nothing = ratings.select(np.zeros(ratings.n_ratings, bool))
    data = TrainingData(ratings, nothing if validation is None else validation, STARS)
    return train(data, hyper, seed=seed, state=state, model_kind="joint_rbm")


def test_one_thread_or_two_learn_the_same_bits(rng):
    ratings = random_ratings(rng, n_users=60, n_items=300)
    hashes = []
    for n_threads in (1, 2):
        kernels.use_threads(n_threads)
        *_, (_, state) = learn_joint(ratings, epochs=3, batch_size=16)
        hashes.append(state.params.sha256())

    assert hashes[0] == hashes[1]


def test_training_taken_up_from_a_checkpoint_comes_to_the_same_bits(rng):
    ratings = random_ratings(rng, n_users=40, n_items=30)
    reached = [
        checkpoint.write_state(state) for _, state in learn_joint(ratings, epochs=6, batch_size=8)
    ]
    taken_up = checkpoint.read_state(reached[3])

    *_, (report, state) = learn_joint(ratings, epochs=6, batch_size=8, state=taken_up)

    assert report.epoch == 6
    assert checkpoint.write_state(state) == reached[6]


def two_camps(n: int) -> list[dict[int, int]]:
    """Users choose items of their own camp alone, and like every other one of them."""
    own = [range(user % 2, n, 2) for user in range(n)]
    return [{i: 4 if i % 4 < 2 else 1 for i in own[user] if i not in (user, (user + 2) % n)}
            for user in range(n)]  # fmt: skip


def test_it_learns_what_a_camp_chooses_and_what_it_likes():
    n = 40
    ratings = ratings_of(two_camps(n), n)
    *_, (_, state) = learn_joint(
        ratings, n_hidden=10, epochs=150, dropout=0.1, learning_rate=0.02, batch_size=20
    )
    model = model_of(state.best_params, ratings)

    for user in range(n):
        rated, levels = ratings.row(user)
        hidden = inference.fold_in(model, rated, levels)
        left_out = np.zeros(n, bool)
        left_out[rated] = True
        best, _ = inference.top_liked(model, 1, left_out=left_out, hidden=hidden, rated=rated)
        chosen = joint.item_fields(model.params, hidden, 0).astype(float)
        withheld = sorted((user, (user + 2) % n), key=lambda item: item % 4 >= 2)
        assert best.tolist() == withheld[:1]
        assert set(inference.top_n(chosen, 2, left_out=rated).tolist()) == set(withheld)


def model_of(params: Params, ratings, **more) -> Model:
    def names(n):
        return Vocabulary([f"{number:05}" for number in range(n)])

    return Model.of(
        "joint_rbm", params, ratings,
        scale=SCALE, users=names(ratings.n_users), items=names(ratings.n_items), **more,
    )  # fmt: skip


def test_couplings_are_the_ridge_regression_of_an_item_on_its_neighbours(rng):
    ratings = random_ratings(rng, n_users=80, n_items=12)
    found = Neighbourhoods.of(ratings, 4).couplings(2.0)
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


def test_the_solver_comes_to_the_exact_answer_when_it_is_given_the_rounds(rng):
    matrix = rng.normal(size=(30, 10)).astype(np.float32)
    gram = matrix.T @ matrix
    neighbours = np.array([[n for n in range(10) if n != item] for item in range(10)], np.int32)
    strengths = np.zeros((10, 9), np.float32)

    kernels.solve_rows(gram, neighbours, 1.5, 40, strengths)

    for item, own in enumerate(neighbours):
        exact = np.linalg.solve(gram[np.ix_(own, own)] + 1.5 * np.eye(9), gram[own, item])
        np.testing.assert_allclose(strengths[item], exact, rtol=1e-3, atol=1e-5)


def test_a_list_adds_the_couplings_tempered_by_the_evidence(params, ratings, rng):
    dense = rng.normal(size=(9, 9)).astype(np.float32)
    couplings = Couplings(
        np.arange(0, 90, 9), np.tile(np.arange(9, dtype=np.int32), 9), dense.ravel()
    )
    model = model_of(params, ratings, couplings=couplings, coupling_scale=0.4)
    rated, levels = ratings.row(4)
    expected = naive_joint.list_scores(params, naive.row_of(ratings, 4), dense, 0.4, 3)

    found = inference.list_scores(model, inference.fold_in(model, rated, levels), rated)
    folded = Folded.of(model, ratings).scores(4)

    np.testing.assert_allclose(found - found.mean(), expected - expected.mean(), atol=1e-4)
    np.testing.assert_allclose(folded, found, rtol=1e-5)


@pytest.mark.parametrize("n", [1, 7, 40])
def test_the_list_of_a_large_catalogue_is_the_one_that_all_scores_make(rng, monkeypatch, n):
    monkeypatch.setattr(inference, "SCORED_WHOLE", 10)
    monkeypatch.setattr(inference, "FIRST_SCORED", 20)
    ratings = random_ratings(rng, n_users=40, n_items=300)
    couplings = Neighbourhoods.of(ratings, 5).couplings(1.0)
    popular = rng.exponential(2.0, (300, 5)).astype(np.float32)
    params = dataclasses.replace(random_params(rng, n_items=300, spread=0.2), visible_bias=popular)
    model = model_of(params, ratings, couplings=couplings, coupling_scale=2.0)
    left_out = rng.random(300) < 0.3

    for user in range(1, 30):
        rated, levels = ratings.row(user)
        hidden = inference.fold_in(model, rated, levels)
        scores = inference.list_scores(model, hidden, rated)
        expected = inference.top_n(scores.copy(), n, left_out=np.flatnonzero(left_out))
        best, found = inference.top_liked(model, n, left_out=left_out, hidden=hidden, rated=rated)
        assert best.tolist() == expected.tolist()
        np.testing.assert_allclose(found, scores[expected], rtol=1e-5)


def test_a_list_is_short_where_little_is_left(params, ratings, monkeypatch):
    monkeypatch.setattr(inference, "SCORED_WHOLE", 1)
    monkeypatch.setattr(inference, "FIRST_SCORED", 2)
    model = model_of(params, ratings)
    hidden = inference.fold_in(model, *ratings.row(4))
    for barred, length in ((np.arange(9) > 1, 2), (np.ones(9, bool), 0)):
        best, _ = inference.top_liked(model, 5, left_out=barred, hidden=hidden)
        assert best.size == length


def test_a_single_rating_moves_the_list_through_its_couplings(params, ratings):
    couplings = Neighbourhoods.of(ratings, 2).couplings(1.0)
    with_them = model_of(params, ratings, couplings=couplings, coupling_scale=5.0)
    without = model_of(params, ratings)
    one, level = np.array([2], np.int32), np.array([4], np.uint8)
    hidden = inference.fold_in(with_them, one, level)

    moved = inference.list_scores(with_them, hidden, one) - inference.list_scores(
        without, hidden, one
    )
    assert set(np.flatnonzero(moved).tolist()) == set(
        couplings.neighbours[couplings.indptr[2] : couplings.indptr[3]].tolist()
    )


def test_a_model_and_its_bytes_list_the_same(params, ratings):
    couplings = Neighbourhoods.of(ratings, 3).couplings(1.0)
    model = model_of(params, ratings, couplings=couplings, coupling_scale=0.3)
    read = checkpoint.read_model(checkpoint.write_model(model))
    rated, levels = ratings.row(4)

    lists = []
    for one in (model, read):
        hidden = inference.fold_in(one, rated, levels)
        nothing = np.zeros(9, bool)
        best, scores = inference.top_liked(one, 5, left_out=nothing, hidden=hidden, rated=rated)
        lists.append((best.tolist(), scores.tolist()))

    assert lists[0] == lists[1]


def test_on_movielens_it_lists_better_than_the_most_rated_and_than_its_hidden_units_alone(data_dir):
    expected_ndcg = (0.53, 0.59)  # u1 holds out much of few users, which makes hits easy
    base, test = (movielens_100k(data_dir, name) for name in ("u1.base", "u1.test"))
    *_, (_, state) = learn_joint(base, n_hidden=100, batch_size=50, epochs=20)
    couplings = Neighbourhoods.of(base, 300).couplings(300.0)
    users = np.arange(base.n_users)

    def ndcg(scores_of) -> float:
        return evaluation.ranking_figures(scores_of, base, test, users).ndcg_at_n

    model = model_of(state.best_params, base, couplings=couplings, coupling_scale=8.0)
    ours = ndcg(Folded.of(model, base).scores)
    counts = base.item_counts().astype(float)

    assert expected_ndcg[0] < ours < expected_ndcg[1]
    assert ours > 1.2 * ndcg(lambda _: counts.copy())
    assert ours > ndcg(Folded.of(model_of(state.best_params, base), base).scores)
