"""Training jobs, carried out here under a real lease."""

import pytest

from recsvc.db.jobs.queue import JobQueue
from recsvc.db.session import unit_of_work
from recsvc.db.tables import JobState
from recsvc.errors import InvalidHyperparameter, LeaseLost, UnknownHyperparameter
from recsvc.rbm import checkpoint
from recsvc.rbm.rating_scale import RatingScale
from recsvc.service.training import release, training_job
from recsvc.service.training_spec import TrainingSpec
from tests.conftest import on_sqlite
from tests.factories.shop import NOON, Shop, fans, two_camps

SNAPSHOT, FIRST_CHECKPOINT = 1, 2  # the order in which a job puts things on the shelf


def snapshot_of(shop, version):
    return checkpoint.read_snapshot(shop.context.shelf.map(shop.card(version).snapshot_sha256))


# ------------------------------------------------------------------------- what is written


@pytest.mark.parametrize("model_kind", ["user_rbm", "joint_rbm"])
def test_error_curve_starts_with_epoch_0(shop, model_kind):
    shop.train(model_kind=model_kind)

    curve = shop.curve(1)
    assert [point.epoch for point in curve] == [0, 1, 2, 3, 4, 5]
    assert all(point.validation_nll > 0 and point.seconds >= 0 for point in curve)
    assert curve[0].cd_steps == 0
    makes_lists = model_kind == "joint_rbm"
    assert all((point.validation_ndcg is not None) == makes_lists for point in curve)


@on_sqlite
def test_reconstruction_error_is_stored_from_first_epoch_on(shop):
    shop.train(model_kind="user_rbm")

    first, *others = shop.curve(1)
    assert first.reconstruction_error is None
    assert all(point.reconstruction_error > 0 for point in others)


def test_error_curve_grows_after_each_epoch(shop):
    seen = []
    shop.ask(model_kind="user_rbm")
    lease = shop.claim()
    job = shop.job(1)

    watched = shop.watched(lambda n: seen.append((len(shop.curve(1)), shop.job(1).progress)))
    training_job.carry_out(watched, lease, job)

    assert seen == [(0, 0), (2, 0.2), (3, 0.4), (4, 0.6), (5, 0.8), (6, 1.0), (6, 1.0)]


def test_progress_has_phase_epoch_and_baselines(shop):
    notes = []
    shop.ask(model_kind="user_rbm")

    shop.carry_out(shop.claim(), shop.watched(lambda n: notes.append(shop.job(1).progress_note)))

    first, *running, last = notes
    assert first == {"phase": "reading ratings", "eta_seconds": None}
    assert [note["epoch"] for note in running] == [1, 2, 3, 4, 5]
    assert {note["phase"] for note in running} == {"training"}
    assert all(note["eta_seconds"] >= 0 for note in running)
    assert running[-1]["eta_seconds"] == 0
    assert last["phase"] == "evaluating"
    for note in (*running, last):
        assert note["baselines"].keys() == {
            "global_mean",
            "item_mean",
            "user_item_bias",
            "most_rated",
            "ease",
        }
        assert note["baselines"]["most_rated"].keys() >= {"ndcg_at_10", "precision_at_10"}


def test_training_keeps_latest_checkpoint_only(shop):
    kept = []
    shop.ask(model_kind="user_rbm")

    def look(n):
        sha256 = shop.job(1).checkpoint_sha256
        if sha256 is not None:
            kept.append(checkpoint.read_state(shop.context.shelf.map(sha256)).epoch)
            assert len(shop.on_the_shelf()) == 3  # snapshot, this checkpoint, what was just put

    shop.carry_out(shop.claim(), shop.watched(look))

    assert kept == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("model_kind", "objects"),
    [
        ("user_rbm", [1, 2]),  # the snapshot and the model
        ("joint_rbm", [1, 2, 3]),  # the judged model between them
    ],
)
def test_checkpoints_are_written_at_configured_interval(shop, model_kind, objects):
    shop.configure(checkpoint_seconds=1000)
    put = []
    shop.ask(model_kind=model_kind)

    shop.carry_out(shop.claim(), shop.watched(put.append))

    assert put == objects
    assert shop.job(1).checkpoint_sha256 is None


def test_training_result_has_version_reason_metrics_and_best_epoch(shop):
    result = shop.train(model_kind="user_rbm", seed=3)

    curve, card = shop.curve(1), shop.card(1)
    best = min(curve, key=lambda point: point.validation_nll)
    assert result.keys() == {
        "version",
        "published",
        "reason",
        "best_epoch",
        "weights_sha256",
        "metrics",
        "baselines",
        "warnings",
    }
    assert (result["version"], result["published"], result["warnings"]) == (1, True, [])
    assert result["reason"] == "the first version"
    assert result["best_epoch"] == best.epoch
    assert result["metrics"]["validation_nll"] == pytest.approx(best.validation_nll, rel=1e-5)
    assert result["metrics"]["validation_rmse"] == pytest.approx(best.validation_rmse, rel=1e-5)
    assert result["weights_sha256"] == card.weights_sha256 == shop.model(1).params.sha256()


def test_model_card_has_spec_counts_scale_and_packages(shop):
    shop.train(seed=3, hyperparameters={"n_hidden": 3})

    card, job = shop.card(1), shop.job(1)
    assert (card.model_kind, card.seed, card.hyperparameters["n_hidden"]) == ("joint_rbm", 3, 3)
    assert card.hyperparameters["momentum"] == 0.9  # those not asked for as well
    assert (card.n_users, card.n_items, card.n_ratings) == (12, 12, 120)
    assert card.rating_scale == {"values": [1.0, 5.0], "edges": [], "events": []}
    assert card.snapshot_sha256 == job.snapshot_sha256
    assert card.checkpoint_bytes == shop.place(card.checkpoint_sha256).stat().st_size
    assert card.packages.keys() == {"recsvc", "numpy", "numba"}
    assert card.baselines["item_mean"]["rmse"] > 0


@on_sqlite
def test_best_epoch_of_joint_machine_has_highest_ndcg(shop):
    result = shop.train(hyperparameters={"epochs": 20, "learning_rate": 0.02})

    best = max(shop.curve(1), key=lambda point: (point.validation_ndcg, -point.validation_nll))
    assert result["best_epoch"] == best.epoch


@on_sqlite
def test_served_model_includes_validation_ratings(shop):
    shop.train(validation_share=0.5)

    assert shop.model(1).level_counts.sum() == 120


# ------------------------------------------------------------------------- learning


@on_sqlite
@pytest.mark.parametrize(
    ("model_kind", "hyper"),
    [
        ("user_rbm", {"learning_rate": 0.1, "warm_up_epochs": 60}),
        ("item_rbm", {"learning_rate": 0.1, "warm_up_epochs": 60}),
        ("joint_rbm", {"learning_rate": 0.02, "dropout": 0.2, "n_hidden": 20, "batch_size": 10}),
    ],
)
def test_training_beats_means_on_two_camps(shop, model_kind, hyper):
    shop.rate(two_camps(12, first_user=12))
    hyper = {"epochs": 60, **hyper}

    result = shop.train(model_kind=model_kind, hyperparameters=hyper)

    best_mean = min(result["baselines"][name]["rmse"] for name in ("item_mean", "global_mean"))
    assert result["metrics"]["validation_rmse"] < 0.7 * best_mean
    assert shop.card(1).model_kind == model_kind


@on_sqlite
def test_configured_scale_is_used_by_model(shop):
    shop.configure(rating_scale=RatingScale.parse("1:5:1"))
    shop.train()

    assert shop.model(1).scale.values == (1, 2, 3, 4, 5)


@on_sqlite
def test_inferred_scale_is_stored_with_model(shop):
    shop.rate([{"user_id": "u00", "item_id": "i02", "value": 2.5}])
    shop.train()

    assert shop.model(1).scale.values == (1, 2.5, 5)
    assert shop.card(1).rating_scale["values"] == [1, 2.5, 5]


@on_sqlite
def test_scaling_determines_levels_of_many_values(shop):
    shop.rate(
        {"user_id": f"u{n % 12:02}", "item_id": f"many{n // 12}", "value": 2.0 ** (n % 40)}
        for n in range(120)
    )
    by_counts, by_width = (
        shop.train(hyperparameters={"scaling": scaling})["version"]
        for scaling in ("quantiles", "widths")
    )

    assert shop.model(by_counts).scale.n_levels > shop.model(by_width).scale.n_levels
    assert shop.model(by_width).scale.values[-1] == pytest.approx(2.0**39)


@on_sqlite
def test_training_warns_of_hyperparameters_without_effect(shop):
    hyper = {"dropout": 0.2, "rating_epochs": 0}

    warnings = shop.train(model_kind="user_rbm", hyperparameters=hyper)["warnings"]

    assert warnings == [
        "dropout was ignored: it applies to joint_rbm only.",
        "rating_epochs was ignored: it applies to joint_rbm only.",
    ]
    assert shop.train(hyperparameters=hyper)["warnings"] == []


@on_sqlite
def test_training_warns_of_scaling_when_a_rating_scale_is_configured(shop):
    shop.configure(rating_scale=RatingScale((1.0, 3.0, 5.0)))

    (warning,) = shop.train(hyperparameters={"scaling": "widths"})["warnings"]

    assert warning.startswith("scaling was ignored: a rating scale of 3 values is configured.")


@on_sqlite
def test_training_warns_of_scaling_without_effect(shop):
    (warning,) = shop.train(hyperparameters={"scaling": "widths"})["warnings"]

    assert warning == (
        "scaling was ignored: the ratings have only 2 distinct values. It applies above 20, when "
        "no rating scale is configured."
    )
    assert shop.train()["warnings"] == []


@on_sqlite
def test_weights_depend_on_seed(shop):
    first, again, other = (shop.train(seed=seed) for seed in (1, 1, 2))

    assert first["weights_sha256"] == again["weights_sha256"] != other["weights_sha256"]


# ------------------------------------------------------------------------- publishing


def test_equal_version_is_kept_and_not_published(shop):
    shop.train()
    result = shop.train()  # the very same weights

    assert (result["published"], shop.published()) == (False, 1)
    assert result["reason"].startswith("not better than version 1: validation nDCG@10 ")
    ours, theirs = result["reason"].rsplit(" ", 3)[-3::2]
    assert ours == theirs
    assert shop.card(2).retired_at is None


@on_sqlite
def test_better_version_is_published_with_reason(database, tmp_path):
    shop = Shop(database, tmp_path)
    shop.rate(fans())
    bad = {"epochs": 1, "learning_rate": 1e-9, "initial_weight": 5.0}
    good = {"epochs": 60, "learning_rate": 0.1, "warm_up_epochs": 60}
    shop.train(hyperparameters=bad)

    result = shop.train(hyperparameters=good)

    assert (result["published"], shop.published()) == (True, 2)
    assert result["reason"].startswith("better than version 1: ")


def test_publish_never_does_not_publish_first_version(shop):
    result = shop.train(publish="never")

    assert (result["published"], result["reason"]) == (False, "publish is never")
    assert shop.published() is None


def test_publish_always_publishes_equal_version(shop):
    shop.train()
    result = shop.train(publish="always")

    assert (result["published"], result["reason"]) == (True, "publish is always")
    assert shop.published() == 2


@on_sqlite
@pytest.mark.parametrize("model_kind", ["user_rbm", "joint_rbm"])
def test_new_version_replaces_unreadable_published_version(shop, model_kind):
    shop.train(model_kind=model_kind)
    shop.spoil(shop.card(1).model_as_judged_sha256)

    result = shop.train(seed=1)

    assert shop.published() == 2
    assert result["reason"].startswith("the published version cannot be read: Object ")


# ------------------------------------------------------------------------- killed and resumed


def interrupt(shop: Shop, when: int, *, model_kind="user_rbm", meanwhile=lambda: None):
    """Carry a job out until another worker takes it at the n-th object put; give that lease."""
    job_id, taken = shop.ask(model_kind=model_kind, seed=7), []

    def take(n):
        if n == when:
            meanwhile()
            taken.append(shop.claim())

    silent = shop.claim(lease_seconds=0)
    with pytest.raises(LeaseLost):
        shop.carry_out(silent, shop.watched(take))
    assert shop.job(job_id).state == JobState.RUNNING
    return taken[0]


@pytest.mark.parametrize("when", [SNAPSHOT, FIRST_CHECKPOINT, 4, 6, 7])
def test_interrupted_job_resumes_to_same_weights(shop, when):
    undisturbed = shop.train(model_kind="user_rbm", seed=7)
    lease = interrupt(shop, when)
    assert len(shop.versions()) == 1

    shop.carry_out(lease)

    result = shop.job(2).result
    assert result["weights_sha256"] == undisturbed["weights_sha256"]
    assert result["best_epoch"] == undisturbed["best_epoch"]
    assert result["warnings"] == []
    assert [point.epoch for point in shop.curve(2)] == [0, 1, 2, 3, 4, 5]
    for ours, theirs in zip(shop.curve(2), shop.curve(1), strict=True):
        assert ours.validation_nll == theirs.validation_nll


@pytest.mark.parametrize("model_kind", ["user_rbm", "joint_rbm"])
def test_resumed_job_ignores_later_ratings(shop, model_kind):
    undisturbed = shop.train(model_kind=model_kind, seed=7)
    more = two_camps(12, first_user=12)
    lease = interrupt(shop, 4, model_kind=model_kind, meanwhile=lambda: shop.rate(more))

    shop.carry_out(lease)

    assert shop.card(2).n_users == 12
    assert shop.job(2).result["weights_sha256"] == undisturbed["weights_sha256"]


def test_resumed_job_continues_from_last_checkpoint(shop):
    lease = interrupt(shop, 5)  # the fourth checkpoint is put, and the job points at the third
    resumed_at = shop.job(1).checkpoint_sha256
    assert checkpoint.read_state(shop.context.shelf.map(resumed_at)).epoch == 3

    first_told = []
    shop.carry_out(lease, shop.watched(lambda n: first_told.append(shop.job(1).progress_note)))

    assert [note["epoch"] for note in first_told] == [4, 5, 5]


@on_sqlite
@pytest.mark.parametrize("damage", ["spoil", "remove"])
@pytest.mark.parametrize("model_kind", ["user_rbm", "joint_rbm"])
def test_unreadable_checkpoint_restarts_training_with_warning(shop, damage, model_kind):
    undisturbed = shop.train(model_kind=model_kind, seed=7)
    lease = interrupt(shop, 5, model_kind=model_kind)
    sha256 = shop.job(2).checkpoint_sha256
    shop.spoil(sha256) if damage == "spoil" else shop.context.shelf.remove(sha256)

    shop.carry_out(lease)

    result = shop.job(2).result
    (warning,) = result["warnings"]
    assert warning.startswith("Training restarted from the beginning: ")
    assert sha256 in warning
    assert result["weights_sha256"] == undisturbed["weights_sha256"]


def test_corrupt_snapshot_fails_job_and_keeps_progress(shop):
    lease = interrupt(shop, 5)
    before = shop.job(1)
    shop.spoil(before.snapshot_sha256)

    assert shop.carry_out(lease) == JobState.FAILED

    job = shop.job(1)
    assert (job.error["code"], job.error["sha256"]) == ("object-corrupt", before.snapshot_sha256)
    assert job.progress == before.progress == 0.8
    assert job.progress_note == before.progress_note | {
        "phase": "reading ratings",
        "eta_seconds": None,
    }


@pytest.mark.parametrize("model_kind", ["user_rbm", "joint_rbm"])
def test_resumed_job_returns_version_stored_before_kill(shop, model_kind):
    shop.ask(model_kind=model_kind)
    lease = shop.claim(lease_seconds=0)
    result = training_job.carry_out(shop.context, lease, shop.job(1))  # and dies before the end

    shop.carry_out(shop.claim())

    again = shop.job(1).result
    assert again.pop("reason") == "found stored on resuming"
    assert again == {name: value for name, value in result.items() if name != "reason"}
    assert len(shop.versions()) == 1
    assert shop.published() == 1


def test_find_result_returns_version_of_same_job_only(shop):
    shop.train(publish="never")
    shop.ask()

    assert release.find_result(shop.context, shop.job(2)) is None
    assert release.find_result(shop.context, shop.job(1))["published"] is False


@pytest.mark.parametrize("when", [SNAPSHOT, FIRST_CHECKPOINT, 7])
def test_training_without_lease_stores_no_epoch_or_version(shop, when):
    def forbid():
        seen.append((len(shop.curve(1)), shop.job(1).checkpoint_sha256))

    seen = []
    interrupt(shop, when, meanwhile=forbid)

    assert (len(shop.curve(1)), shop.job(1).checkpoint_sha256) == seen[0]
    assert (shop.job(1).snapshot_sha256 is None) == (when == SNAPSHOT)
    assert (shop.versions(), shop.published()) == ([], None)


def test_checkpoint_shared_with_other_job_stays_on_shelf(shop):
    twin = shop.ask()
    lease = shop.claim()

    def point_at_it_too(n):
        if n == 3:  # the second checkpoint: the first one is about to go
            with unit_of_work(shop.database) as session:
                sha256 = JobQueue(session).get(lease.job_id, "training").checkpoint_sha256
                JobQueue(session).get(other, "training").checkpoint_sha256 = sha256
                kept.append(sha256)

    other, kept = shop.ask(), []
    shop.carry_out(lease, shop.watched(point_at_it_too))

    assert shop.job(twin).state == JobState.SUCCEEDED
    assert shop.context.shelf.contains(kept[0])


# ------------------------------------------------------------------------- refused


@on_sqlite
def test_training_refuses_too_few_ratings_with_counts(database, tmp_path):
    shop = Shop(database, tmp_path)
    shop.rate(two_camps()[:19])

    error = shop.fail()

    assert error["code"] == "too-few-ratings"
    assert (error["n_ratings"], error["n_users"], error["n_items"]) == (19, 2, 11)
    assert "19 ratings by 2 users of 11 items; training needs 20 ratings" in error["detail"]


@on_sqlite
@pytest.mark.parametrize(
    "kept",
    [
        lambda entry: entry["user_id"] in ("u00", "u01"),  # 20 ratings by two users
        lambda entry: entry["item_id"] in ("i00", "i01"),  # 20 ratings of two items
        lambda entry: False,
    ],
)
def test_training_refuses_too_few_users_or_items(database, tmp_path, kept):
    shop = Shop(database, tmp_path)
    shop.rate(entry for entry in two_camps() if kept(entry))

    assert shop.fail()["code"] == "too-few-ratings"


@on_sqlite
def test_training_refuses_identical_ratings_with_value(database, tmp_path):
    shop = Shop(database, tmp_path)
    shop.rate({**entry, "value": 4.5} for entry in two_camps())

    error = shop.fail()

    assert (error["code"], error["value"]) == ("identical-ratings", 4.5)


@on_sqlite
def test_training_beyond_memory_limit_is_refused_before_reading(shop):
    shop.configure(memory_limit_bytes=100_000_000)

    error = shop.fail(hyperparameters={"n_hidden": 4096})

    assert error["code"] == "not-enough-memory"
    assert error["available_bytes"] == 100_000_000 < error["needed_bytes"]
    assert f"{error['needed_bytes'] / 1e6:,.0f} MB and 100 MB" in error["detail"]
    assert shop.job(1).snapshot_sha256 is None
    assert shop.on_the_shelf() == set()


@on_sqlite
@pytest.mark.parametrize("model_kind", ["user_rbm", "joint_rbm"])
def test_diverged_training_fails_with_smaller_learning_rate(shop, model_kind):
    error = shop.fail(
        model_kind=model_kind,
        hyperparameters={
            "learning_rate": 100.0,
            "epochs": 50,
            "weight_decay": 10.0,
            "rollbacks": 0,
        },
    )

    assert error["code"] == "diverged"
    assert error["learning_rate"] > 90  # a joint machine's falls from epoch to epoch
    assert f"learning_rate {error['learning_rate'] / 10:g}" in error["detail"]
    assert error["epoch"] >= 1
    assert len(shop.curve(1)) == error["epoch"]  # what came before is kept


@on_sqlite
@pytest.mark.parametrize("model_kind", ["user_rbm", "joint_rbm"])
def test_diverged_training_continues_slower_with_warning(shop, model_kind):
    result = shop.train(
        model_kind=model_kind,
        hyperparameters={"learning_rate": 100.0, "epochs": 12, "weight_decay": 10.0},
    )

    backs = [epoch.rollbacks for epoch in shop.curve(1)]
    told = [one for one in result["warnings"] if one.startswith("Training diverged in epoch")]
    assert backs[0] == 0 < backs[-1]
    assert f"epoch {backs.index(1)}, at a learning rate of" in told[0]
    assert len(told) == len(set(told)) >= backs[-1]


def test_request_training_refuses_invalid_hyperparameters(shop):
    refused = (({"n_hiden": 3}, UnknownHyperparameter), ({"epochs": 0}, InvalidHyperparameter))
    for wrong, kind in refused:
        with pytest.raises(kind), unit_of_work(shop.database) as session:
            training_job.request_training(session, spec=TrainingSpec(wrong), now=NOON)


def test_training_spec_round_trips_through_job(shop):
    spec = TrainingSpec({"epochs": 3}, "item_rbm", 9, 0.25, "always", warm_start=True)
    with unit_of_work(shop.database) as session:
        job_id = training_job.request_training(session, spec=spec, now=NOON).id

    assert TrainingSpec.from_dict(shop.job(job_id).spec) == spec


@on_sqlite
def test_training_without_validation_ratings_publishes_version(shop):
    result = shop.train(validation_share=1e-9)

    assert (result["metrics"], result["baselines"]) == ({}, {})
    assert result["best_epoch"] == 5  # the last
    assert shop.published() == 1

    again = shop.train(validation_share=1e-9)
    assert (again["published"], shop.published()) == (True, 2)
    assert again["reason"] == "no validation rating allows a comparison with version 1"
