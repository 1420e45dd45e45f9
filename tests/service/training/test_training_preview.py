"""A preview tells what a job would do, and the job then does it; nothing is written."""

import pytest

from recsvc.db.session import reading
from recsvc.db.tables import Job
from recsvc.errors import InvalidHyperparameter, UnknownHyperparameter
from recsvc.service.training import training_job
from recsvc.service.training.training_preview import Preview, preview_training
from recsvc.service.training_spec import TrainingSpec
from tests.conftest import on_sqlite
from tests.factories.shop import SHORT, Shop
from tests.service.imports.test_import_job import upload


def look(shop: Shop, **spec: object) -> Preview:
    return preview_training(shop.context, TrainingSpec(**spec))


@on_sqlite
def test_preview_choices_equal_those_of_job(shop):
    asked = {"n_hidden": 4, "rating_epochs": 0}
    seen = look(shop, hyperparameters={**SHORT, **asked})

    shop.train(hyperparameters=asked)

    assert seen.problem is None
    note = shop.job(1).progress_note
    assert {name: one._asdict() for name, one in seen.choices.items()} == note["choices"]
    assert seen.hyperparameters["n_hidden"] == 4
    assert seen.seconds > 0
    assert 0 < seen.needed_bytes < seen.available_bytes == 2_000_000_000
    assert seen.ratings_per_parameter == pytest.approx(120 / (12 * 2 * 4))
    assert not seen.is_scarce
    assert not look(shop, hyperparameters={**SHORT, "n_hidden": 40}).is_scarce, "one for eight"
    assert look(shop).is_scarce, "256 hidden units for 120 ratings"


def test_preview_stores_no_job_or_object(shop):
    look(shop)

    with reading(shop.database) as session:
        assert session.query(Job).count() == 0
    assert shop.on_the_shelf() == set()


@on_sqlite
def test_preview_reports_problem_of_job(shop):
    shop.configure(memory_limit_bytes=100_000_000)

    told = look(shop, hyperparameters={"n_hidden": 4096})

    assert told.problem.code() == "training-too-large"
    assert told.needed_bytes > told.available_bytes == 100_000_000
    with pytest.raises(UnknownHyperparameter):
        look(shop, hyperparameters={"n_hiden": 3})
    with pytest.raises(InvalidHyperparameter):
        look(shop, hyperparameters={"epochs": 0})


@on_sqlite
def test_preview_refuses_memory_exactly_when_worker_does(shop):
    large = {"n_hidden": 4096, "rating_epochs": 0}
    spec = TrainingSpec(hyperparameters={**SHORT, **large})
    limit = training_job.estimate_job_bytes(shop.context, spec)
    assert preview_training(shop.context, spec).needed_bytes < limit - 1, (
        "two levels, where ten were likely"
    )

    shop.configure(memory_limit_bytes=limit - 1)
    told = preview_training(shop.context, spec)
    failure = shop.fail(hyperparameters=large)  # the route would have refused it
    assert told.problem.code() == "training-too-large"
    assert told.problem.facts["needed_bytes"] == failure["needed_bytes"]

    shop.configure(memory_limit_bytes=limit)
    assert preview_training(shop.context, spec).problem is None
    shop.train(hyperparameters=large)


def test_preview_reports_scarce_and_identical_ratings_with_issues(database, tmp_path):
    shop = Shop(database, tmp_path)
    nothing = look(shop)
    assert (nothing.problem.code(), nothing.data.n_ratings) == ("too-few-ratings", 0)
    shop.rate({"user_id": f"u{n:02}", "item_id": f"i{n % 5}", "value": 3.0} for n in range(40))

    equal = look(shop)

    assert equal.problem.code() == "identical-ratings"
    assert (equal.seconds, equal.choices) == (None, None)
    assert [one.code for one in equal.data.issues] == [
        "level_imbalance",
        "few_users",
        "cold_users",
    ]


def test_preview_reports_drift(database, tmp_path):
    shop = Shop(database, tmp_path)
    lines = [f"u{n % 10},i{n // 10},{1 + n % 3 + 5 * (n >= 270)},{n * 86_400}" for n in range(300)]
    file = "\n".join(["user,item,rating,timestamp", *lines])
    upload(shop.context, file.encode(), dry_run=False)
    shop.carry_out(shop.claim())

    (drift,) = [one for one in look(shop).data.issues if one.code == "drift"]

    assert (drift.count, drift.examples) == (30, ("1970-09-28 to 1970-10-27: mean 7.00",))


def test_preview_counts_refused_lines_of_failed_imports(database, tmp_path):
    shop = Shop(database, tmp_path)
    for content in ("user,item,rating\nu1,i1,lots\nu2,i1,\n", "user,item,when\nu1,i1,7\n"):
        upload(shop.context, content.encode(), dry_run=False)
        shop.carry_out(shop.claim())

    assert look(shop).imported.refused == {"empty-value": 1, "not-a-number": 1}


def test_preview_counts_duplicates_and_conflicts_of_imports(database, tmp_path):
    shop = Shop(database, tmp_path)
    lines = [f"u{n},i{n % 4},{1 + n % 5}" for n in range(30)]
    file = "\n".join(["user,item,rating", *lines])
    for content, dry_run in (
        (file, False),
        (f"{file}\nu0,i0,4\nu1,i1,lots", False),
        (f"{file}\nu1,i1,no", True),
        ("user,item,rating,timestamp\nu0,i0,5,1", False),
    ):
        upload(shop.context, content.encode(), dry_run=dry_run)
        shop.carry_out(shop.claim())

    told = look(shop)

    assert told.data.n_ratings == 30, "the file that was only looked at wrote nothing"
    assert (told.imported.duplicates, told.imported.conflicts) == (30, 2)
    assert sum(told.imported.refused.values()) == 1
