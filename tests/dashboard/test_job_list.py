"""The list of jobs: all that it says of each is in sight, however much there is to say."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import update

from recsvc.db.jobs.queue import JobQueue
from recsvc.db.session import unit_of_work
from recsvc.db.tables import Job, JobState
from tests.dashboard.conftest import PHONE, Open, Quiet
from tests.factories.workers import RESULT

ASKED = {
    "n_hidden": 100,
    "learning_rate": 0.0123,
    "epochs": 10_000,
    "patience": 10_000,
    "learning_rate_schedule": "plateau",
    "scaling": "logarithms",
    "leave_out": "odd_raters",
}
FAR = {"epoch": 1234, "epochs": 10_000, "eta_seconds": 45_900.0, "phase": "training"}
AT_FIRST = {"phase": "measuring without odd ratings", "eta_seconds": None}
ERROR = {
    "code": "model-version-unloadable",
    "title": "Model version retired",
    "detail": "Version 12, at which the job was to begin, was taken off the shelf. " * 3,
}


@pytest.fixture
def talkative(quiet: Quiet) -> Quiet:
    """A service with jobs that have much to say of themselves."""
    worker, database = quiet.worker, quiet.context.database
    for kind in ("joint_rbm", "user_rbm", "item_rbm", "user_rbm", "item_rbm"):
        quiet.queue(model_kind=kind, hyperparameters=ASKED)
    running = [worker.claim(), worker.claim()]
    worker.finish(worker.claim(), JobState.FAILED, error=ERROR)
    worker.finish(worker.claim(), result=RESULT | {"version": 1234, "best_epoch": 1234})
    with unit_of_work(database) as session:
        for lease, note in zip(running, (FAR, AT_FIRST), strict=True):
            JobQueue(session).update_progress(lease, 0.4, note)
        ago = datetime.now(UTC) - timedelta(hours=12, minutes=45)
        session.execute(update(Job).where(Job.started_at.is_not(None)).values(started_at=ago))
    return quiet


SIZES = [{"width": width, "height": 800} for width in (1280, 1366, 1920)]


@pytest.mark.parametrize("size", [*SIZES, PHONE], ids=lambda size: str(size["width"]))
def test_job_list_columns_fit_viewport(talkative: Quiet, page_of: Open, size: dict[str, int]):
    page = page_of("#/jobs", size=size)
    expect(page.locator("tbody tr")).to_have_count(5)

    wide, seen = page.get_by_role("region", name="Training jobs").evaluate(
        "(region) => [region.scrollWidth, region.clientWidth]"
    )

    assert wide <= seen
