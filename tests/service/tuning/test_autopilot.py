"""Autopilot: a job follows its diagnosis, one change a job, and keeps what helps."""

import numpy as np
import pytest

from recsvc.db.session import unit_of_work
from recsvc.rbm.diagnosis import RunRecord
from recsvc.service.diagnosis import run_records
from recsvc.service.jobs import queries
from recsvc.service.training_spec import TrainingSpec
from recsvc.service.tuning import autopilot
from tests.conftest import on_sqlite
from tests.factories.shop import NOON, Shop, fans, two_camps

CALM = {
    "n_hidden": 8,
    "epochs": 40,
    "warm_up_epochs": 5,
    "patience": 40,
    "batch_size": 5,
    "sparsity_target": 0.0,
}
TOO_LARGE = {**CALM, "initial_weight": 20.0}
MORE_DECAY = {"hyperparameter": "weight_decay", "before": 0.01, "to": 10.0}


@pytest.fixture
def shop(database, tmp_path) -> Shop:
    shop = Shop(database, tmp_path)
    shop.rate(fans(n_users=48))
    return shop


def fly(shop: Shop, hyperparameters, **spec) -> list[TrainingSpec]:
    """Carry out a job and all that autopilot queues after it; give what each was asked for."""
    job_id = shop.ask(
        hyperparameters=hyperparameters,
        model_kind="user_rbm",
        publish="never",
        autopilot=True,
        **spec,
    )
    flown = []
    while job_id is not None:
        shop.carry_out(shop.claim())
        job = shop.job(job_id)
        flown.append(TrainingSpec.from_dict(job.spec))
        job_id = job.progress_note.get("next_job_id")
    return flown


def try_more_decay(shop: Shop, sound, **others) -> int:
    """Let autopilot try, after a sound job, what makes it worse; give the number of the try."""
    sound_id = shop.ask(hyperparameters=sound, model_kind="user_rbm", publish="never")
    shop.carry_out(shop.claim())
    worse_id = shop.ask(
        hyperparameters={**sound, "weight_decay": 10.0, **others},
        model_kind="user_rbm",
        publish="never",
        autopilot=True,
        retry_of=sound_id,
        trying=MORE_DECAY,
    )
    shop.carry_out(shop.claim())
    return worse_id


def lowest_nll(shop: Shop, job_id: int) -> float:
    return min(point.validation_nll for point in shop.curve(job_id))


@on_sqlite
def test_autopilot_stops_hopeless_job_and_tries_change(shop):
    _, cured, *_ = fly(shop, TOO_LARGE)

    sick = shop.job(1)
    assert (sick.state, sick.error["code"]) == ("failed", "hopeless")
    assert len(shop.curve(1)) < 20
    assert cured.trying == {"hyperparameter": "initial_weight", "before": 20.0, "to": 0.01}
    assert (cured.retry_of, cured.tried) == (1, [])
    assert cured.hyperparameters["initial_weight"] == 0.01
    assert shop.curve(2)[-1].validation_nll < 0.5 * shop.curve(1)[-1].validation_nll


def test_autopilot_records_tries_and_repeats_none(shop):
    flown = fly(shop, TOO_LARGE)

    last = flown[-1]
    assert len(flown) >= 3
    assert last.tried[0] == {
        "hyperparameter": "initial_weight",
        "before": 20.0,
        "to": 0.01,
        "job_id": 2,
        "kept": True,
    }
    kept = [(one["hyperparameter"], one["to"]) for one in last.tried if one["kept"]]
    assert len(set(kept)) == len(kept)
    assert (last.trying["hyperparameter"], last.trying["to"]) not in kept
    assert len(last.tried) < 6


@on_sqlite
def test_autopilot_reverts_change_without_improvement(shop):
    """More decay does not help where there is nothing wrong but too few epochs to overfit."""
    worse = try_more_decay(shop, CALM)
    healthy = shop.job(worse).spec["retry_of"]

    job = shop.job(worse)
    assert (job.state, job.error["code"]) == ("failed", "change-not-kept")
    assert len(shop.curve(worse)) <= len(shop.curve(healthy))
    next_id = job.progress_note.get("next_job_id")
    if next_id is not None:  # the healthy job has advice of its own
        spec = TrainingSpec.from_dict(shop.job(next_id).spec)
        assert "weight_decay" not in spec.hyperparameters or spec.retry_of == healthy
        assert spec.tried == [{**MORE_DECAY, "job_id": worse, "kept": False}]


def test_autopilot_is_off_by_default(shop):
    shop.ask(hyperparameters={**TOO_LARGE, "epochs": 12}, model_kind="user_rbm", publish="never")
    shop.carry_out(shop.claim())

    assert shop.job(1).state == "succeeded"
    assert "next_job_id" not in shop.job(1).progress_note


def test_autopilot_queues_no_job_after_cancelled_one(shop):
    job_id = shop.ask(hyperparameters=TOO_LARGE, model_kind="user_rbm", autopilot=True)
    with unit_of_work(shop.database) as session:
        job = queries.cancel_job(session, job_id, "training", now=NOON)
        assert autopilot.queue_next_try(session, job, now=NOON) is None


@on_sqlite
def test_autopilot_judges_change_of_short_job(shop):
    job_id = try_more_decay(shop, {**CALM, "epochs": 6})

    assert shop.job(job_id).error["code"] == "change-not-kept"
    assert shop.curve(job_id)[-1].epoch == 6


@on_sqlite
def test_autopilot_judges_change_when_patience_ends_job(shop):
    job_id = try_more_decay(shop, CALM, patience=2)

    assert shop.job(job_id).error["code"] == "change-not-kept"
    assert shop.curve(job_id)[-1].epoch < 12


@on_sqlite
def test_autopilot_judges_leave_out_by_remaining_ratings(shop):
    """Those who always give the same are told easily: without them the loss looks worse."""
    rng = np.random.default_rng(0)
    people = two_camps(48)
    shop.rate({**one, "value": float(abs(one["value"] - rng.integers(3)))} for one in people)
    shop.rate(
        {"user_id": f"same{user:02}", "item_id": f"i{item:02}", "value": 5.0}
        for user in range(24)
        for item in range(user, user + 24)
    )

    _, without_them, *_ = fly(shop, CALM)

    assert without_them.trying == {
        "hyperparameter": "leave_out",
        "before": "nobody",
        "to": "odd_raters",
    }
    of_all, of_people = (lowest_nll(shop, job_id) for job_id in (1, 2))
    assert of_all < of_people < shop.job(1).progress_note["loss_without"]["odd_raters"]
    assert shop.job(2).state == "succeeded"


@on_sqlite
@pytest.mark.parametrize("kind", ["user_rbm", "item_rbm", "joint_rbm"])
def test_loss_without_values_equals_best_loss_of_curve(shop, kind):
    """A value far out that is a train rating changes nothing of what is measured."""
    shop.rate(two_camps(48))
    shop.rate([{"user_id": "far out", "item_id": "i00", "value": 1000.0}])
    job_id = shop.ask(hyperparameters=CALM, model_kind=kind, publish="never", autopilot=True)
    shop.carry_out(shop.claim())

    losses = RunRecord.from_rows(run_records.curve_rows(shop.curve(job_id))).loss.values
    noted = shop.job(job_id).progress_note["loss_without"]
    assert noted["odd_values"] == losses.min()
