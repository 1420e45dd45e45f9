"""How the learning rate and the chain change over the epochs."""

import numpy as np
import pytest

from recsvc.rbm import checkpoint
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.machines import joint
from recsvc.rbm.params import initial_params
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.training.schedules import epoch_settings, plateau_epochs
from recsvc.rbm.training.trainer import TrainerState, TrainingData, train
from tests.factories.machines import STARS, random_ratings

RATE = 0.5  # on noise: the first epochs are the best
HYPER = {
    "n_hidden": 10,
    "epochs": 14,
    "batch_size": 16,
    "learning_rate": RATE,
    "weight_decay": 0.0,
    "learning_rate_schedule": "plateau",
    "patience": 9,
    "warm_up_epochs": 0,
}
FIRST = {"user_rbm": initial_params, "joint_rbm": joint.initial_params}


@pytest.fixture(scope="module")
def data():
    ratings = random_ratings(np.random.default_rng(5), n_users=60, n_items=40)
    held_out = np.random.default_rng(6).random(ratings.n_ratings) < 0.3
    return TrainingData(ratings.select(~held_out), ratings.select(held_out), STARS)


def train_states(data, kind="user_rbm", *, state=None, **changes):
    """Every report with a copy of the state behind it."""
    hyper = Hyperparameters.from_changes(kind, HYPER | changes)
    if state is None:
        rng = np.random.default_rng(0)
        state = TrainerState.initial(FIRST[kind](data.train, 5, hyper, rng=rng))
    curve = train(data, hyper, seed=0, state=state, model_kind=kind)
    return [(r, checkpoint.read_state(checkpoint.write_state(s))) for r, s in curve]


def rates(curve) -> list[float]:
    return [report.learning_rate for report, _ in curve if report.epoch > 0]


def test_plateau_schedule_halves_rate_twice_before_patience_ends(data):
    curve = train_states(data)

    assert plateau_epochs(Hyperparameters(patience=9)) == 3
    assert curve[-1][1].best_epoch == 0
    assert rates(curve) == [RATE] * 3 + [RATE / 2] * 3 + [RATE / 4] * 3
    assert [state.halvings for _, state in curve] == [0] * 3 + [1] * 3 + [2] * 3 + [3]


def test_plateau_schedule_keeps_rate_in_warm_up(data):
    curve = train_states(data, warm_up_epochs=4)

    assert rates(curve)[:10] == [RATE] * 7 + [RATE / 2] * 3


def test_plateau_schedule_waits_again_after_better_epoch():
    """The rate is halved by so many epochs after the best one, or after the last halving."""
    rng = np.random.default_rng(5)
    users, items = np.nonzero(rng.random((60, 40)) < 0.5)
    levels = np.where(rng.random(users.size) < 0.8, (users + items) % 2 * 4, 2).astype(np.uint8)
    ratings = RatingMatrix.build(users, items, levels, shape=(60, 40))
    held_out = rng.random(ratings.n_ratings) < 0.3
    parts = ratings.select(~held_out), ratings.select(held_out)
    curve = train_states(TrainingData(*parts, STARS), learning_rate=0.4, epochs=60, patience=6)
    halved = [state.halved_at for _, state in curve]
    ends = sorted({epoch for epoch in halved if epoch})

    assert len(ends) >= 2
    for end in ends:
        best = curve[end][1].best_epoch
        before = max((other for other in ends if other < end), default=0)
        assert end == max(best, before) + 2
    for end in ends[:-1]:
        assert rates(curve)[end] == rates(curve)[end - 1] / 2
    assert curve[-1][1].best_epoch > 0


def test_plateau_schedule_keeps_rate_without_validation_ratings(data):
    nothing = data.train.select(np.zeros(data.train.n_ratings, bool))
    curve = train_states(TrainingData(data.train, nothing, STARS), learning_rate=0.01)

    assert set(rates(curve)) == {0.01}


def test_plateau_schedule_of_joint_machine_follows_ndcg(data):
    """What the likelihood of ratings does is not asked."""
    curve = train_states(data, "joint_rbm", learning_rate=0.02, patience=3, epochs=10)
    best, expected, halvings, wait = -1.0, [], 0, 0
    for report, _ in curve:
        improved = report.validation_ndcg > best
        wait = 0 if improved else wait + 1
        best = max(best, report.validation_ndcg)
        halvings += not improved  # patience of 3: every epoch that is no better
        expected.append(0.02 * 0.5**halvings)

    assert rates(curve) == expected[:-1]
    assert halvings >= 3


@pytest.mark.parametrize("kind", ["user_rbm", "joint_rbm"])
@pytest.mark.parametrize("stop", [0, 2, 3, 5])
def test_resumed_run_has_same_bits_within_plateau(data, kind, stop):
    changes = {"learning_rate": 0.02} if kind == "joint_rbm" else {}
    whole = train_states(data, kind, **changes)

    rest = train_states(data, kind, state=whole[stop][1], **changes)

    skipped = stop + 1 if stop else 0  # before the first step, epoch 0 is measured again
    assert [report for report, _ in rest] == [report for report, _ in whole[skipped:]]
    assert checkpoint.write_state(rest[-1][1]) == checkpoint.write_state(whole[-1][1])


def test_schedules_without_plateau_ignore_halvings(data):
    curve = train_states(data, learning_rate_schedule="constant")

    assert curve[-1][1].halvings == 0
    for schedule in ("constant", "step", "cosine"):
        hyper = Hyperparameters(epochs=9, learning_rate_schedule=schedule)
        assert epoch_settings(hyper, 5, halvings=3) == epoch_settings(hyper, 5)


def test_learning_rate_follows_schedule():
    def shares(schedule):
        hyper = Hyperparameters(epochs=6, learning_rate=1.0, learning_rate_schedule=schedule)
        return [epoch_settings(hyper, epoch).learning_rate for epoch in range(1, 7)]

    assert shares("constant") == [1.0] * 6
    assert shares("step") == [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    assert shares("cosine") == sorted(shares("cosine"), reverse=True)
    assert shares("cosine")[-1] == pytest.approx(0.1)


@pytest.mark.parametrize(("epochs", "short"), [(9, 6), (10, 6), (150, 100), (1, 0)])
def test_cd_steps_grow_in_last_third(epochs, short):
    hyper = Hyperparameters(epochs=epochs, cd_steps=1, final_cd_steps=3)
    steps = [epoch_settings(hyper, epoch).cd_steps for epoch in range(1, epochs + 1)]

    assert steps == [1] * short + [3] * (epochs - short)


def test_report_has_cd_steps(data):
    curve = train_states(data, epochs=3, final_cd_steps=3, learning_rate=0.01)

    assert [report.cd_steps for report, _ in curve] == [0, 1, 1, 3]
