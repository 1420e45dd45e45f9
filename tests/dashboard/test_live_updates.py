"""A stranger's path, and what becomes of a curve while somebody watches it."""

import random
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from recsvc.db.session import Database, unit_of_work
from recsvc.db.tables import JobState
from recsvc.errors import ChangeNotKept
from recsvc.service.training import training_job
from recsvc.service.training_spec import TrainingSpec
from tests.acceptance.conftest import Site
from tests.dashboard.conftest import Open, Quiet, Shop, eventually, opening
from tests.factories.workers import Worker

ENDLESS = "10000"  # epochs: a job that is watched must not end before it was seen
COMPARED_EPOCHS = 30


def points(page: Page) -> int:
    """Count the points of the first picture that are in sight."""
    return int(page.locator(".plot").first.get_attribute("data-points") or 0)


def job_number(page: Page) -> int:
    page.wait_for_url(re.compile(r"#/jobs/\d+"))
    return int(re.search(r"#/jobs/(\d+)", page.url)[1])


def cancel(page: Page) -> None:
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.locator(".badge")).to_have_text("cancelled")


def loss(shop: Shop, job: int) -> float:
    return float(shop.client.error_curve(job)[COMPARED_EPOCHS]["validation_nll"])


def test_new_user_finds_cause_of_high_loss_and_retries_with_change(shop: Shop, page_of_shop: Open):
    page = page_of_shop()
    page.get_by_role("link", name="New training job").click()
    page.get_by_label("model_kind").select_option("user_rbm")
    page.get_by_label("learning_rate").fill("2.0")  # a hundred times the default
    page.get_by_label("epochs").fill(ENDLESS)
    page.get_by_label("Other hyperparameters").fill(f"patience = {ENDLESS}")
    page.get_by_label("n_hidden").fill("20")
    page.get_by_role("button", name="Start training").click()
    sick = job_number(page)

    expect(page.locator(".badge")).to_have_text("running")
    eventually(page, lambda: points(page) >= 4)
    seen_early = points(page)
    card = page.locator("article.finding", has_text="rate too high")
    expect(card).to_be_visible()
    expect(card).to_contain_text("update to weight ratio")
    expect(card).to_contain_text("above 0.01")
    expect(page.locator(".pin", has_text="rate too high")).to_be_visible()
    eventually(page, lambda: points(page) > max(seen_early, 2 * COMPARED_EPOCHS))
    cancel(page)

    card.get_by_role("button", name="Apply and retry").click()
    page.wait_for_url(re.compile(rf"beside={sick}"))
    cured = job_number(page)

    assert cured > sick
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"job {cured}")
    eventually(page, lambda: len(shop.client.error_curve(cured)) > COMPARED_EPOCHS)
    legend = page.locator(".legend").first
    expect(legend).to_contain_text(f"job {cured} validation")
    expect(legend).to_contain_text(f"job {sick} validation")
    cancel(page)
    expect(page.locator("article.finding", has_text="rate too high")).to_have_count(0)
    asked = shop.client.job("training", cured)
    assert asked["hyperparameters"]["learning_rate"] == 0.02
    assert asked["retry_of"] == sick
    assert loss(shop, cured) < loss(shop, sick)


def test_error_curve_grows_with_every_epoch_event(quiet: Quiet, page_of: Open):
    job = quiet.queue(model_kind="user_rbm")
    lease = quiet.worker.claim()
    quiet.worker.epoch(lease, 1)
    page = page_of(f"#/jobs/{job}")
    plot = page.locator(".plot").first
    expect(plot).to_have_attribute("data-points", "2")  # of validation and of training

    for epoch in (2, 3):
        quiet.worker.epoch(lease, epoch)
        expect(plot).to_have_attribute("data-points", str(2 * epoch))

    expect(page.locator("div.underway")).to_contain_text("epoch 3 of 4 · 2 s left")
    quiet.worker.finish(lease)
    expect(page.locator(".badge")).to_have_text("succeeded")
    expect(page).to_have_title(f"Job {job}, succeeded · recsvc")


def test_finding_button_stays_pressed_during_update(quiet: Quiet, page_of: Open):
    sick = quiet.queue(model_kind="user_rbm", hyperparameters={"learning_rate": 2.0})
    lease = quiet.worker.claim()
    for epoch in range(1, 7):
        quiet.worker.epoch(lease, epoch, update_to_weight_ratio=0.5)
    page = page_of(f"#/jobs/{sick}")
    card = page.locator("article.finding", has_text="rate too high")
    expect(card).to_contain_text("epochs 4 to 6")

    card.get_by_role("button", name="Apply and retry").hover()
    page.mouse.down()
    quiet.worker.epoch(lease, 7, update_to_weight_ratio=0.5)
    expect(card).to_contain_text("epochs 4 to 7")
    page.mouse.up()

    page.wait_for_url(re.compile(rf"beside={sick}"))
    asked = quiet.http.get(f"/v1/training-jobs/{job_number(page)}").json()
    assert asked["hyperparameters"]["learning_rate"] == 0.02


def test_job_list_updates_while_checkbox_has_focus(quiet: Quiet, page_of: Open):
    quiet.queue()
    page = page_of("#/jobs")
    page.get_by_label("Compare job 1").hover()
    page.mouse.down()
    with page.expect_response("**/v1/training-jobs?*"):
        pass
    page.wait_for_timeout(100)
    page.mouse.up()  # on the very box that was pressed: nothing had changed
    expect(page.get_by_label("Compare job 1")).to_be_checked()
    expect(page.get_by_role("button", name="Compare")).to_be_disabled()

    quiet.queue()

    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.get_by_label("Compare job 1")).to_be_focused()
    expect(page.get_by_label("Compare job 1")).to_be_checked()
    page.get_by_label("Compare job 2").check()
    expect(page.get_by_role("button", name="Compare")).to_be_enabled()


def test_failed_job_shows_error_of_service(quiet: Quiet, page_of: Open):
    job = quiet.queue(model_kind="user_rbm")
    error = {"code": "too-few-ratings", "title": "Too few ratings", "detail": "There are only 3."}
    quiet.worker.finish(quiet.worker.claim(), JobState.FAILED, error=error)

    page = page_of(f"#/jobs/{job}")

    expect(page.get_by_role("alert")).to_contain_text("Too few ratings")
    expect(page.get_by_role("alert")).to_contain_text("There are only 3.")
    expect(page.get_by_text("The job ended before its first epoch")).to_be_visible()


def test_autopilot_job_shows_end_reason_and_links_best_job(quiet: Quiet, page_of: Open):
    first = quiet.queue(model_kind="user_rbm", autopilot=True)
    change = {"hyperparameter": "learning_rate", "before": 0.02, "to": 0.01}
    last = TrainingSpec(model_kind="user_rbm", autopilot=True, retry_of=first, trying=change)
    quiet.worker.finish(quiet.worker.claim())
    with unit_of_work(quiet.context.database) as session:
        job_id = training_job.request_training(session, spec=last, now=datetime.now(UTC)).id
    error = ChangeNotKept(9).as_dict()
    quiet.worker.finish(quiet.worker.claim(), JobState.FAILED, error=error)

    page = page_of(f"#/jobs/{job_id}")

    expect(page.get_by_text("Autopilot ended: the diagnosis suggests no other")).to_be_visible()
    expect(page.get_by_text("next_job_id")).to_have_count(0)
    page.locator(".underway").get_by_role("link", name=f"job {first}").click()
    expect(page.get_by_text("The best job is this job.")).to_be_visible()


def test_job_is_cancelled_after_confirmation_only(quiet: Quiet, page_of: Open):
    job = quiet.queue()
    page = page_of(f"#/jobs/{job}")

    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Go back").click()
    assert quiet.http.get(f"/v1/training-jobs/{job}").json()["state"] == "queued"

    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.locator(".badge")).to_have_text("cancelled")


def test_job_form_shows_problem_of_service(quiet: Quiet, page_of: Open):
    page = page_of("#/jobs/new")
    page.get_by_label("learning_rate").fill("-1")

    page.get_by_role("button", name="Start training").click()

    expect(page.get_by_role("alert")).to_contain_text("learning_rate")
    assert quiet.http.get("/v1/training-jobs").json()["items"] == []


def test_unknown_job_shows_problem(page_of: Open):
    page = page_of("#/jobs/77")

    expect(page.get_by_role("alert")).to_contain_text("77")


def free_port() -> int:
    """A port that the system gives nobody who asks for any, so it is free for a second start."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(20_000, max(lowest, 32_768))
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path / "home")
    yield site
    site.close()


def test_event_stream_reconnects_after_restart_without_loss(chromium: Browser, site: Site):
    port = str(free_port())
    client = site.serve("--no-worker", "--port", port)
    database = Database(f"sqlite:///{site.home}/recsvc.sqlite3")
    worker = Worker(database)
    job = client.train(model_kind="user_rbm")
    lease = worker.claim()
    worker.epoch(lease, 1)
    with opening(chromium, client.base_url) as open_:
        page = open_(f"#/jobs/{job['id']}")
        plot = page.locator(".plot").first
        expect(plot).to_have_attribute("data-points", "2")

        site.served[0].stop()
        expect(page.get_by_text("Connection lost")).to_be_visible()
        worker.epoch(lease, 2)
        site.serve("--no-worker", "--port", port)

        expect(plot).to_have_attribute("data-points", "4")
        expect(page.get_by_text("Connection lost")).to_be_hidden()
    database.close()


def test_event_stream_reconnects_after_proxy_error(quiet: Quiet, page_of: Open):
    job = quiet.queue(model_kind="user_rbm")
    lease = quiet.worker.claim()
    page = page_of("#/jobs")
    page.route("**/events", lambda route: route.fulfill(status=502, body="Bad gateway"))

    page.goto(f"{quiet.url}/#/jobs/{job}")
    expect(page.get_by_text("Connection lost")).to_be_visible()
    page.unroute("**/events")
    quiet.worker.epoch(lease, 1)

    expect(page.locator(".plot").first).to_have_attribute("data-points", "2")
