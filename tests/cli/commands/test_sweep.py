"""`recsvc sweep`: what is asked for, how its trials are told, and what is published."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from recsvc.client import Client
from recsvc.db.jobs.queue import Lease
from recsvc.db.session import Database
from recsvc.db.tables import JobState
from tests.cli.conftest import RECSVC, Run, Served, environment, start_serving
from tests.conftest import PATIENCE_SECONDS
from tests.factories.workers import Worker

pytestmark = pytest.mark.acceptance

QUICK = ("--kind", "user_rbm", "--set", "epochs=3", "--set", "n_hidden=4")
LEARNING = ("--kind", "user_rbm", "--set", "epochs=15", "--set", "n_hidden=8")
STOPPED = {"code": "stopped-early", "title": "Training was stopped", "detail": "…"}
FEW = {"code": "too-few-ratings", "title": "Too few ratings", "detail": "Send [more]."}


class Played:
    """A service without a worker: what becomes of its trials is played through the queue."""

    def __init__(self, served: Served, run: Run) -> None:
        self.url, self.home = served.url, served.home
        self._run = run
        self._worker = Worker(Database(f"sqlite:///{served.home / 'recsvc.sqlite3'}"))

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return self._run("sweep", *arguments, "--url", self.url, COLUMNS="80")

    def told(self, *arguments: object) -> str:
        told = self.run(*arguments)
        assert told.returncode == 0, told.stderr
        return told.stdout

    def ask(self, *arguments: object) -> dict:
        """Queue a sweep; give it as it was answered."""
        return json.loads(self.told(*arguments, "--detach", "--json"))

    def job(self, number: int) -> dict:
        with Client(self.url) as client:
            return client.job("training", number)

    def claim(self) -> Lease:
        """Take the next trial."""
        return self._worker.claim()

    def learn(
        self,
        *losses: float,
        figure: str = "validation_nll",
        lease: Lease | None = None,
        **how: object,
    ) -> None:
        """Have the next trial, or the one that was taken, measure a loss an epoch."""
        lease = lease or self.claim()
        for epoch, loss in enumerate(losses, start=1):
            self._worker.epoch(lease, epoch, **{figure: loss})
        self._worker.finish(lease, **how)

    def fail(self, error: dict, losses: Sequence[float] = ()) -> None:
        self.learn(*losses, state=JobState.FAILED, error=error)

    def empty(self) -> None:
        """Leave nothing in the queue."""
        with Client(self.url) as client:
            for sweep in client.sweeps():
                if sweep["state"] in ("queued", "running"):
                    client.cancel_sweep(sweep["id"])


@pytest.fixture(scope="module")
def idle(tmp_path_factory) -> Iterator[Served]:
    """A service without a worker."""
    served = start_serving(tmp_path_factory.mktemp("sweeps") / "home", "--no-worker")
    yield served
    assert served.stop() == 0
    served.process.stdout.close()


@pytest.fixture
def simulator(idle, recsvc) -> Iterator[Played]:
    played = Played(idle, recsvc)
    yield played
    played.empty()


@pytest.fixture(scope="module")
def grid(recsvc, trained):
    """A grid that a real worker has learned, as the command has told it."""
    told = recsvc("sweep", "grid", "learning_rate=0.002,0.2", *LEARNING, "--url", trained.url)
    assert told.returncode == 0, told.stderr
    return told


def first_columns(table: str, heading: str) -> list[list[str]]:
    """Give the rows of a table, split, from below its heading to the next empty line."""
    _, _, below = table.partition(heading)
    return [row.split() for row in below.partition("\n\n")[0].splitlines()[1:]]


# What a real worker makes of it


def test_sweep_prints_finished_trials_on_stderr(grid):
    for number, rate in ((1, "0.002"), (2, "0.2")):
        ended = rf"trial {number} of 2, job \d+, learning_rate {rate}: succeeded"
        figures = r"validation NLL 1\.\d{4} in epoch"
        assert re.search(rf"^{ended}, {figures}", grid.stderr, re.MULTILINE)


def test_sweep_ends_with_table_of_trials_best_first(grid, trained):
    with Client(trained.url) as client:
        sweep = next(client.sweeps())
    rows = first_columns(grid.stdout, "best epoch")

    assert grid.stdout.startswith(f"Sweep {sweep['id']}, grid: succeeded\njob ")
    assert (rows[0][0], rows[0][-1]) == (str(sweep["best_job_id"]), "best")
    assert float(rows[0][4]) <= float(rows[1][4])
    assert sorted(row[1] for row in rows) == ["0.002", "0.2"]
    assert re.search(r"^learning_rate +100% +█+", grid.stdout, re.MULTILINE)


def test_sweep_plots_curves_with_best_trial_first(grid):
    best = first_columns(grid.stdout, "best epoch")[0]

    assert re.search(rf"^a job {best[0]}: learning_rate {best[1]}$", grid.stdout, re.MULTILINE)
    assert re.search(r"^b job \d+: learning_rate", grid.stdout, re.MULTILINE)
    assert re.search("[\u2801-\u28ff].*\n.*[\u2801-\u28ff]", grid.stdout)


def test_sweep_publish_publishes_best_trial_once(grid, recsvc, trained):
    command = re.search(r"Publish it: recsvc sweep publish (\d+)$", grid.stdout, re.MULTILINE)
    version = re.search(r"^Best trial: job \d+, model version (\d+)\.", grid.stdout, re.MULTILINE)[
        1
    ]

    published = recsvc("sweep", "publish", command[1], "--url", trained.url)
    again = recsvc("sweep", "publish", command[1], "--url", trained.url)

    assert published.stdout.startswith(f"Model version {version} (published)\n")
    assert again.returncode == 1
    assert again.stderr.startswith("error: Model version already published: ")


def test_sweep_without_url_starts_worker(recsvc, ratings_file, tmp_path):
    home = tmp_path / "home"
    assert recsvc("import", ratings_file, home=home).returncode == 0

    told = recsvc("sweep", "grid", "leave_out=nobody,odd", *QUICK, "--json", home=home)

    assert told.returncode == 0, told.stderr
    sweep = json.loads(told.stdout)
    assert sweep["state"] == "succeeded"
    assert [one["hyperparameters"]["leave_out"] for one in sweep["trials"]] == ["nobody", "odd"]


# What is asked for


def test_sweep_grid_queues_every_combination(simulator):
    sweep = simulator.ask(
        "grid",
        "learning_rate=0.01,0.1",
        "leave_out=nobody,odd",
        "--kind",
        "item_rbm",
        "--set",
        "epochs=7",
        "--seed",
        5,
        "--validation-share",
        0.2,
        "--no-early-stopping",
    )
    job = simulator.job(sweep["trials"][3]["job_id"])

    assert [tuple(one["hyperparameters"].values()) for one in sweep["trials"]] == [
        (0.01, "nobody"),
        (0.01, "odd"),
        (0.1, "nobody"),
        (0.1, "odd"),
    ]
    assert not sweep["early_stopping"]
    assert (job["model_kind"], job["seed"], job["validation_share"]) == ("item_rbm", 5, 0.2)
    assert job["hyperparameters"]["epochs"] == 7
    assert job["publish"] == "never"


def test_sweep_random_draws_requested_trials_by_seed(simulator):
    asked = ("random", "--trials", 5, "learning_rate=0.001..1:log", "n_hidden=50,100")
    sweeps = [simulator.ask(*asked, "--seed", seed) for seed in (1, 1, 2)]
    drawn = [[one["hyperparameters"] for one in sweep["trials"]] for sweep in sweeps]

    assert len(drawn[0]) == 5
    assert all(0.001 <= one["learning_rate"] <= 1 for one in drawn[0])
    assert {one["n_hidden"] for one in drawn[0]} <= {50, 100}
    assert drawn[0] == drawn[1] != drawn[2]


def test_sweep_detach_queues_trials_and_prints_follow_command(simulator):
    told = simulator.told("grid", "n_hidden=2,4,8", "--detach")

    number = re.match(r"Sweep (\d+) of 3 trials is queued\. ", told)[1]
    assert told.endswith(f"Follow it: recsvc sweep show {number} --follow\n")
    assert "queued" in simulator.told("show", number)
    cancelled = simulator.told("cancel", number)
    assert cancelled.startswith(f"Sweep {number} is cancelled.")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("grid", "n_hiden=1,2"), "Unknown hyperparameter: hyperparameters: 'n_hiden'"),
        (("grid", "scaling=quantiles,even"), "scaling is 'even'; it must be one of quantiles, "),
        (("grid", "learning_rate=nan,1"), "learning_rate is 'nan'; it must be a number"),
        (("grid", "n_hidden=5"), "grid is 1; a sweep has 2 to 200 trials."),
        (("grid", "model_kind=user_rbm,rbm"), "model_kind is rbm; it must be one of user_rbm, "),
        (("random", "momentum=0.9..0.1"), "momentum.low is 0.9; it must be below high, which is"),
        (("range", "--low", 0), "low is 0.0; on a logarithmic scale it must be above 0."),
        (("show", 987), "Sweep not found: "),
        (("cancel", 987), "Sweep not found: "),
        (("publish", 987), "Sweep not found: "),
    ],
)
def test_sweep_prints_error_line_when_service_refuses(simulator, asked, said):
    told = simulator.run(*asked)

    assert (told.returncode, told.stdout) == (1, "")
    assert said in told.stderr
    assert told.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "asked",
    [
        ("grid",),
        ("grid", "n_hidden=1..9"),
        ("random", "--trials", 1, "n_hidden=1,2"),
        ("range", "--high", "nan"),
    ],
)
def test_sweep_exits_with_2_for_invalid_arguments(simulator, asked):
    assert simulator.run(*asked).returncode == 2


# How a sweep is told


def test_sweep_show_sorts_trials_of_text_values_by_metric(simulator):
    sweep = simulator.ask("grid", "leave_out=nobody,odd", "initialisation=normal,glorot", *QUICK)
    for loss in (1.4, 1.2, 1.3):
        simulator.learn(1.5, loss)
    simulator.fail(STOPPED, (1.5, 1.45))

    told = simulator.told("show", sweep["id"])
    rows = first_columns(told, "best epoch")

    assert [row[1:] for row in rows] == [
        ["nobody", "glorot", "succeeded", "2", "1.2000", "2", "best"],
        ["odd", "normal", "succeeded", "2", "1.3000", "2"],
        ["nobody", "normal", "succeeded", "2", "1.4000", "2"],
        ["odd", "glorot", "stopped", "early", "2", "1.4500", "2"],
    ]
    assert re.search(r"^a job \d+: leave_out nobody, initialisation glorot$", told, re.MULTILINE)
    assert "failed" not in told
    assert max(map(len, told.splitlines()[:6])) <= 80


def test_sweep_show_compares_joint_machines_by_ndcg(simulator):
    sweep = simulator.ask("grid", "n_hidden=2,4")
    for ndcg in (0.3, 0.2):
        simulator.learn(0.1, ndcg, figure="validation_ndcg")

    told = simulator.told("show", sweep["id"])

    assert [row[4] for row in first_columns(told, "best epoch")] == ["0.3000", "0.2000"]
    assert re.search(r"^nDCG@10   a job", told, re.MULTILINE)


def test_sweep_show_cuts_off_diverged_curves(simulator):
    sweep = simulator.ask("grid", "learning_rate=0.01,0.1,10", *QUICK)
    for losses in ((1.4, 1.3, 1.2), (1.4, 1.35, 1.3), (1.4, 30, 40)):
        simulator.learn(*losses)

    told = simulator.told("show", sweep["id"])

    assert "negative log-likelihood (cut off at 1.6)" in told
    assert re.search(r"^1\.[67]\d*┤", told, re.MULTILINE)
    assert not re.search(r"^[ \d]*[2-9]\d?┤", told, re.MULTILINE)


def test_sweep_show_plots_best_eight_trials(simulator):
    sweep = simulator.ask("random", "--trials", 10, "momentum=0..0.9", *QUICK)
    for n in range(10):
        simulator.learn(1.5, 1.4 - n / 100)

    told = simulator.told("show", sweep["id"])

    assert len(re.findall(r"^[a-z] job \d+: momentum", told, re.MULTILINE)) == 8
    assert "The best 8 of 10 trials are drawn." in told


def test_sweep_show_suggests_rate_of_range_test(simulator):
    sweep = simulator.ask("range", "--low", 0.01, "--high", 10, "--trials", 4, "--kind", "user_rbm")
    for losses in ((1.5, 1.45), (1.5, 1.2), (1.5, 1.8), (1.5, 9)):
        simulator.learn(*losses)

    told = simulator.told("show", sweep["id"])
    refused = simulator.run("publish", sweep["id"])

    assert [row[1] for row in first_columns(told, "best epoch")] == ["0.01", "0.1", "1", "10"]
    assert (
        "decreases at learning rates from 0.01 to 0.1 and increases from 1. Suggested: 0.1" in told
    )
    assert "recsvc train --kind user_rbm --set learning_rate=0.1\n" in told
    assert "explained variance" not in told
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "trials are too short to publish" in refused.stderr


def test_sweep_show_suggests_no_rate_when_loss_never_decreases(simulator):
    sweep = simulator.ask("range", "--trials", 2, "--kind", "user_rbm")
    for _ in range(2):
        simulator.learn(1.5, 1.8)

    assert "The loss decreases in none of these learning rates." in simulator.told(
        "show", sweep["id"]
    )


def test_sweep_show_of_cancelled_range_test_uses_finished_trials(simulator):
    sweep = simulator.ask("range", "--trials", 3, "--kind", "user_rbm")
    untried = simulator.ask("range", "--trials", 3, "--kind", "user_rbm")
    simulator.learn(1.5, 1.8)
    for number in (sweep["id"], untried["id"]):
        simulator.told("cancel", number)

    assert "decreases in none of the finished trials." in simulator.told("show", sweep["id"])
    assert "No learning rate can be suggested: no trial" in simulator.told("show", untried["id"])


def test_sweep_show_exits_with_1_and_prints_shared_error_once(simulator):
    sweep = simulator.ask("grid", "n_hidden=2,4", *QUICK)
    for _ in range(2):
        simulator.fail(FEW)
    jobs = ", ".join(str(one["job_id"]) for one in sweep["trials"])

    told = simulator.run("show", sweep["id"], "--follow")
    refused = simulator.run("publish", sweep["id"])

    assert told.returncode == 1
    assert f"Jobs {jobs} failed: Too few ratings. Send [more]." in told.stdout
    assert f"error: Sweep {sweep['id']} has no model yet." in refused.stderr


def test_sweep_list_prints_newest_first_with_search_space(simulator):
    older = simulator.ask("grid", "n_hidden=2,4,8,16", *QUICK)
    simulator.learn(1.5, 1.25)
    newer = simulator.ask("range", "--trials", 3)

    rows = [row.split() for row in simulator.told("list", "-n", 2).splitlines()[1:]]

    assert rows[0][:7] == [str(newer["id"]), "range", "learning_rate", "queued", "0", "of", "3"]
    assert rows[1][:8] == [
        str(older["id"]),
        "grid",
        "n_hidden",
        "running",
        "1",
        "of",
        "4",
        "1.2500",
    ]
    assert [one["id"] for one in json.loads(simulator.told("list", "-n", 1, "--json"))] == [
        newer["id"]
    ]


def test_sweep_list_prints_first_command_when_empty(recsvc, tmp_path):
    told = recsvc("sweep", "list", home=tmp_path / "empty")

    assert told.stdout.startswith("No sweeps. Start one: recsvc sweep grid ")


@contextmanager
def follow_sweep(played: Played, sweep: dict) -> Iterator[subprocess.Popen[str]]:
    """`recsvc sweep show --follow`, which is not waited for longer than the test takes."""
    command = [*RECSVC, "sweep", "show", str(sweep["id"]), "--follow", "--url", played.url]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment(played.home), **pipes) as following:
        try:
            yield following
        finally:
            following.kill()


def test_sweep_follow_prints_start_and_end_of_trial_on_stderr(simulator):
    sweep = simulator.ask("grid", "n_hidden=2,4", *QUICK)
    lease = simulator.claim()
    with follow_sweep(simulator, sweep) as following:
        began = following.stderr.readline()
        simulator.learn(1.5, 1.4, lease=lease)
        ended = following.stderr.readline()

    assert re.fullmatch(r"trial 1 of 2, job \d+, n_hidden 2: running\n", began)
    assert re.match(r"trial 1 of 2, job \d+, n_hidden 2: succeeded, validation NLL 1.4000", ended)


@pytest.fixture
def hears_ctrl_c():
    """Let children hear it, though these tests were started in the background, where none does."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("hears_ctrl_c")
def test_sweep_follow_stops_on_ctrl_c_without_cancelling(simulator):
    sweep = simulator.ask("grid", "n_hidden=2,4", *QUICK)
    simulator.learn(1.5, 1.4)
    with follow_sweep(simulator, sweep) as following:
        first = following.stderr.readline()
        following.send_signal(signal.SIGINT)
        _, said = following.communicate(timeout=PATIENCE_SECONDS)

    assert re.match(r"trial 1 of 2, job \d+, n_hidden 2: succeeded, validation NLL 1.4000", first)
    assert following.returncode == 130
    assert said.splitlines()[-1] == (
        f"Stopped following sweep {sweep['id']}. Show it: recsvc sweep show {sweep['id']}; "
        f"cancel it: recsvc sweep cancel {sweep['id']}"
    )
    assert json.loads(simulator.told("show", sweep["id"], "--json"))["state"] == "running"
