"""Trainings that are refused before they are queued, because they cannot end within the limits."""

from dataclasses import replace

import pytest

from recsvc.db.session import reading, unit_of_work
from recsvc.db.tables import Job, Sweep
from recsvc.errors import (
    InvalidHyperparameter,
    TrainingTooLarge,
    TrainingTooLong,
    UnknownHyperparameter,
)
from recsvc.rbm.auto_hyperparameters import DataShape
from recsvc.service.training import retries, training_job
from recsvc.service.training.capacity import (
    LIKELY_LEVELS,
    Capacity,
    CapacityMeter,
    measure_capacity,
)
from recsvc.service.training.training_preview import preview_training
from recsvc.service.training_spec import TrainingSpec
from recsvc.service.tuning import sweeps
from recsvc.service.tuning.sweeps import SweepSpec
from tests.conftest import NOON, on_sqlite

ML_1M = DataShape(6040, 3706, 1_000_209, LIKELY_LEVELS)
TWO_CORES = 7e10  # operations a second
DAY = 86_400.0
CAPACITY = Capacity(ML_1M, TWO_CORES, limit_seconds=DAY, limit_bytes=64 << 30)
TWELVE_DAYS = {"n_hidden": 4096, "epochs": 10_000}


def spec(**hyperparameters: object) -> TrainingSpec:
    return TrainingSpec(hyperparameters=hyperparameters)


def test_capacity_refuses_training_of_many_days_and_names_its_fields():
    with pytest.raises(TrainingTooLong) as refused:
        CAPACITY.check(spec(**TWELVE_DAYS))

    error = refused.value
    assert error.detail == (
        "hyperparameters.n_hidden is 4096, hyperparameters.epochs is 10000: all epochs would take "
        "about 10 days, and a job is stopped after 24 hours. Reduce epochs or n_hidden."
    )
    fields = {one["field"]: one["value"] for one in error.facts["errors"]}
    assert fields == {"hyperparameters.n_hidden": 4096, "hyperparameters.epochs": 10_000}
    assert error.facts["limit_seconds"] == DAY < error.facts["estimated_seconds"] / 3


@pytest.mark.parametrize(
    "chosen",
    [{}, {"epochs": 10_000}, {"n_hidden": 4096}, {"n_hidden": 1000, "epochs": 1000}],
    ids=str,
)
def test_capacity_accepts_what_is_not_clearly_impossible(chosen):
    CAPACITY.check(spec(**chosen))


def test_capacity_of_faster_or_more_patient_installation_is_larger():
    replace(CAPACITY, rate=10 * TWO_CORES).check(spec(**TWELVE_DAYS))
    replace(CAPACITY, limit_seconds=10 * DAY).check(spec(**TWELVE_DAYS))


def test_capacity_refuses_training_above_the_memory_limit():
    with pytest.raises(
        TrainingTooLarge, match=r"n_hidden is 4096: .* limit is 1,000 MB"
    ) as refused:
        replace(CAPACITY, limit_bytes=1_000_000_000).check(spec(n_hidden=4096))
    assert refused.value.facts["needed_bytes"] > 1_000_000_000


def test_capacity_names_first_drivers_if_none_was_requested():
    with pytest.raises(TrainingTooLong, match=r"n_hidden is 256, hyperparameters.epochs is 14"):
        replace(CAPACITY, limit_seconds=1.0).check(spec())


@on_sqlite
def test_meter_measures_again_after_a_minute_and_keeps_best_rate(shop, monkeypatch):
    meter = CapacityMeter(shop.context)
    first = meter.read()
    shop.rate([{"user_id": "new", "item_id": "i00", "value": 4.0}])

    assert meter.read() is first
    monkeypatch.setattr("recsvc.service.training.capacity.MAX_AGE_SECONDS", -1.0)
    assert meter.read().shape.n_users == first.shape.n_users + 1
    assert meter.read().rate >= first.rate


@on_sqlite
def test_configured_limits_are_those_of_the_capacity(shop):
    shop.configure(max_job_hours=2.0, memory_limit_bytes=123)

    capacity = measure_capacity(shop.context)

    assert (capacity.limit_seconds, capacity.limit_bytes) == (7200.0, 123)


@on_sqlite
def test_preview_and_request_refuse_the_same(shop):
    for limit in ({"limit_seconds": 0.1}, {"limit_bytes": 1_000_000}):
        capacity = replace(measure_capacity(shop.context), **limit)
        with (
            unit_of_work(shop.database) as session,
            pytest.raises((TrainingTooLong, TrainingTooLarge)) as refused,
        ):
            training_job.request_training(session, spec=spec(), now=NOON, capacity=capacity)

        told = preview_training(shop.context, spec(), capacity)
        assert told.problem.as_dict() == refused.value.as_dict()
    with pytest.raises(TrainingTooLarge, match=r"^Reading the ratings needs about"):
        preview_training(shop.context, spec(), replace(capacity, limit_bytes=1000))


@on_sqlite
def test_retry_above_the_limit_is_refused(shop):
    job_id = shop.ask(hyperparameters={"learning_rate": 100.0, "rollbacks": 0, "epochs": 3})
    shop.carry_out(shop.claim())
    capacity = replace(measure_capacity(shop.context), limit_seconds=0.1)

    with unit_of_work(shop.database) as session, pytest.raises(TrainingTooLong):
        retries.retry(session, job_id, None, now=NOON, capacity=capacity)


IMPOSSIBLE_SWEEPS = {
    "last point of a grid": ("grid", {"n_hidden": [4, 4096], "epochs": [5, 10_000]}),
    "range": (
        "random",
        {
            "trials": 20,
            "seed": 0,
            "over": {
                "n_hidden": {"low": 4000, "high": 4096, "scale": "linear"},
                "epochs": [10_000],
            },
        },
    ),
}
INVALID_SWEEPS = {
    "last value of a grid": ("grid", {"n_hidden": [4, 5], "epochs": [5, 10_001]}),
    "end of a range": (
        "random",
        {"trials": 2, "seed": 0, "over": {"n_hidden": {"low": 4, "high": 4097, "scale": "log"}}},
    ),
    "range of names": (
        "random",
        {"trials": 2, "seed": 0, "over": {"objective": {"low": 0, "high": 1, "scale": "linear"}}},
    ),
    "value that no trial has": (
        "random",
        {"trials": 2, "seed": 0, "over": {"epochs": [*range(1, 200), 10_001]}},
    ),
}


@on_sqlite
@pytest.mark.parametrize("name", [*IMPOSSIBLE_SWEEPS, *INVALID_SWEEPS])
def test_sweep_is_refused_as_a_whole_before_anything_is_stored(shop, name):
    kind, requested = (IMPOSSIBLE_SWEEPS | INVALID_SWEEPS)[name]
    expected = TrainingTooLong if name in IMPOSSIBLE_SWEEPS else InvalidHyperparameter

    with unit_of_work(shop.database) as session, pytest.raises(expected):
        sweeps.request_sweep(
            session, SweepSpec(kind, requested, TrainingSpec()), now=NOON, capacity=CAPACITY
        )

    with reading(shop.database) as session:
        assert session.query(Job).count() == session.query(Sweep).count() == 0


@on_sqlite
def test_sweep_of_range_of_unknown_hyperparameter_is_refused(shop):
    over = {"n_hiden": {"low": 1, "high": 2, "scale": "linear"}}
    requested = {"trials": 2, "seed": 0, "over": over}
    with unit_of_work(shop.database) as session, pytest.raises(UnknownHyperparameter):
        sweeps.request_sweep(session, SweepSpec("random", requested, TrainingSpec()), now=NOON)
