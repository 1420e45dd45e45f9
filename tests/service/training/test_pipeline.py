"""The two fits of a machine that makes lists: judged on what is held back, then on everything."""

import numpy as np
import pytest

from recsvc.db.session import reading
from recsvc.errors import LeaseLost
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.machines.couplings import Neighbourhoods
from recsvc.rbm.machines.functions import machine_functions
from recsvc.rbm.training.trainer import TrainerState, TrainingData, train
from recsvc.service.models import comparison
from recsvc.service.models.split import split_snapshot
from recsvc.service.training import snapshots
from tests.conftest import on_sqlite
from tests.factories.shop import SHORT, Shop, fans

SEED = 5  # the last of five epochs is the best, so that the last fit is as long as the first
RATE = 0.05  # faster than the default: for two large camps, an epoch before the last is best
SNAPSHOT, JUDGED, ANSWERING = 1, 7, 13  # what a job puts on the shelf, and when; between: states


def split_of(shop):
    with reading(shop.database) as session:
        snapshot = snapshots.read_snapshot(session)
    return split_snapshot(snapshot, shop.model(1).scale, share=0.1)


def fit_params(ratings, validation, split, epochs, length):
    """Parameters after so many epochs of a fit of that length, by the trainer alone."""
    hyper = Hyperparameters.from_changes(
        "joint_rbm", SHORT | {"epochs": length, "learning_rate": RATE}
    )
    rng = np.random.default_rng([SEED, 0])
    params = machine_functions("joint_rbm").initial_params(
        ratings, split.scale.n_levels, hyper, rng=rng
    )
    data = TrainingData(ratings, validation, np.array(split.scale.values))
    first = TrainerState.initial(params)
    for report, state in train(data, hyper, seed=SEED, state=first, model_kind="joint_rbm"):
        if report.epoch == epochs:
            return state.params.sha256()
    raise AssertionError("there are not so many epochs")


def cut_off(shop: Shop, when: int):
    """Carry a job out until another worker takes it at the n-th object put; give that lease."""
    shop.ask(model_kind="joint_rbm", seed=SEED)
    taken = []
    silent = shop.claim(lease_seconds=0)
    with pytest.raises(LeaseLost):
        shop.carry_out(silent, shop.watched(lambda n: n == when and taken.append(shop.claim())))
    return taken[0]


@on_sqlite
def test_judged_model_fits_train_ratings_and_served_model_all_ratings(database, tmp_path):
    shop = Shop(database, tmp_path)
    shop.rate(fans(40, n_users=60))
    result = shop.train(model_kind="joint_rbm", seed=SEED, hyperparameters={"learning_rate": RATE})
    split, best = split_of(shop), result["best_epoch"]
    assert 1 < best < SHORT["epochs"]
    nothing = split.everything.select(np.zeros(split.everything.n_ratings, dtype=np.bool_))

    judged, answering = shop.judged_model(1), shop.model(1)

    assert judged.params.sha256() == fit_params(
        split.train, split.validation, split, best, SHORT["epochs"]
    )
    assert answering.params.sha256() == fit_params(split.everything, nothing, split, best, best)
    assert result["weights_sha256"] == answering.params.sha256()
    strength = judged.couplings.regularisation
    for model, ratings in ((judged, split.train), (answering, split.everything)):
        anew = Neighbourhoods.fit(ratings, 300).couplings(strength)
        np.testing.assert_array_equal(model.couplings.strengths, anew.strengths)
    assert judged.coupling_scale == answering.coupling_scale


@on_sqlite
@pytest.mark.parametrize("spec", [{"model_kind": "user_rbm"}, {"validation_share": 0.0}])
def test_masked_kinds_and_fits_without_validation_train_once(shop, spec):
    shop.train(**{"model_kind": "joint_rbm"} | spec)

    assert shop.card(1).judged_sha256 is None


@on_sqlite
def test_model_card_has_metrics_of_judged_model(shop):
    result = shop.train(model_kind="joint_rbm", seed=SEED)

    figures = comparison.evaluate_model(shop.judged_model(1), split_of(shop))

    assert result["metrics"] == figures.as_dict()


@on_sqlite
def test_release_compares_judged_models(shop):
    """Against the model that has learned the validation ratings, none would ever win."""
    shop.train(model_kind="joint_rbm", seed=SEED)

    again = shop.train(model_kind="joint_rbm", seed=SEED)

    figure = f"{again['metrics']['ndcg_at_10']:.4f}"
    assert again["reason"] == (
        f"not better than version 1: validation nDCG@10 {figure} against {figure}"
    )


@pytest.mark.parametrize(
    "when", [SNAPSHOT, 2, JUDGED - 1, JUDGED, JUDGED + 1, JUDGED + 3, ANSWERING]
)
def test_interrupted_job_resumes_to_same_weights(shop, when):
    undisturbed = shop.train(model_kind="joint_rbm", seed=SEED)
    lease = cut_off(shop, when)

    shop.carry_out(lease)

    result = shop.job(2).result
    same = ("weights_sha256", "best_epoch", "metrics", "warnings")
    assert {name: result[name] for name in same} == {name: undisturbed[name] for name in same}
    assert shop.card(2).judged_sha256 == shop.card(1).judged_sha256
    assert shop.card(2).checkpoint_sha256 == shop.card(1).checkpoint_sha256


def test_job_interrupted_in_last_fit_resumes_within_last_fit(shop):
    lease = cut_off(shop, JUDGED + 3)  # two states of the last fit are kept, the third is not
    assert shop.job(1).progress == pytest.approx(0.5 + 3 / 10)
    told = []

    shop.carry_out(lease, shop.watched(lambda _: told.append(shop.job(1).progress_note)))

    *last_fit, end = (note["phase"] for note in told)
    assert (last_fit, end) == (["learning from all ratings"] * 3, "evaluating")
    assert [point.epoch for point in shop.curve(1)] == [0, 1, 2, 3, 4, 5]
    assert shop.job(1).progress == 1


def test_progress_has_phase_before_between_and_after_epochs(shop):
    told = []
    shop.ask(seed=SEED)
    shop.carry_out(
        shop.claim(), shop.watched(lambda _: told.append(shop.job(1).progress_note["phase"]))
    )

    assert told == [
        "reading ratings",
        *["training"] * 5,
        "learning how people rate",
        *["learning from all ratings"] * 5,
        "evaluating",
    ]


def test_unreadable_judged_model_restarts_training_with_warning(shop):
    undisturbed = shop.train(model_kind="joint_rbm", seed=SEED, publish="never")
    lease = cut_off(shop, JUDGED + 1)
    sha256 = shop.job(2).judged_sha256
    shop.spoil(sha256)

    shop.carry_out(lease)

    (warning,) = shop.job(2).result["warnings"]
    assert warning.startswith("Training restarted from the beginning: ")
    assert sha256 in warning
    assert shop.job(2).result["weights_sha256"] == undisturbed["weights_sha256"]


def test_shelf_keeps_judged_and_served_model(shop):
    shop.train(model_kind="joint_rbm", seed=SEED)
    card = shop.card(1)

    assert shop.on_the_shelf() == {
        card.checkpoint_sha256,
        card.judged_sha256,
        card.snapshot_sha256,
        *state_of(shop),
    }


def state_of(shop) -> set[str]:
    """The last state a job could resume from; it is cleared away with time."""
    return {shop.job(1).checkpoint_sha256} - {None}


def test_progress_counts_both_fits(shop):
    told = []
    shop.ask(model_kind="joint_rbm", seed=SEED)
    shop.carry_out(shop.claim(), shop.watched(lambda _: told.append(shop.job(1).progress)))

    assert told == sorted(told)
    assert told[JUDGED - 1] == 0.5
