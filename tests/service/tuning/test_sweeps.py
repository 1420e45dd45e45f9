"""Sweeps: trials are ordinary jobs, the best is kept, hopeless ones are stopped."""

import pytest

from recsvc.db.jobs.queue import JobQueue
from recsvc.db.session import reading, unit_of_work
from recsvc.db.tables import JobState
from recsvc.errors import (
    AttemptsExhausted,
    Diverged,
    InvalidHyperparameter,
    InvalidSweep,
    NotEnoughMemory,
    SweepFinished,
    UnknownHyperparameter,
)
from recsvc.service import retention
from recsvc.service.catalog import erasure
from recsvc.service.training_spec import TrainingSpec
from recsvc.service.tuning import sweep_status, sweeps
from recsvc.service.tuning.sweeps import SweepSpec
from tests.factories.shop import NOON, SHORT, Shop, two_camps

RATES = {"learning_rate": [0.02, 0.1]}


def ask(shop: Shop, kind="grid", asked=None, early_stopping=True, **hyper) -> int:
    base = TrainingSpec(hyperparameters={**SHORT, **hyper}, model_kind="user_rbm")
    spec = SweepSpec(kind, asked or RATES, base, early_stopping)
    with unit_of_work(shop.database) as session:
        return sweeps.request_sweep(session, spec, now=NOON).id


def work(shop: Shop, n_jobs: int) -> None:
    for _ in range(n_jobs):
        shop.carry_out(shop.claim())


def look(shop: Shop, sweep_id: int) -> sweep_status.SweepStatus:
    with reading(shop.database) as session:
        return sweep_status.get_sweep(session, sweep_id)


def test_grid_sweep_runs_every_combination_without_publishing(shop):
    sweep_id = ask(shop, asked={"learning_rate": [0.02, 0.1], "n_hidden": [2, 4]})
    assert look(shop, sweep_id).state == "queued"

    work(shop, 1)
    assert look(shop, sweep_id).state == "running"
    work(shop, 3)

    found = look(shop, sweep_id)
    assert (found.state, found.metric) == ("succeeded", "validation_nll")
    assert [trial.hyperparameters for trial in found.trials] == [
        {"learning_rate": rate, "n_hidden": n} for rate in (0.02, 0.1) for n in (2, 4)
    ]
    assert shop.published() is None
    assert set(found.sensitivity) == {"learning_rate", "n_hidden"}
    assert {shop.job(one.job_id).spec["seed"] for one in found.trials} == {0}


def test_best_trial_has_least_loss_and_can_be_published(shop):
    found = None
    sweep_id = ask(shop)
    work(shop, 2)
    found = look(shop, sweep_id)

    losses = {
        one.job_id: [e.validation_nll for e in shop.curve(one.job_id)] for one in found.trials
    }
    best = min(found.trials, key=lambda one: min(losses[one.job_id]))
    assert found.best_job_id == best.job_id
    for one in found.trials:
        assert one.best == min(losses[one.job_id]) == losses[one.job_id][one.best_epoch]
    shop.publish(found.best_model_version)
    assert shop.card(shop.published()).job_id == best.job_id


def test_trials_share_snapshot_of_first_trial(shop):
    ask(shop)
    work(shop, 1)
    shop.rate(two_camps(first_user=40))
    work(shop, 1)

    assert len({version.snapshot_sha256 for version in shop.versions()}) == 1


def test_trials_after_erasure_exclude_erased_user(shop):
    ask(shop, asked={"learning_rate": [0.02, 0.05, 0.1]})
    work(shop, 1)
    with unit_of_work(shop.database) as session:
        erasure.erase_user(session, shop.context, "u03", now=NOON)
    work(shop, 2)

    assert shop.card(1).n_users == 12
    assert [shop.card(version).n_users for version in (2, 3)] == [11, 11]
    assert shop.card(2).snapshot_sha256 == shop.card(3).snapshot_sha256


def test_retention_keeps_best_trial_and_earlier_version(shop):
    shop.configure(shelf_keep=1)
    earlier = shop.train(model_kind="user_rbm", publish="never")["version"]
    sweep_id = ask(
        shop,
        asked={"learning_rate": [0.1, 1e-6, 1e-7]},
        early_stopping=False,
        epochs=30,
        patience=30,
    )
    for _ in range(3):
        work(shop, 1)
        retention.clear_shelf(shop.context, now=NOON)

    best = look(shop, sweep_id).best_model_version
    assert best == earlier + 1  # the first of the sweep, two more came after it
    kept = [one.version for one in shop.versions() if one.retired_at is None]
    assert kept == [earlier, best]
    shop.publish(best)


def test_hopeless_trial_is_stopped_early_and_keeps_curve(shop):
    """But not as long as its training waits for the loss to fall: 12 epochs of warm-up and 8."""
    asked = {"learning_rate": [0.1, 0.11, 0.12, 0.01]}
    sweep_id = ask(shop, asked=asked, epochs=40, warm_up_epochs=12, patience=8)
    work(shop, 4)

    found = look(shop, sweep_id)
    *good, bad = found.trials
    assert [one.stopped_early for one in found.trials] == [False, False, False, True]
    assert (bad.state, bad.epochs) == ("failed", 21)
    assert shop.job(bad.job_id).error["code"] == "stopped-early"
    assert len(shop.curve(bad.job_id)) == 22
    assert all(one.epochs == 40 for one in good)
    assert found.state == "succeeded"


def test_trials_run_to_end_without_early_stopping(shop):
    asked = {"learning_rate": [0.1, 0.11, 0.12, 1e-9]}
    sweep_id = ask(shop, asked=asked, epochs=10, patience=30, early_stopping=False)
    work(shop, 4)

    assert {one.state for one in look(shop, sweep_id).trials} == {"succeeded"}


def test_random_sweep_repeats_trials_for_same_seed(shop):
    between = {"low": 0.01, "high": 1.0, "scale": "log"}
    asked = {"trials": 5, "seed": 3, "over": {"learning_rate": between, "n_hidden": [2, 4]}}

    first, second = (look(shop, ask(shop, "random", asked)) for _ in range(2))

    swept = [one.hyperparameters for one in first.trials]
    assert swept == [one.hyperparameters for one in second.trials]
    assert len({one["learning_rate"] for one in swept}) == 5


def test_range_test_is_short_and_suggests_rate(shop):
    asked = {"low": 1e-5, "high": 1.0, "trials": 4}
    base = TrainingSpec(hyperparameters={"n_hidden": 4, "batch_size": 5}, model_kind="user_rbm")
    with unit_of_work(shop.database) as session:
        spec = SweepSpec("rate_range", asked, base)
        sweep_id = sweeps.request_sweep(session, spec, now=NOON).id
    assert look(shop, sweep_id).suggestion is None
    work(shop, 4)

    found = look(shop, sweep_id)
    assert {one.epochs for one in found.trials} == {35}, "the flat start of a kind that only rates"
    assert 1e-5 < found.suggestion["learning_rate"] <= 1.0
    assert found.best_model_version is None


def ask_for_rates(shop: Shop, low: float, high: float, trials: int) -> int:
    asked = {"low": low, "high": high, "trials": trials}
    return ask(shop, "rate_range", asked, epochs=10)


def test_cancelled_trial_is_not_counted_as_diverged(shop):
    sweep_id = ask_for_rates(shop, 0.03, 1.0, 4)
    work(shop, 2)
    with unit_of_work(shop.database) as session:
        sweeps.cancel_sweep(session, sweep_id, now=NOON)

    found = look(shop, sweep_id)
    assert [one.state for one in found.trials] == ["succeeded"] * 2 + ["cancelled"] * 2
    assert found.suggestion["falls_to"] <= found.trials[1].hyperparameters["learning_rate"]
    assert found.suggestion["diverges_at"] is None


def test_range_test_suggests_no_rate_when_all_trials_are_cancelled(shop):
    sweep_id = ask_for_rates(shop, 0.03, 1.0, 4)
    with unit_of_work(shop.database) as session:
        sweeps.cancel_sweep(session, sweep_id, now=NOON)

    assert look(shop, sweep_id).suggestion is None


@pytest.mark.parametrize(
    ("error", "counts"),
    [
        (Diverged(1, 0.3), True),
        (NotEnoughMemory(2, 1), False),
        (AttemptsExhausted(3, 3, ""), False),
    ],
)
def test_range_test_counts_diverged_failures_only(shop, error, counts):
    sweep_id = ask_for_rates(shop, 0.03, 0.3, 3)
    work(shop, 2)
    lease = shop.claim()
    with unit_of_work(shop.database) as session:
        JobQueue(session).finish(lease, JobState.FAILED, now=NOON, error=error.as_dict())

    assert look(shop, sweep_id).suggestion["diverges_at"] == (0.3 if counts else None)


def test_cancel_sweep_cancels_queued_and_stops_running_trials(shop):
    sweep_id = ask(shop)
    lease = shop.claim()
    with unit_of_work(shop.database) as session:
        sweeps.cancel_sweep(session, sweep_id, now=NOON)

    assert look(shop, sweep_id).state == "cancelled"
    assert shop.job(lease.job_id).cancel_requested
    assert look(shop, sweep_id).trials[1].state == JobState.CANCELLED


def test_finished_sweep_cannot_be_cancelled(shop):
    sweep_id = ask(shop)
    work(shop, 2)

    with unit_of_work(shop.database) as session, pytest.raises(SweepFinished):
        sweeps.cancel_sweep(session, sweep_id, now=NOON)


@pytest.mark.parametrize(
    ("kind", "asked", "error"),
    [
        ("grid", {"learning_rate": [0.1]}, InvalidSweep),
        ("grid", {"n_hidden": list(range(1, 21)), "batch_size": list(range(1, 21))}, InvalidSweep),
        ("grid", {"n_hiden": [1, 2]}, UnknownHyperparameter),
        ("grid", {"n_hidden": [8, 0]}, InvalidHyperparameter),
        ("rate_range", {"low": 0.0, "high": 1.0, "trials": 4}, InvalidSweep),
        ("rate_range", {"low": 2.0, "high": 1.0, "trials": 4}, InvalidSweep),
        ("grid", {"scaling": ["quantiles", "widths"]}, InvalidSweep),
        ("random", {"trials": 201, "seed": 0, "over": {"n_hidden": [1, 2]}}, InvalidSweep),
    ],
)
def test_invalid_sweep_is_refused_before_queueing(shop, kind, asked, error):
    with pytest.raises(error):
        ask(shop, kind, asked)

    with reading(shop.database) as session:
        assert sweep_status.list_sweeps(session) == []
