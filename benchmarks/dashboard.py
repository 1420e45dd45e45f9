"""How the dashboard bears a thousand jobs and a curve of ten thousand epochs, in Chromium.

    .venv/bin/python -m benchmarks dashboard

The database is filled before the service starts. Frames are timed by the page itself while keys
zoom, pan and point; a task longer than 50 ms is what the browser calls long.
"""

import math
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Browser, Page

from benchmarks.browser import chromium
from benchmarks.service import service
from recsvc.db import migrate
from recsvc.db.jobs.queue import JobQueue, job_lease
from recsvc.db.session import Database, unit_of_work
from recsvc.db.tables import JobState
from recsvc.service.training import training_job
from recsvc.service.training_spec import TrainingSpec

JOBS, EPOCHS = 1000, 10_000
KEYS = ["+", "+", "+", *["ArrowRight"] * 20, "-", "-", "-", *["ArrowLeft"] * 20, "l", "l"]
WATCH = """
window.long = [];
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) window.long.push(one.duration);
}).observe({ type: "longtask", buffered: true });
"""
FRAMES = """
window.frames_ = [];
let last = performance.now();
const tick = (now) => {
  window.frames_.push(now - last);
  last = now;
  requestAnimationFrame(tick);
};
requestAnimationFrame(tick);
window.long.length = 0;
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        job = fill(Database(f"sqlite:///{home}/recsvc.sqlite3"))
        with service(home) as client, chromium() as browser:
            rows = [jobs(browser, client.base_url), *curve(browser, client.base_url, job)]
    print("| the dashboard in Chromium, no GPU | measured |")
    print("|---|---:|")
    for what, measured in rows:
        print(f"| {what} | {measured} |")


def fill(database: Database) -> int:
    """Write the jobs, and the long curve as a worker would; give its job."""
    migrate.upgrade(database)
    now = datetime.now(UTC)
    with unit_of_work(database) as session:
        queue = JobQueue(session)
        spec = TrainingSpec(model_kind="user_rbm", hyperparameters={"epochs": EPOCHS})
        job = training_job.request_training(session, spec=spec, now=now)
        lease = job_lease(queue.claim(worker="w", now=now, lease_seconds=600, max_attempts=1))
        for epoch in range(EPOCHS):
            noise = 0.01 * math.sin(epoch * 1.7)
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
        for seed in range(JOBS - 1):
            more = training_job.request_training(session, spec=TrainingSpec(seed=seed), now=now)
            queue.request_cancel(more.id, "training", now=now)
    database.close()
    return job.id


def opened(browser: Browser) -> Page:
    page = browser.new_page(viewport={"width": 1360, "height": 900})
    page.add_init_script(WATCH)
    return page


def jobs(browser: Browser, url: str) -> tuple[str, str]:
    page = opened(browser)
    began = time.monotonic()
    page.goto(f"{url}/#/jobs")
    page.locator("tbody tr").nth(49).wait_for()
    shown = time.monotonic() - began
    began = time.monotonic()
    page.get_by_role("link", name="Older").click()
    page.get_by_role("link", name="Newest").wait_for()
    turned = time.monotonic() - began
    count = page.evaluate("document.querySelectorAll('*').length")
    return (
        f"{JOBS:,} jobs: list shown, page turned, elements",
        f"{shown:.2f} s, {turned:.2f} s, {count:,}",
    )


def curve(browser: Browser, url: str, job: int) -> list[tuple[str, str]]:
    page = opened(browser)
    began = time.monotonic()
    page.goto(f"{url}/#/jobs/{job}")
    plot = page.locator(".plot[data-drawn]").first
    plot.wait_for()
    shown = time.monotonic() - began
    first = page.evaluate("Math.max(0, ...window.long)")
    plot.focus()
    page.evaluate(FRAMES)
    for key in KEYS:
        page.keyboard.press(key)
    box = plot.bounding_box() or {"x": 0, "y": 0, "width": 1, "height": 1}
    for start in (0.2, 0.3, 0.4):
        page.mouse.move(box["x"] + start * box["width"], box["y"] + 60)
        page.mouse.down()
        page.mouse.move(box["x"] + (start + 0.4) * box["width"], box["y"] + 90, steps=20)
        page.mouse.up()
    page.keyboard.press("0")
    page.wait_for_timeout(300)
    frames = sorted(page.evaluate("window.frames_"))
    long = page.evaluate("window.long")
    return [
        (
            f"{EPOCHS:,} epochs: both pictures shown, longest task until then",
            f"{shown:.2f} s, {first:.0f} ms",
        ),
        (
            f"{len(KEYS)} keys and 3 drags on it: frame p50, p99, longest; long tasks",
            f"{frames[len(frames) // 2]:.0f} ms, {frames[len(frames) * 99 // 100]:.0f} ms, "
            f"{frames[-1]:.0f} ms; {len(long)}",
        ),
    ]


if __name__ == "__main__":
    main()
