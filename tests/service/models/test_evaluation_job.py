"""Evaluation jobs: a version measured again is measured as it was, and on nothing else."""

from datetime import UTC, datetime, timedelta

import pytest

from recsvc.db.session import reading, unit_of_work
from recsvc.db.tables import ModelVersion
from recsvc.errors import ModelVersionNotFound, VersionRetired
from recsvc.service import retention
from recsvc.service.jobs import queries
from recsvc.service.models import evaluation_job
from recsvc.service.models.evaluation_job import EvaluationSpec
from tests.conftest import on_sqlite
from tests.factories.shop import NOON, two_camps


@pytest.fixture
def shop_with_version(shop):
    """A shop whose version 1 was trained on most of its ratings."""
    shop.train(validation_share=0.3)
    return shop


def ask(shop, version: int = 1, *, n: int = 10, n_users: int | None = 2000) -> int:
    with unit_of_work(shop.database) as session:
        spec = EvaluationSpec(version, n, n_users)
        return evaluation_job.request_evaluation(session, spec, now=NOON).id


def result(shop, job_id: int) -> dict:
    state = shop.carry_out(shop.claim())
    with reading(shop.database) as session:
        job = queries.get_job(session, job_id, "evaluation")
    assert state == job.state
    return job.error or job.result


def test_evaluation_reproduces_metrics_of_card(shop_with_version):
    told = result(shop_with_version, ask(shop_with_version))

    card = shop_with_version.card(1)
    assert told["metrics"] == card.metrics
    assert told["baselines"] == card.baselines
    assert told["calibration"] == card.calibration
    assert told["protocol"] == card.protocol
    assert (told["version"], told["n"]) == (1, 10)


def test_model_card_has_metrics_baselines_protocol_and_calibration(shop_with_version):
    card = shop_with_version.card(1)

    assert card.metrics.keys() == {
        "validation_nll",
        "validation_rmse",
        "validation_mae",
        "calibration_error",
        "ndcg_at_10",
        "precision_at_10",
        "recall_at_10",
        "coverage_at_10",
        "novelty_at_10",
        "liked_ndcg_at_10",
        "liked_precision_at_10",
        "liked_recall_at_10",
        "n_ratings",
        "n_users_ranked",
        "n_liked_users_ranked",
    }
    assert card.baselines.keys() == {
        "global_mean",
        "item_mean",
        "user_item_bias",
        "most_rated",
        "ease",
    }
    assert (card.protocol["share"], card.protocol["seed"]) == (0.3, 0)
    assert "30 % of the ratings are held out" in card.protocol["words"]
    assert card.calibration["error"] == card.metrics["calibration_error"]
    assert [level["value"] for level in card.calibration["levels"]] == [1.0, 5.0]


def test_evaluation_ignores_later_ratings(shop_with_version):
    shop_with_version.rate(two_camps(12, first_user=20))

    assert (
        result(shop_with_version, ask(shop_with_version))["metrics"]
        == shop_with_version.card(1).metrics
    )


@on_sqlite
def test_evaluation_uses_requested_list_length_and_number_of_users(shop_with_version):
    told = result(shop_with_version, ask(shop_with_version, n=3, n_users=4))

    assert told["metrics"]["n_users_ranked"] == 4
    assert {"ndcg_at_3", "coverage_at_3"} < told["metrics"].keys()
    assert "liked_ndcg_at_3" in told["baselines"]["ease"]
    assert told["metrics"]["validation_nll"] == shop_with_version.card(1).metrics["validation_nll"]


@on_sqlite
def test_ease_is_omitted_above_half_of_memory_limit(shop_with_version):
    shop_with_version.configure(memory_limit_bytes=2 * 4 * 11**2)  # for 11 items; there are 12

    assert "ease" not in result(shop_with_version, ask(shop_with_version))["baselines"]


@on_sqlite
@pytest.mark.parametrize("model_kind", ["user_rbm", "item_rbm", "joint_rbm"])
def test_evaluation_accepts_every_model_kind(shop, model_kind):
    shop.train(model_kind=model_kind, validation_share=0.3)

    told, card = result(shop, ask(shop)), shop.card(1)
    assert told["metrics"] == card.metrics
    assert told["calibration"] == card.calibration


@on_sqlite
def test_evaluation_uses_model_that_has_not_seen_validation_ratings(shop_with_version):
    """The model that answers has: the shelf need not have it."""
    shop_with_version.spoil(shop_with_version.card(1).checkpoint_sha256)

    assert (
        result(shop_with_version, ask(shop_with_version))["metrics"]
        == shop_with_version.card(1).metrics
    )


def test_evaluation_of_card_without_protocol_uses_split_of_its_job(shop_with_version):
    with unit_of_work(shop_with_version.database) as session:
        session.get_one(ModelVersion, 1).protocol = {}

    assert (
        result(shop_with_version, ask(shop_with_version))["metrics"]
        == shop_with_version.card(1).metrics
    )


@on_sqlite
def test_evaluation_without_held_out_ratings_fails_with_remedy(shop):
    shop.train(validation_share=1e-9)
    assert shop.card(1).metrics == shop.card(1).calibration == {}

    told = result(shop, ask(shop))

    assert told["code"] == "nothing-held-out"
    assert "validation_share" in told["detail"]


def test_retention_keeps_objects_of_queued_evaluation(shop_with_version):
    shop_with_version.train(publish="always", seed=1)
    shop_with_version.configure(shelf_keep=1)
    job_id = ask(shop_with_version)

    clear_the_shelf(shop_with_version)
    retired = shop_with_version.card(1)
    told = result(shop_with_version, job_id)
    left = shop_with_version.on_the_shelf()
    clear_the_shelf(shop_with_version)

    assert retired.retired_at is not None
    assert told["metrics"] == retired.metrics
    assert retired.judged_sha256 in left - shop_with_version.on_the_shelf()
    assert retired.checkpoint_sha256 not in left


def clear_the_shelf(shop) -> None:
    retention.clear_shelf(shop.context, now=datetime.now(UTC), grace=-timedelta(hours=1))


def test_evaluation_of_unknown_or_retired_version_is_refused(shop_with_version):
    with pytest.raises(ModelVersionNotFound):
        ask(shop_with_version, 7)
    with unit_of_work(shop_with_version.database) as session:
        session.get_one(ModelVersion, 1).retired_at = NOON

    with pytest.raises(VersionRetired):
        ask(shop_with_version)


@on_sqlite
def test_evaluation_fails_when_snapshot_is_corrupt(shop_with_version):
    shop_with_version.spoil(shop_with_version.card(1).snapshot_sha256)
    shelf = shop_with_version.folder / "cache"
    for copy in shelf.rglob(shop_with_version.card(1).snapshot_sha256):
        copy.unlink()

    assert result(shop_with_version, ask(shop_with_version))["code"] == "object-corrupt"
