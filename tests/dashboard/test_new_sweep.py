"""A new sweep in the browser: three experiments of one press each, and anything else."""

import re
from typing import Any, get_args

import pytest
from playwright.sync_api import Locator, Page, expect

from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.model_kind import ModelKind
from tests.dashboard.conftest import PATIENCE_MS, PHONE, Open, Quiet, Shop
from tests.dashboard.test_all_views import press_until, serious

RATES = "Compare learning rates"
SCALINGS = "Compare scaled and unscaled data"
RANGE = "Learning-rate range test"
ANYTHING = "Custom sweep"
PRESSED = {
    RATES: "Compare learning rates",
    SCALINGS: "Compare scalings",
    RANGE: "Start the range test",
    ANYTHING: "Start the sweep",
}


def panel(page: Page, experiment: str) -> Locator:
    return page.get_by_role("region", name=experiment)


def rates_of(page: Page) -> Locator:
    return panel(page, RATES).get_by_role("textbox")


def press(page: Page, experiment: str) -> None:
    panel(page, experiment).get_by_role("button", name=PRESSED[experiment]).click()


def try_(page: Page, lines: str, *, way: str = "grid") -> None:
    """Fill in the free form."""
    place = panel(page, ANYTHING)
    place.get_by_label("Search method").select_option(way)
    place.get_by_label("Search space").fill(lines)


def submit(page: Page, experiment: str) -> dict[str, Any]:
    """Press, wait for the sweep's page, and give what was sent."""
    with page.expect_request("**/v1/sweeps") as asked:
        press(page, experiment)
    page.wait_for_url("**#/sweeps/1")
    body: dict[str, Any] = asked.value.post_data_json
    return body


def trial_hyperparameters(quiet: Quiet) -> list[dict[str, Any]]:
    """What each trial of the only sweep has of its own."""
    (sweep,) = quiet.http.get("/v1/sweeps").json()["items"]
    return [trial["hyperparameters"] for trial in sweep["trials"]]


def jobs(quiet: Quiet) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = quiet.http.get("/v1/training-jobs?limit=200").json()["items"]
    return found[::-1]


def says(page: Page, experiment: str, told: str) -> None:
    expect(panel(page, experiment).locator("output")).to_have_text(told)


def test_learning_rates_are_queued_by_one_press(quiet: Quiet, page_of: Open):
    page = page_of("#/sweeps/new")
    says(page, RATES, "Queues 5 jobs.")

    body = submit(page, RATES)

    rates = [0.0006, 0.0018, 0.006, 0.018, 0.06]
    assert body == {
        "grid": {"learning_rate": rates},
        "base": {"model_kind": "joint_rbm"},
    }
    assert trial_hyperparameters(quiet) == [{"learning_rate": rate} for rate in rates]
    expect(page.get_by_role("heading", level=1)).to_contain_text("Sweep 1")


def test_learning_rates_can_be_edited(quiet: Quiet, page_of: Open):
    page = page_of("#/sweeps/new")
    rates_of(page).fill("0.002, 0.02,2e-1")
    says(page, RATES, "Queues 3 jobs.")
    page.get_by_label("model_kind").select_option("user_rbm")

    submit(page, RATES)

    assert trial_hyperparameters(quiet) == [{"learning_rate": rate} for rate in (0.002, 0.02, 0.2)]
    assert {job["model_kind"] for job in jobs(quiet)} == {"user_rbm"}


@pytest.mark.parametrize("kind", get_args(ModelKind))
def test_learning_rates_surround_default_of_kind(page_of: Open, kind: ModelKind):
    page = page_of("#/sweeps/new")

    page.get_by_label("model_kind").select_option(kind)

    default = Hyperparameters.defaults(kind).learning_rate
    expect(rates_of(page)).to_have_value(around(default))


def test_learning_rates_surround_entered_rate(page_of: Open):
    page = page_of("#/sweeps/new")
    rates = rates_of(page)

    page.get_by_label("learning_rate", exact=True).fill("0.5")
    expect(rates).to_have_value(around(0.5))
    page.get_by_label("learning_rate", exact=True).fill("")

    expect(rates).to_have_value(around(0.006))


def around(rate: float) -> str:
    return ", ".join(f"{rate * factor:g}" for factor in (0.1, 0.3, 1, 3, 10))


def test_scalings_are_queued_by_one_press(quiet: Quiet, page_of: Open):
    page = page_of("#/sweeps/new")
    says(page, SCALINGS, "Queues 2 jobs.")

    body = submit(page, SCALINGS)

    assert body == {
        "grid": {"scaling": ["quantiles", "widths"]},
        "base": {"model_kind": "joint_rbm"},
    }
    assert trial_hyperparameters(quiet) == [{"scaling": "quantiles"}, {"scaling": "widths"}]


def test_scalings_can_be_selected(quiet: Quiet, page_of: Open):
    page = page_of("#/sweeps/new")
    panel(page, SCALINGS).get_by_label("logarithms").check()
    says(page, SCALINGS, "Queues 3 jobs.")

    submit(page, SCALINGS)

    assert [own["scaling"] for own in trial_hyperparameters(quiet)] == [
        "quantiles",
        "logarithms",
        "widths",
    ]


@pytest.mark.parametrize(("kind", "epochs"), [("joint_rbm", 5), ("user_rbm", 35), ("item_rbm", 35)])
def test_range_test_is_queued_by_one_press(quiet: Quiet, page_of: Open, kind: str, epochs: int):
    page = page_of("#/sweeps/new")
    page.get_by_label("model_kind").select_option(kind)
    says(page, RANGE, f"Queues 8 jobs of {epochs} epochs each.")
    page.get_by_label("early_stopping").uncheck()

    body = submit(page, RANGE)

    assert body == {"rate_range": {}, "base": {"model_kind": kind}}
    assert {job["hyperparameters"]["epochs"] for job in jobs(quiet)} == {epochs}


def test_range_test_bounds_and_epochs_can_be_chosen(quiet: Quiet, page_of: Open):
    page = page_of("#/sweeps/new?epochs=3")
    place = panel(page, RANGE)
    place.get_by_label("Lowest learning rate").fill("0.001")
    place.get_by_label("Highest learning rate").fill("0.1")
    place.get_by_label("Trials").fill("3")
    says(page, RANGE, "Queues 3 jobs of 3 epochs each.")

    submit(page, RANGE)

    assert trial_hyperparameters(quiet) == [{"learning_rate": rate} for rate in (0.001, 0.01, 0.1)]
    assert {job["hyperparameters"]["epochs"] for job in jobs(quiet)} == {3}


def test_grid_form_sends_entered_values(quiet: Quiet, page_of: Open):
    page = page_of("#/sweeps/new")
    page.get_by_label("epochs").fill("7")
    page.get_by_label("seed", exact=True).fill("11")
    page.get_by_label("validation_share").fill("0.2")
    page.get_by_label("Other hyperparameters").fill("momentum = 0.5\nobjective=contrastive\n")
    page.get_by_label("warm_start").check()
    page.get_by_label("early_stopping").uncheck()
    try_(page, "n_hidden = 50, 100\n\ninitialisation = normal,glorot , constant")
    says(page, ANYTHING, "Queues 6 jobs.")

    body = submit(page, ANYTHING)

    common = {"epochs": 7, "momentum": 0.5, "objective": "contrastive"}
    assert body == {
        "grid": {"n_hidden": [50, 100], "initialisation": ["normal", "glorot", "constant"]},
        "base": {
            "model_kind": "joint_rbm",
            "hyperparameters": common,
            "seed": 11,
            "validation_share": 0.2,
            "warm_start": True,
        },
        "early_stopping": False,
    }
    assert len(trial_hyperparameters(quiet)) == 6
    for job, own in zip(jobs(quiet), trial_hyperparameters(quiet), strict=True):
        assert job["hyperparameters"] == common | own
        assert (job["seed"], job["validation_share"], job["warm_start"]) == (11, 0.2, True)


def test_grid_form_accepts_model_kinds(quiet: Quiet, page_of: Open):
    page = page_of("#/sweeps/new")
    try_(page, "model_kind = user_rbm, item_rbm")

    submit(page, ANYTHING)

    assert [job["model_kind"] for job in jobs(quiet)] == ["user_rbm", "item_rbm"]


def test_random_form_sends_ranges_and_lists(quiet: Quiet, page_of: Open):
    page = page_of("#/sweeps/new")
    try_(
        page,
        "learning_rate = 0.001..1:log\nmomentum = 0..0.9\nn_hidden = 50, 100",
        way="random",
    )
    says(page, ANYTHING, "Queues 20 jobs.")
    panel(page, ANYTHING).get_by_label("Trials").fill("4")
    panel(page, ANYTHING).get_by_label("Random seed").fill("9")
    says(page, ANYTHING, "Queues 4 jobs.")

    body = submit(page, ANYTHING)

    assert body["random"] == {
        "over": {
            "learning_rate": {"low": 0.001, "high": 1, "scale": "log"},
            "momentum": {"low": 0, "high": 0.9},
            "n_hidden": [50, 100],
        },
        "trials": 4,
        "seed": 9,
    }
    assert len(trial_hyperparameters(quiet)) == 4
    assert all(0.001 <= own["learning_rate"] <= 1 for own in trial_hyperparameters(quiet))


def test_random_form_queues_20_trials_by_default(quiet: Quiet, page_of: Open):
    page = page_of("#/sweeps/new")
    try_(page, "n_hidden = 5..50", way="random")
    says(page, ANYTHING, "Queues 20 jobs.")

    body = submit(page, ANYTHING)

    assert body["random"] == {"over": {"n_hidden": {"low": 5, "high": 50}}}
    assert len(trial_hyperparameters(quiet)) == 20


# experiment, what is typed in the free form, and what the service says of it
REFUSALS = [
    pytest.param(ANYTHING, "n_hiden = 1, 2", "hyperparameters: 'n_hiden'", id="name"),
    pytest.param(ANYTHING, "n_hidden = -1, 2", "n_hidden is -1", id="value"),
    pytest.param(ANYTHING, "n_hidden = 50", "a sweep has 2 to 200 trials", id="one"),
    pytest.param(ANYTHING, "", "grid is {}", id="nothing"),
    pytest.param(
        SCALINGS, "", "trials of a user_rbm are compared by their likelihood", id="scaling"
    ),
]


@pytest.mark.parametrize(("experiment", "typed", "why"), REFUSALS)
def test_sweep_form_shows_problem_of_service(
    quiet: Quiet, page_of: Open, experiment: str, typed: str, why: str
):
    page = page_of("#/sweeps/new?model_kind=user_rbm")
    try_(page, typed)

    press(page, experiment)

    expect(panel(page, experiment).get_by_role("alert")).to_contain_text(why)
    expect(page.get_by_role("alert")).to_have_count(1)
    assert quiet.http.get("/v1/sweeps").json()["items"] == []
    assert serious(page) == []


# what is typed, how values are combined, and what the page says of it
MISTYPED = [
    pytest.param("n_hidden", "grid", "“n_hidden” is not NAME = VALUES", id="no-values"),
    pytest.param("= 5, 6", "grid", "“5, 6” is not NAME = VALUES", id="no-name"),
    pytest.param("n_hidden = 1,,2", "grid", "a value is missing", id="gap"),
    pytest.param("n_hidden = 1,2\nn_hidden = 3", "grid", "n_hidden occurs twice", id="twice"),
    pytest.param("n_hidden = 1..9", "grid", "a grid needs values, not a range", id="range"),
    pytest.param("n_hidden = 1..many", "random", "A range is two numbers", id="bound"),
    pytest.param("n_hidden = 1..9:cubic", "random", "A range is two numbers", id="scale"),
]


@pytest.mark.parametrize(("typed", "way", "why"), MISTYPED)
def test_sweep_form_shows_input_error_without_sending(
    quiet: Quiet, page_of: Open, typed: str, way: str, why: str
):
    page = page_of("#/sweeps/new")
    try_(page, typed, way=way)
    says(page, ANYTHING, "No jobs yet.")

    press(page, ANYTHING)

    alert = panel(page, ANYTHING).get_by_role("alert")
    expect(alert).to_contain_text("Invalid input")
    expect(alert).to_contain_text(why)
    assert quiet.http.get("/v1/sweeps").json()["items"] == []


def test_sweep_form_can_be_corrected_and_sent_again(quiet: Quiet, page_of: Open):
    page = page_of("#/sweeps/new")
    try_(page, "n_hidden = none, 2")
    press(page, ANYTHING)
    expect(page.get_by_role("alert")).to_contain_text("n_hidden")

    try_(page, "n_hidden = 1, 2")
    submit(page, ANYTHING)

    assert trial_hyperparameters(quiet) == [{"n_hidden": 1}, {"n_hidden": 2}]


def test_sweep_form_starts_from_job(quiet: Quiet, page_of: Open):
    own = {"learning_rate": 0.05, "n_hidden": 9, "objective": "contrastive", "momentum": 0.25}
    asked = {"model_kind": "item_rbm", "seed": 4, "validation_share": 0.3, "warm_start": True}
    job = quiet.queue(hyperparameters=own, **asked)
    page = page_of(f"#/jobs/{job}")

    page.get_by_role("link", name="New sweep from this job").click()
    says(page, RATES, "Queues 5 jobs.")
    expect(rates_of(page)).to_have_value(around(0.05))
    body = submit(page, RATES)

    assert body["base"] == asked | {"hyperparameters": own}


def test_sweep_form_takes_values_of_job_form(page_of: Open):
    page = page_of("#/jobs/new")
    page.get_by_label("model_kind").select_option("user_rbm")
    page.get_by_label("epochs").fill("9")
    page.get_by_label("Other hyperparameters").fill("momentum=0.3\npatience=4")

    page.get_by_role("link", name="new sweep").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("New sweep")
    expect(page.get_by_label("model_kind")).to_have_value("user_rbm")
    expect(page.get_by_label("epochs")).to_have_value("9")
    others = page.get_by_label("Other hyperparameters")
    expect(others).to_have_value("momentum = 0.3\npatience = 4\n")


def test_sweep_can_be_started_by_keyboard(quiet: Quiet, page_of: Open):
    page = page_of("#/sweeps")
    page.get_by_role("link", name="New sweep").wait_for()

    press_until(page, "Tab", "New sweep")
    page.keyboard.press("Enter")
    panel(page, RATES).wait_for()
    press_until(page, "Tab", "Learning rates")
    page.keyboard.press("Control+A")
    page.keyboard.type("0.1, 0.2")
    page.keyboard.press("Enter")

    page.wait_for_url("**#/sweeps/1")
    assert trial_hyperparameters(quiet) == [{"learning_rate": 0.1}, {"learning_rate": 0.2}]
    expect(page.get_by_role("heading", level=1)).to_be_focused()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_sweep_form_is_accessible_and_fits_phone_width(page_of: Open, dark):
    page = page_of("#/sweeps/new", dark=dark, size=PHONE)
    try_(page, "n_hidden = 1.." + "9" * 80, way="random")
    expect(panel(page, ANYTHING).get_by_label("Random seed")).to_be_visible()
    press(page, ANYTHING)
    expect(page.get_by_role("alert")).to_be_visible()

    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_sweep_of_form_succeeds(page_of_shop: Open, shop: Shop):
    page = page_of_shop("#/sweeps/new?model_kind=user_rbm&n_hidden=4&epochs=2")
    rates_of(page).fill("0.01, 0.02")

    press(page, RATES)

    page.wait_for_url(re.compile(r"#/sweeps/\d+$"))
    number = int(page.url.rsplit("/", 1)[1])
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_contain_text(f"Sweep {number} succeeded", timeout=PATIENCE_MS)
    trials = shop.client.sweep(number)["trials"]
    assert [trial["hyperparameters"]["learning_rate"] for trial in trials] == [0.01, 0.02]
