"""Diagnosis of jobs: what the database knows of them is what is diagnosed."""

from datetime import UTC, datetime, timedelta

import pytest

from recsvc.db.session import reading
from recsvc.errors import JobNotFound
from recsvc.service.diagnosis import job_diagnosis, run_records
from recsvc.service.training_progress import TrainingProgress
from recsvc.service.training_spec import TrainingSpec
from tests.conftest import on_sqlite
from tests.factories.shop import NOON, Shop


def diagnosis_of(shop: Shop, job_id: int = 1, now: datetime = NOON) -> job_diagnosis.Diagnosis:
    with reading(shop.database) as session:
        return job_diagnosis.diagnose_job(session, job_id, now=now)[1]


@on_sqlite
@pytest.mark.parametrize("model_kind", ["user_rbm", "joint_rbm"])
def test_diagnosis_suggests_a_smaller_rate_when_a_job_diverged(shop, model_kind):
    asked = {"learning_rate": 100.0, "epochs": 50, "weight_decay": 10.0, "rollbacks": 0}
    error = shop.fail(model_kind=model_kind, hyperparameters=asked)

    first, *_ = diagnosis_of(shop).findings

    assert first.code == "not_finite"
    assert first.epochs == (error["epoch"], error["epoch"])
    assert (first.change.before, first.change.to) == (100.0, 10.0)


@on_sqlite
def test_diagnosis_finds_a_bad_start_from_the_baselines_of_the_job(shop):
    shop.train(model_kind="user_rbm", hyperparameters={"initial_weight": 20.0, "epochs": 5})

    (found,) = [one for one in diagnosis_of(shop).findings if one.code == "bad_start"]

    assert found.change.hyperparameter == "initial_weight"
    assert found.evidence[0].value > found.evidence[0].threshold


@on_sqlite
def test_diagnosis_of_a_healthy_job_has_no_findings(shop):
    good = {"epochs": 60, "learning_rate": 0.1, "warm_up_epochs": 60}
    shop.train(model_kind="user_rbm", hyperparameters=good)

    told = diagnosis_of(shop)

    assert [one.code for one in told.findings if one.severity == "problem"] == []
    assert told.n_epochs > 1


@on_sqlite
def test_diagnosis_uses_the_hyperparameters_chosen_from_the_data(shop):
    shop.train(hyperparameters={"n_hidden": 4, "rating_epochs": 0})
    choices = shop.job(1).progress_note["choices"]

    job = shop.job(1)
    hyper = run_records.run_hyperparameters(
        TrainingSpec.from_dict(job.spec), TrainingProgress.from_note(job.progress_note)
    )

    assert hyper.candidates == choices["candidates"]["value"] != 6000
    assert hyper.n_hidden == 4


def test_diagnosis_reports_stalled_job_after_idle_half_hour(shop):
    told = []

    def look(epoch: int) -> None:
        if epoch == 3:
            told.extend(is_stalled(shop, timedelta(minutes=minutes)) for minutes in (29, 31))

    job_id = shop.ask(model_kind="user_rbm")
    shop.carry_out(shop.claim(), shop.watched(lambda _: look(len(shop.curve(job_id)))))

    assert told[:2] == [False, True]
    assert not is_stalled(shop, timedelta(days=1)), "a job that is over waits for nothing"


def is_stalled(shop: Shop, later: timedelta) -> bool:
    found = diagnosis_of(shop, now=datetime.now(UTC) + later).findings
    return "stalled" in [one.code for one in found]


def test_diagnosis_uses_the_ratings_per_parameter_of_a_job(shop):
    shop.train(model_kind="user_rbm", hyperparameters={"n_hidden": 400, "epochs": 1})

    (found,) = [one for one in diagnosis_of(shop).findings if one.code == "too_little_data"]

    n_ratings = len(shop.model(1).users) * 10
    assert found.evidence[0].value == pytest.approx(n_ratings / (12 * 2 * 400))
    assert found.change.to < 400


def test_diagnosis_of_an_unknown_job_raises_job_not_found(shop):
    with pytest.raises(JobNotFound):
        diagnosis_of(shop, 9)
