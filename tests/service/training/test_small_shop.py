"""A small shop has few steps an epoch, and so a long flat start: nothing is told of it too soon."""

import pytest

from recsvc.db.jobs.events import JobEvents
from recsvc.db.session import reading, unit_of_work
from recsvc.service.demo_data import generate_shop
from recsvc.service.training_spec import TrainingSpec
from recsvc.service.tuning import sweep_status, sweeps
from recsvc.service.tuning.sweeps import SweepSpec
from tests.conftest import on_sqlite
from tests.factories.shop import NOON, Shop
from tests.service.tuning.test_autopilot import fly

DEFAULTS = {"n_hidden": 100, "epochs": 150, "warm_up_epochs": 20, "batch_size": 100}


@pytest.fixture
def shop(database, tmp_path) -> Shop:
    shop = Shop(database, tmp_path)
    shop.rate(
        {"user_id": user_id, "item_id": item_id, "value": value}
        for user_id, item_id, value in generate_shop().ratings
    )
    return shop


@on_sqlite
@pytest.mark.parametrize("seed", [0, 2])
def test_autopilot_leaves_healthy_job_unchanged(shop, seed):
    (spec,) = fly(shop, DEFAULTS, seed=seed)

    job = shop.job(1)
    with reading(shop.database) as session:
        told = [event.name for event in JobEvents(session).list_after(1, 0, limit=10_000)]
    assert (job.state, spec.tried) == ("succeeded", [])
    assert "finding" not in told
    assert min(point.validation_nll for point in shop.curve(1)) < 1.2


@on_sqlite
def test_autopilot_keeps_reduction_of_high_learning_rate(shop):
    flown = fly(shop, {**DEFAULTS, "learning_rate": 2.0})

    assert flown[1].trying == {"hyperparameter": "learning_rate", "before": 2.0, "to": 0.02}
    assert len(flown) == 2
    assert shop.job(2).state == "succeeded"


@on_sqlite
def test_sweep_does_not_prune_default_learning_rate_early(shop):
    base = TrainingSpec(hyperparameters=DEFAULTS, model_kind="user_rbm")
    with unit_of_work(shop.database) as session:
        spec = SweepSpec("grid", {"learning_rate": [0.6, 0.2, 0.06, 0.02]}, base)
        sweep_id = sweeps.request_sweep(session, spec, now=NOON).id
    for _ in range(4):
        shop.carry_out(shop.claim())

    with reading(shop.database) as session:
        usual = sweep_status.get_sweep(session, sweep_id).trials[-1]
    assert usual.state == "succeeded" or usual.epochs > 35
