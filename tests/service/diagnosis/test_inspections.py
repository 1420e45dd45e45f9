"""Looks inside the machine, and findings told while a job runs."""

import numpy as np
import pytest

from recsvc.db.session import reading
from recsvc.errors import EpochNotWatched, JobNotFound, LeaseLost
from recsvc.rbm.training.inspection import HISTOGRAM_EDGES, is_inspected
from recsvc.service.diagnosis import inspections, job_diagnosis
from recsvc.service.jobs import queries
from tests.conftest import on_sqlite
from tests.factories.shop import NOON

SICK = {"epochs": 30, "learning_rate": 90.0, "patience": 30, "weight_decay": 0.0}


def monitors(shop, job_id=1, epoch=None):
    with reading(shop.database) as session:
        return inspections.read_inspections(session, job_id, epoch)


def events(shop, job_id=1):
    with reading(shop.database) as session:
        return queries.events_after(session, job_id)


@on_sqlite
@pytest.mark.parametrize("model_kind", ["user_rbm", "item_rbm", "joint_rbm"])
def test_inspections_include_every_early_epoch(shop, model_kind):
    shop.train(model_kind=model_kind)

    told = monitors(shop)

    assert [look.epoch for look in told.inspections] == [0, 1, 2, 3, 4, 5]
    assert told.activity.epoch == 5
    assert told.activity.units.tolist() == [0, 1, 2, 3]
    assert told.activity.probabilities.shape == (12, 4)
    assert ((told.activity.probabilities >= 0) & (told.activity.probabilities <= 1)).all()
    for look in told.inspections:
        for counted in (look.weights, look.updates):
            assert len(counted["counts"]) == HISTOGRAM_EDGES.size - 1
    n_weights = 12 * 2 * 4
    first, last = told.inspections[0], told.inspections[-1]
    assert last.weights["zeros"] + sum(last.weights["counts"]) == n_weights
    assert first.updates["zeros"] == n_weights
    assert sum(last.updates["counts"]) > 0


def test_inspections_return_the_activity_of_any_inspected_epoch(shop):
    shop.train(model_kind="user_rbm", hyperparameters={"epochs": 12, "patience": 12})

    first, last = (monitors(shop, epoch=epoch).activity for epoch in (0, 12))

    assert (first.epoch, last.epoch) == (0, 12)
    assert not np.allclose(first.probabilities, last.probabilities)
    np.testing.assert_allclose(first.probabilities, 0.5, atol=0.1)


def test_inspections_name_nearest_inspected_epochs(shop):
    shop.train(model_kind="user_rbm")

    with pytest.raises(EpochNotWatched) as refused:
        monitors(shop, epoch=8)
    assert refused.value.facts == {"job_id": 1, "epoch": 8, "nearest": 5}
    with pytest.raises(JobNotFound):
        monitors(shop, 2)


def test_inspections_are_empty_before_the_job_starts(shop):
    shop.ask(model_kind="user_rbm")

    assert (monitors(shop).inspections, monitors(shop).activity) == ([], None)


@on_sqlite
def test_findings_are_recorded_once_at_the_epoch_of_their_discovery(shop):
    shop.train(model_kind="user_rbm", hyperparameters=SICK, publish="never")

    names = [event.name for event in events(shop)]
    codes = codes_told(shop)
    with reading(shop.database) as session:
        _, diagnosis = job_diagnosis.diagnose_job(session, 1, now=NOON)

    assert diagnosis.findings
    assert len(codes) == len(set(codes))
    assert {one.code for one in diagnosis.findings} <= set(codes)
    assert names[-1] == "done"
    assert names[names.index("finding") :].count("epoch") > 10, "while it ran, not at its end"


@on_sqlite
def test_findings_of_divergence_are_recorded_before_the_job_ends(shop):
    shop.fail(
        model_kind="user_rbm",
        hyperparameters={
            "learning_rate": 100.0,
            "weight_decay": 10.0,
            "epochs": 60,
            "patience": 60,
            "rollbacks": 0,
        },
    )

    told = events(shop)

    last = [event for event in told if event.name == "finding"][-1]
    assert last.finding["code"] == "not_finite"
    assert last.finding["epochs"][0] == shop.job(1).error["epoch"]
    assert told[-1].name == "done"


def test_findings_of_an_earlier_attempt_are_not_recorded_again(shop):
    shop.ask(model_kind="user_rbm", hyperparameters=SICK, publish="never")
    taken = []

    def take(n):
        if n == 20:
            taken.append(shop.claim())

    silent = shop.claim(lease_seconds=0)
    with pytest.raises(LeaseLost):
        shop.carry_out(silent, shop.watched(take))
    before = codes_told(shop)
    shop.carry_out(taken[0])

    codes = codes_told(shop)
    assert before
    assert codes[: len(before)] == before
    assert len(codes) == len(set(codes))
    looked = [look.epoch for look in monitors(shop).inspections]
    assert looked == [epoch for epoch in range(31) if is_inspected(epoch)]


def codes_told(shop):
    return [event.finding["code"] for event in events(shop) if event.name == "finding"]
