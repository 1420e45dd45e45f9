"""Take the pictures of the dashboard that README.md and docs/ show.

    .venv/bin/python -m benchmarks.dashboard_pictures

A job with a rate a hundred times too high, and the one that "Apply and retry" made of it.
"""

import tempfile
from pathlib import Path

from benchmarks.browser import chromium
from benchmarks.data import data_file
from benchmarks.service import imported, service, succeeded

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
SICK = {"learning_rate": 2.0, "epochs": 40}
DESKTOP = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}


def main() -> None:
    with tempfile.TemporaryDirectory() as home, service(Path(home)) as client:
        imported(client, data_file("ml-100k/u.data"))
        sick = succeeded(client, client.train(model_kind="user_rbm", hyperparameters=SICK))
        cured = succeeded(client, client.retry(sick["id"], ["rate_too_high"]))
        views = {
            "dashboard": (f"#/jobs/{sick['id']}?beside={cured['id']}", DESKTOP, "light"),
            "dashboard-phone": (f"#/jobs/{cured['id']}", PHONE, "dark"),
        }
        with chromium() as browser:
            for name, (path, size, scheme) in views.items():
                page = browser.new_page(viewport=size, color_scheme=scheme)
                page.goto(f"{client.base_url}/{path}")
                page.locator(".plot[data-drawn]").first.wait_for()
                page.wait_for_timeout(500)  # the last frame
                page.screenshot(path=PICTURES / f"{name}.png")


if __name__ == "__main__":
    main()
