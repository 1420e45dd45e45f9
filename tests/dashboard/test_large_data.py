"""A thousand jobs, ten thousand epochs: what is on the page stays small. Times are in the docs."""

import math
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from recsvc.db.jobs.queue import JobQueue, job_lease
from recsvc.db.session import unit_of_work
from recsvc.db.tables import JobState
from recsvc.service.training import training_job
from recsvc.service.training_spec import TrainingSpec
from tests.dashboard.conftest import Open, Quiet

JOBS, EPOCHS = 1000, 10_000


def fill_with_jobs(quiet: Quiet, count: int) -> None:
    now = datetime.now(UTC)
    with unit_of_work(quiet.context.database) as session:
        for seed in range(count):
            job = training_job.request_training(session, spec=TrainingSpec(seed=seed), now=now)
            JobQueue(session).request_cancel(job.id, "training", now=now)


def fill_with_epochs(quiet: Quiet, count: int) -> int:
    """Write a long error curve as a worker does, but in one transaction; give its job."""
    job = quiet.queue(model_kind="user_rbm", hyperparameters={"epochs": count})
    now = datetime.now(UTC)
    claim = {"worker": "w1", "now": now, "lease_seconds": 60, "max_attempts": 3}
    with unit_of_work(quiet.context.database) as session:
        queue = JobQueue(session)
        lease = job_lease(queue.claim(**claim))
        for epoch in range(count):
            noise = 0.01 * math.sin(epoch * 1.7) + (0.3 if epoch == 4321 else 0.0)
            figures = {
                "epoch": epoch,
                "validation_nll": 1.2 + math.exp(-epoch / 800) + noise,
                "train_nll": 1.1 + math.exp(-epoch / 600) - noise,
                "reconstruction_error": 0.7 + 0.3 * math.exp(-epoch / 1500),
                "learning_rate": 0.01,
                "momentum": 0.9,
                "cd_steps": 1,
                "seconds": 0.01,
            }
            queue.add_epoch(lease, figures, now=now)
        queue.finish(lease, JobState.CANCELLED, now=now)
    return job


def test_job_list_shows_one_page_of_1000_jobs(quiet: Quiet, page_of: Open):
    fill_with_jobs(quiet, JOBS)
    page = page_of("#/jobs")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(50)
    assert page.evaluate("document.querySelectorAll('*').length") < 1500

    page.get_by_role("link", name="Older").click()

    expect(rows.first).to_contain_text(str(JOBS - 50))
    expect(rows).to_have_count(50)
    page.get_by_role("link", name="Newest").click()
    expect(rows.first).to_contain_text(str(JOBS))


@pytest.fixture
def long_job(quiet: Quiet) -> int:
    return fill_with_epochs(quiet, EPOCHS)


def test_chart_shows_and_zooms_curve_of_10000_epochs(quiet: Quiet, page_of: Open, long_job: int):
    page = page_of(f"#/jobs/{long_job}")
    plot = page.locator(".plot").first
    expect(plot).to_have_attribute("data-points", str(2 * EPOCHS))
    assert page.evaluate("document.querySelectorAll('*').length") < 1500

    plot.focus()
    page.keyboard.press("Home")
    for _ in range(4):
        page.keyboard.press("+")
    expect(plot).to_have_attribute("data-points", str(2 * 626))  # a sixteenth, and an edge

    page.get_by_text("Error curve as a table").click()
    expect(page.locator("tbody tr")).to_have_count(50)
