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
from tests.conftest import PATIENCE_SECONDS, eventually
from tests.worker.conftest import FOREVER, ROOT


def test_worker_runs_job_in_child_process_and_stores_result(house):
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


def test_worker_runs_import_of_service(house):
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


def test_job_process_has_low_priority_and_shared_kernel_cache(house):
    house.enqueue(do="count", to=1)
    house.run()

    result = house.job().result
    assert result["niceness"] == max(os.nice(0), 10)
    assert result["threads"] == "2"
    assert result["kernel_cache"] is None  # the package's own, not one that is empty at first


def test_worker_runs_jobs_one_after_another(house):
    for _ in range(3):
        house.enqueue(do="count", to=1)
    house.run()

    assert [house.job(number).state for number in (1, 2, 3)] == ["succeeded"] * 3


def test_project_error_fails_job_without_retry(house):
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
def test_unexpected_end_is_retried_until_last_attempt(house, do, last):
    house.enqueue(do=do)
    house.run()

    job = house.job()
    assert (job.state, job.fence) == ("failed", 2)
    assert job.error["code"] == "attempts-exhausted"
    assert last in job.error["detail"]


def test_worker_prints_error_line_without_database(tmp_path):
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
    assert line.startswith("error: The database does not respond. Try again. (")


def test_disk_full_costs_no_attempt_and_job_succeeds_later(house):
    job_id = house.enqueue(do="lack_space", faults=4, to=1)  # more than the three attempts
    house.start()
    eventually(lambda: house.job(job_id).state == "succeeded")

    job = house.job(job_id)
    assert (job.attempt, job.fence, job.error) == (1, 5, None)


def test_job_over_time_limit_is_stopped_and_fails(house):
    job_id = house.enqueue(**FOREVER)
    house.start(RECSVC_MAX_JOB_HOURS="0.0005")  # 1.8 seconds
    eventually(lambda: house.job(job_id).state == "failed")

    assert house.job(job_id).error["code"] == "job-too-long"


def test_import_runs_while_training_runs(house):
    training_id = house.enqueue(**FOREVER)
    house.start()
    eventually(lambda: house.job(training_id).state == "running")

    import_id = house.enqueue(kind="import", do="count", to=2)
    eventually(lambda: house.job(import_id, "import").state == "succeeded")

    assert house.job(training_id).state == "running"
