"""Autopilot: a job follows its diagnosis, one change a job, and keeps what helps."""

import pytest

from recsvc.db.session import unit_of_work
from recsvc.service import jobs, piloting
from recsvc.service.training_spec import TrainingSpec
from tests.service.shop import NOON, Shop, fans

CALM = {
    "n_hidden": 8, "epochs": 40, "warm_up_epochs": 5, "patience": 40, "batch_size": 5,
    "sparsity_target": 0.0,
}  # fmt: skip
TOO_LARGE = {**CALM, "initial_weight": 20.0}


@pytest.fixture
def shop(database, tmp_path) -> Shop:
    shop = Shop(database, tmp_path)
    shop.rate(fans(n_users=48))
    return shop


def fly(shop: Shop, hyperparameters, **spec) -> list[TrainingSpec]:
    """Carry out a job and all that autopilot queues after it; give what each was asked for."""
    job_id = shop.ask(
        hyperparameters=hyperparameters, model_kind="user_rbm", publish="never", autopilot=True,
        **spec,
    )  # fmt: skip
    flown = []
    while job_id is not None:
        shop.carry_out(shop.claim())
        job = shop.job(job_id)
        flown.append(TrainingSpec.from_dict(job.spec))
        job_id = job.progress_note.get("next_job_id")
    return flown


def test_a_hopeless_job_is_stopped_and_goes_on_with_the_cure(shop):
    _, cured, *_ = fly(shop, TOO_LARGE)

    sick = shop.job(1)
    assert (sick.state, sick.error["code"]) == ("failed", "hopeless")
    assert len(shop.curve(1)) < 20
    assert cured.trying == {"hyperparameter": "initial_weight", "before": 20.0, "to": 0.01}
    assert (cured.retry_of, cured.tried) == (1, [])
    assert cured.hyperparameters["initial_weight"] == 0.01
    assert shop.curve(2)[-1].validation_nll < 0.5 * shop.curve(1)[-1].validation_nll


def test_what_was_tried_is_written_down_and_not_tried_again(shop):
    flown = fly(shop, TOO_LARGE)

    last = flown[-1]
    assert len(flown) >= 3
    assert last.tried[0] == {
        "hyperparameter": "initial_weight", "before": 20.0, "to": 0.01, "job_id": 2, "kept": True,
    }  # fmt: skip
    kept = [(one["hyperparameter"], one["to"]) for one in last.tried if one["kept"]]
    assert len(set(kept)) == len(kept)
    assert (last.trying["hyperparameter"], last.trying["to"]) not in kept
    assert len(last.tried) < 6


def test_a_change_that_does_not_help_is_undone(shop):
    """More decay does not help where there is nothing wrong but too few epochs to overfit."""
    healthy = shop.ask(hyperparameters=CALM, model_kind="user_rbm", publish="never")
    shop.carry_out(shop.claim())
    trying = {"hyperparameter": "weight_decay", "before": 0.01, "to": 10.0}
    worse = shop.ask(
        hyperparameters={**CALM, "weight_decay": 10.0}, model_kind="user_rbm", publish="never",
        autopilot=True, retry_of=healthy, trying=trying,
    )  # fmt: skip
    shop.carry_out(shop.claim())

    job = shop.job(worse)
    assert (job.state, job.error["code"]) == ("failed", "change-not-kept")
    assert len(shop.curve(worse)) <= len(shop.curve(healthy))
    next_id = job.progress_note.get("next_job_id")
    if next_id is not None:  # the healthy job has advice of its own
        spec = TrainingSpec.from_dict(shop.job(next_id).spec)
        assert "weight_decay" not in spec.hyperparameters or spec.retry_of == healthy
        assert spec.tried == [{**trying, "job_id": worse, "kept": False}]


def test_nothing_follows_a_job_that_was_not_to_be_followed(shop):
    shop.ask(hyperparameters={**TOO_LARGE, "epochs": 12}, model_kind="user_rbm", publish="never")
    shop.carry_out(shop.claim())

    assert shop.job(1).state == "succeeded"
    assert "next_job_id" not in shop.job(1).progress_note


def test_a_cancelled_job_is_followed_by_none(shop):
    job_id = shop.ask(hyperparameters=TOO_LARGE, model_kind="user_rbm", autopilot=True)
    with unit_of_work(shop.database) as session:
        job = jobs.cancel_job(session, job_id, "training", now=NOON)
        assert piloting.follow(session, job, now=NOON) is None
