"""What becomes of a job that a worker carries out."""

import io
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from recsvc.config import Settings
from recsvc.db.session import reading, unit_of_work
from recsvc.service.context import open_context
from recsvc.service.imports import import_job
from recsvc.service.jobs import queries
from tests.conftest import PATIENCE_SECONDS
from tests.worker.conftest import (
    ROOT,
)


def test_a_job_is_carried_out_and_its_result_kept(house):
    job_id = house.enqueue(do="count", to=3)
    house.run()

    job = house.job(job_id)
    assert (job.state, job.progress, job.attempt, job.error) == ("succeeded", 1, 1, None)
    assert job.result["started_from"] == 0
    assert job.result["pid"] not in [worker.pid for worker in house.workers]
    assert house.events() == [
        ("state", "queued"),
        ("state", "running"),
        ("state", "succeeded"),
        ("done", "succeeded"),
    ]


def test_an_import_is_carried_out_by_what_the_service_has_for_it(house):
    context = open_context(Settings(home=house.home, database_url=house.database.url))
    lines = b"user_id,item_id,rating\nann,book,4\nbob,book,5\nbob,,5\n"
    upload = import_job.shelve_upload(
        context, io.BytesIO(lines), filename="ratings.csv", file_format="auto"
    )
    with unit_of_work(context.database) as session:
        job = import_job.request_import(session, upload, dry_run=False, now=datetime.now(UTC))
    context.database.close()

    assert house.start(once=True, module="recsvc.service.jobs.runner").wait(PATIENCE_SECONDS) == 0

    with reading(house.database) as session:
        job = queries.get_job(session, job.id, "import")
    assert (job.state, job.error) == ("succeeded", None)
    assert (job.result["accepted"], sum(job.result["refused"].values())) == (2, 1)


def test_a_job_steps_back_for_those_who_wait_and_finds_the_kernels_that_are_compiled(house):
    house.enqueue(do="count", to=1)
    house.run()

    result = house.job().result
    assert result["niceness"] == min(os.nice(0) + 10, 19)
    assert result["threads"] == "2"
    assert result["kernel_cache"] is None  # the package's own, not one that is empty at first


def test_jobs_are_carried_out_one_after_the_other(house):
    for _ in range(3):
        house.enqueue(do="count", to=1)
    house.run()

    assert [house.job(number).state for number in (1, 2, 3)] == ["succeeded"] * 3


def test_an_error_of_ours_fails_the_job_for_good(house):
    house.enqueue(do="refuse")
    house.run()

    job = house.job()
    assert (job.state, job.attempt) == ("failed", 1)
    assert job.error["code"] == "identical-ratings"
    assert "All ratings have the value 3" in job.error["detail"]


@pytest.mark.parametrize(
    ("do", "last"),
    [("fall_over", "IndexError: list index out of range"), ("exit", "exit status 0")],
)
def test_any_other_ending_is_tried_again_until_no_attempt_is_left(house, do, last):
    house.enqueue(do=do)
    house.run()

    job = house.job()
    assert (job.state, job.fence) == ("failed", 2)
    assert job.error["code"] == "attempts-exhausted"
    assert last in job.error["detail"]


def test_a_worker_that_finds_no_database_says_so_in_one_line(tmp_path):
    nowhere = {"RECSVC_DATABASE_URL": f"postgresql://postgres@/none?host={tmp_path}"}
    worker = subprocess.run(
        [sys.executable, "-m", "recsvc.worker"],
        cwd=ROOT,
        env=os.environ | nowhere | {"RECSVC_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert worker.returncode == 1
    (line,) = worker.stderr.splitlines()
    assert line.startswith("error: The database did not answer")
