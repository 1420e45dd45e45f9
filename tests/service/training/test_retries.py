"""Retrying: the diagnosis of a job, applied to what was asked of it."""

import pytest

from recsvc.db.session import reading, unit_of_work
from recsvc.errors import JobNotFound, NothingToChange, UnknownFinding
from recsvc.rbm.diagnosis import Change
from recsvc.service.diagnosis import job_diagnosis
from recsvc.service.training import retries
from recsvc.service.training_spec import TrainingSpec
from tests.factories.shop import NOON, SHORT, Shop

TOO_LARGE = {"initial_weight": 20.0, "epochs": 5}

DIVERGING = {"learning_rate": 100.0, "epochs": 50, "rollbacks": 0}


def retry(shop: Shop, job_id: int = 1, apply: list[str] | None = None) -> TrainingSpec:
    with unit_of_work(shop.database) as session:
        job = retries.retry(session, job_id, apply, now=NOON)
        return TrainingSpec.from_dict(job.spec)


def first_nll(shop: Shop, job_id: int) -> float:
    return shop.curve(job_id)[0].validation_nll


def codes(shop: Shop, job_id: int) -> list[str]:
    with reading(shop.database) as session:
        _, diagnosis = job_diagnosis.diagnose_job(session, job_id, now=NOON)
        return [found.code for found in diagnosis.findings]


def test_retry_applies_suggested_change_and_removes_finding(shop):
    shop.train(model_kind="user_rbm", publish="never", hyperparameters=TOO_LARGE)
    assert "bad_start" in codes(shop, 1)

    spec = retry(shop, apply=["bad_start"])
    shop.carry_out(shop.claim())

    assert spec == TrainingSpec(
        {**SHORT, **TOO_LARGE, "initial_weight": 0.01}, "user_rbm", publish="never", retry_of=1
    )
    assert "bad_start" not in codes(shop, 2)
    assert first_nll(shop, 2) < 0.5 * first_nll(shop, 1)


def test_retry_of_diverged_job_applies_all_changes(shop):
    shop.fail(model_kind="joint_rbm", hyperparameters=DIVERGING)

    spec = retry(shop)

    assert spec.hyperparameters == {**SHORT, **DIVERGING, "learning_rate": 10.0}
    assert spec.retry_of == 1


def test_retry_refuses_unknown_finding_and_names_available_findings(shop):
    shop.fail(model_kind="joint_rbm", hyperparameters=DIVERGING)

    with pytest.raises(UnknownFinding, match=r"'overfit'.*Available: not_finite"):
        retry(shop, apply=["overfit"])
    with pytest.raises(JobNotFound):
        shop.job(2)


def test_retry_refuses_healthy_job(shop):
    shop.train(hyperparameters={"n_hidden": 8, "epochs": 2, "rating_epochs": 0})

    with pytest.raises(NothingToChange):
        retry(shop)
    with pytest.raises(JobNotFound):
        retry(shop, 7)


def test_spec_with_changes_keeps_first_change_and_defaults_of_new_kind():
    spec = TrainingSpec({"learning_rate": 4.0, "n_hidden": 5}, "user_rbm")
    slower, slowest = (Change("learning_rate", 4.0, to) for to in (0.4, 0.04))
    joint = Change("model_kind", "user_rbm", "joint_rbm")

    assert spec.with_changes([slower, slowest]).hyperparameters == {
        "learning_rate": 0.4,
        "n_hidden": 5,
    }
    assert spec.with_changes([slower, joint]) == TrainingSpec({}, "joint_rbm")


def test_spec_with_changes_starts_cold_after_bad_warm_start():
    spec = TrainingSpec({"n_hidden": 5}, "user_rbm", warm_start=True)
    cold = Change("warm_start", "true", "false")

    assert spec.with_changes([cold]) == TrainingSpec({"n_hidden": 5}, "user_rbm")
    assert spec.with_changes([cold, Change("n_hidden", 5.0, 9.0)]).hyperparameters == {
        "n_hidden": 9.0
    }
