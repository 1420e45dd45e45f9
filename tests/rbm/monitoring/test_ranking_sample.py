"""Validation nDCG@10 in the error curve, and the best epoch by it."""

import dataclasses
import os

import numpy as np
import pytest

from recsvc.rbm import checkpoint, evaluation, kernels
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.machines import joint
from recsvc.rbm.machines.functions import machine_functions
from recsvc.rbm.monitoring import ranking_sample
from recsvc.rbm.monitoring.epoch_evaluator import EpochEvaluator
from recsvc.rbm.monitoring.ranking_sample import RankingSample
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.training.trainer import TrainerState, TrainingData, train
from tests.factories.machines import STARS, learn, random_params, random_ratings, ratings_of

HYPER = {
    "n_hidden": 7,
    "epochs": 8,
    "batch_size": 16,
    "warm_up_epochs": 0,
    "dropout": 0.1,
    "learning_rate": 0.05,
    "learning_rate_schedule": "constant",
}


def split(ratings: RatingMatrix, share: float = 0.3) -> tuple[RatingMatrix, RatingMatrix]:
    held_out = np.random.default_rng(6).random(ratings.n_ratings) < share
    return ratings.select(~held_out), ratings.select(held_out)


@pytest.fixture
def parts(rng):
    return split(random_ratings(rng, n_users=90, n_items=60))


@pytest.fixture
def params(rng):
    return random_params(rng, n_items=60)


@pytest.fixture(scope="module")
def camps():
    """Even users choose even items more often than odd ones; there is something to learn."""
    rng = np.random.default_rng(3)
    own = np.add.outer(np.arange(90), np.arange(60)) % 2 == 0
    users, items = np.nonzero(rng.random((90, 60)) < np.where(own, 0.5, 0.1))
    levels = rng.integers(5, size=users.size).astype(np.uint8)
    return split(RatingMatrix.build(users, items, levels, shape=(90, 60)))


def learn_joint(parts, *, state: TrainerState | None = None, seed: int = 0, **changes):
    """Train to the end: every report with a copy of the state behind it."""
    hyper = Hyperparameters.from_changes("joint_rbm", HYPER | changes)
    if state is None:
        rng = np.random.default_rng(seed)
        state = TrainerState.initial(joint.initial_params(parts[0], 5, hyper, rng=rng))
    curve = train(
        TrainingData(*parts, STARS), hyper, seed=seed, state=state, model_kind="joint_rbm"
    )
    return [(r, checkpoint.read_state(checkpoint.write_state(s))) for r, s in curve]


def one_by_one(params, parts, users, first_liked: int) -> float:
    """What the evaluation of a finished model finds for the same users."""
    hidden = joint.hidden_probabilities(params, parts[0])
    return evaluation.ranking_metrics(
        lambda user: joint.item_fields(params, hidden[user], first_liked), *parts, users
    ).ndcg_at_n


@pytest.mark.parametrize("first_level", [0, 3, 4])
def test_list_fields_equal_item_fields_of_each_user(params, rng, first_level):
    hidden = rng.random((5, 7), dtype=np.float32)

    together = joint.list_fields(params, hidden, first_level)

    apart = [joint.item_fields(params, one, first_level) for one in hidden]
    np.testing.assert_allclose(together, apart, atol=1e-5)


def test_list_fields_are_computed_in_blocks(params, rng, monkeypatch):
    hidden = rng.random((5, 7), dtype=np.float32)
    whole = joint.list_fields(params, hidden, 3)

    monkeypatch.setattr(joint, "ITEMS_PER_BLOCK", 7)

    np.testing.assert_allclose(joint.list_fields(params, hidden, 3), whole, atol=1e-6)


@pytest.mark.parametrize("first_liked", [0, 3])
def test_ndcg_equals_that_of_evaluation(params, parts, first_liked):
    lists = RankingSample.build(*parts, first_liked, seed=0)

    found = lists.ndcg(params)

    assert found == pytest.approx(one_by_one(params, parts, np.arange(90), first_liked))
    assert 0 < found < 1


def test_ndcg_handles_lists_longer_than_catalogue(rng):
    """Five items, of which most are rated: the rest of a list is empty and hits nothing."""
    parts = split(random_ratings(rng, n_users=30, n_items=5))
    params = random_params(rng, n_items=5)

    found = RankingSample.build(*parts, 3, seed=0).ndcg(params)

    assert found == pytest.approx(one_by_one(params, parts, np.arange(30), 3))


def test_ranking_sample_is_same_for_seed(params, parts, monkeypatch):
    monkeypatch.setattr(ranking_sample, "MAX_USERS", 20)
    chosen = [RankingSample.build(*parts, 3, seed=seed) for seed in (0, 0, 1)]
    asked = np.flatnonzero(np.diff(parts[1].indptr))
    users = np.random.default_rng([0, 0, 3]).permutation(asked)[:20]

    figures = [lists.ndcg(params) for lists in chosen]

    assert [lists.targets.n_users for lists in chosen] == [20, 20, 20]
    assert all(np.diff(lists.targets.indptr).min() > 0 for lists in chosen)
    assert figures[0] == figures[1] == pytest.approx(one_by_one(params, parts, users, 3))
    assert figures[2] != figures[0]


def test_ranking_sample_shrinks_for_large_catalogue(parts, monkeypatch):
    monkeypatch.setattr(ranking_sample, "MAX_SCORES", 60 * 7)

    assert RankingSample.build(*parts, 3, seed=0).targets.n_users == 7


def test_ndcg_does_not_depend_on_threads_or_blocks(params, parts, monkeypatch):
    lists, figures = RankingSample.build(*parts, 3, seed=0), []
    monkeypatch.setattr(ranking_sample, "SCORES_PER_BLOCK", 60 * 16)
    for n_threads in (1, 2):
        kernels.use_threads(n_threads)
        figures.append(lists.ndcg(params))
    kernels.use_threads(os.cpu_count() or 1)
    monkeypatch.undo()

    assert figures[0] == figures[1] == pytest.approx(lists.ndcg(params))


def test_interaction_levels_count_as_liked(rng, parts):
    """An interaction has a level above all ratings: to have chosen it is to want it."""
    params = random_params(rng, n_items=60, n_levels=6)
    events = parts[1].select(np.ones(parts[1].n_ratings, bool))
    events.levels[::2] = 5
    data = TrainingData(parts[0], events, STARS)

    figure = RankingSample.build(data.train, data.validation, data.first_liked, seed=0).ndcg(params)

    assert data.first_liked == 3
    assert figure == pytest.approx(one_by_one(params, parts, np.arange(90), 3))


def test_interactions_change_lists_and_not_rating_metrics(camps):
    """Half of validation are interactions: the likelihood is that of the other half alone."""
    train_, validation = camps
    levels = np.where(np.arange(validation.n_ratings) % 2, 5, validation.levels).astype(np.uint8)
    mixed = dataclasses.replace(validation, levels=levels)
    rated = validation.select(levels < 5)
    params = random_params(np.random.default_rng(1), n_items=60, n_levels=6)

    figures = [
        EpochEvaluator.build(
            machine_functions("joint_rbm"), train_, part, STARS, seed=0, first_liked=3
        )
        for part in (mixed, rated)
    ]
    both, alone = (monitor.measure(params) for monitor in figures)

    assert (both.validation_nll, both.validation_rmse) == (
        alone.validation_nll,
        alone.validation_rmse,
    )
    assert both.validation_ndcg == RankingSample.build(train_, validation, 3, seed=0).ndcg(params)


def test_metrics_without_ratings_have_ndcg_and_no_nll(camps):
    train_, validation = (
        dataclasses.replace(part, levels=np.zeros_like(part.levels)) for part in camps
    )
    params = random_params(np.random.default_rng(1), n_items=60, n_levels=1)
    monitor = EpochEvaluator.build(
        machine_functions("joint_rbm"), train_, validation, np.empty(0), seed=0, first_liked=0
    )

    figures = monitor.measure(params)

    assert figures.validation_nll is figures.validation_rmse is figures.train_nll is None
    assert figures.validation_ndcg > 0


def test_first_liked_can_be_set():
    ratings = ratings_of([{0: 4}], n_items=1)

    assert TrainingData(ratings, ratings, STARS, first_liked=2).first_liked == 2
    assert TrainingData(ratings, ratings, np.array([1.0, 2.0])).first_liked == 1
    assert TrainingData(ratings, ratings, np.empty(0)).first_liked == 0


def test_best_epoch_of_joint_machine_has_highest_ndcg(camps):
    curve = learn_joint(camps)
    reports = [report for report, _ in curve]
    best = max(reports, key=lambda report: (report.validation_ndcg, -report.validation_nll))
    _, state = curve[-1]

    assert 0 < best.epoch < 8, "neither the first nor the last"
    assert min(reports, key=lambda report: report.validation_nll).epoch != best.epoch
    assert (state.best_epoch, state.best_ndcg) == (best.epoch, best.validation_ndcg)
    assert state.best_nll == best.validation_nll
    assert state.best_params.sha256() == curve[best.epoch][1].params.sha256()
    assert RankingSample.build(*camps, 3, seed=0).ndcg(state.best_params) == best.validation_ndcg


def test_nll_breaks_ties_of_ndcg(rng):
    """Everybody's only other item is always listed, in whatever place: by the only candidate."""
    rows = [{item: int(rng.integers(5)) for item in range(4)} for _ in range(40)]
    ratings = ratings_of(rows, n_items=4)
    held_out = np.arange(ratings.n_ratings) % 4 == np.repeat(np.arange(40) % 4, 4)
    curve = learn_joint((ratings.select(~held_out), ratings.select(held_out)), learning_rate=0.02)
    nll = [report.validation_nll for report, _ in curve]

    assert {report.validation_ndcg for report, _ in curve} == {1.0}
    assert curve[-1][1].best_epoch == int(np.argmin(nll))
    assert curve[-1][1].best_nll == min(nll)


def test_patience_of_joint_machine_follows_ndcg(camps):
    patient = learn_joint(camps)
    hasty = learn_joint(camps, epochs=40, patience=2)
    end = hasty[-1][1]

    assert end.epoch == end.best_epoch + 2 < 8
    assert [r for r, _ in hasty] == [r for r, _ in patient][: end.epoch + 1]


def test_best_epoch_is_last_without_validation_ratings(camps):
    nothing = camps[0].select(np.zeros(camps[0].n_ratings, bool))
    curve = learn_joint((camps[0], nothing), patience=1)
    report, state = curve[-1]

    assert report.validation_ndcg is report.validation_nll is None
    assert state.best_epoch == state.epoch == 8
    assert state.best_ndcg == -np.inf


def test_masked_kind_has_no_ndcg(ratings):
    curve = learn(ratings, validation=ratings, n_hidden=5, epochs=2)

    assert {report.validation_ndcg for report, _ in curve} == {None}
    assert curve[-1][1].best_ndcg == -np.inf


@pytest.mark.parametrize("stop", [0, 3, 5])
def test_resumed_run_has_same_best_epoch(camps, stop):
    whole = learn_joint(camps)

    rest = learn_joint(camps, state=whole[stop][1])

    assert rest[-1][0] == whole[-1][0]
    assert checkpoint.write_state(rest[-1][1]) == checkpoint.write_state(whole[-1][1])


def test_checkpoint_keeps_whole_state(camps):
    state = learn_joint(camps, epochs=1)[-1][1]

    kept = checkpoint.read_state(checkpoint.write_state(state))

    names = [field.name for field in dataclasses.fields(TrainerState)]
    plain = [name for name in names if isinstance(getattr(state, name), (int, float))]
    assert {"best_ndcg", "halvings", "halved_at"} <= set(plain)
    assert all(getattr(kept, name) == getattr(state, name) for name in plain)
