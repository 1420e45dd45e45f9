"""`recsvc jobs plot`: curves in a terminal that may be narrow, pictures that show something."""

import re
import struct
import sys
import zlib
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest

from recsvc.cli.views import image_files
from recsvc.client import ClientError
from tests.cli.conftest import start_serving
from tests.factories.training_lines import Past, figures

pytestmark = pytest.mark.acceptance

NLL = ("--metric", "validation_nll")
BRAILLE = re.compile("[\u2801-\u28ff]")


@pytest.fixture(scope="module")
def past(tmp_path_factory) -> Iterator[Past]:
    served = start_serving(tmp_path_factory.mktemp("plot") / "home", "--no-worker")
    yield Past(served)
    assert served.stop() == 0
    served.process.stdout.close()


@pytest.fixture(scope="module")
def overfit(past: Past) -> int:
    return past.job([figures(n, 12) for n in range(31)], best=12)


@pytest.fixture(scope="module")
def diverged_job(past: Past) -> int:
    broken = {3: float("nan"), 4: float("inf")}
    epochs = [figures(n, 9, validation_nll=broken.get(n, 10.0**n)) for n in range(6)]
    return past.job(epochs, diverged_at=6, learning_rate=4)


@pytest.fixture
def run_plot(recsvc, past):
    def plot(*arguments: object, width: int = 80) -> str:
        told = recsvc("jobs", "plot", *arguments, "--url", past.url, COLUMNS=str(width))
        assert told.returncode == 0, told.stderr
        return told.stdout

    return plot


def words(svg: str) -> list[str]:
    picture = ElementTree.fromstring(svg)
    return ["".join(text.itertext()) for text in picture.iter("{http://www.w3.org/2000/svg}text")]


def test_plot_shows_curves_baselines_best_epoch_and_findings(run_plot, overfit):
    shown = run_plot(overfit)

    assert "negative log-likelihood   v validation 1.2722   t training 1.0003" in shown
    assert "reconstruction error   t training 0.80002" in shown
    assert re.search(r"┄global mean┄$", shown, re.MULTILINE)
    assert re.search(r"^ +▲ best: epoch 12$", shown, re.MULTILINE)
    assert re.search(r"^ +├─ overfit ─+┤$", shown, re.MULTILINE)
    assert len(BRAILLE.findall(shown)) > 100


def test_plot_places_finding_and_best_epoch_below_their_epochs(run_plot, overfit):
    rows = run_plot(overfit, *NLL).splitlines()
    curve = next(row for row in rows if "◆" in row)
    best = next(row for row in rows if "best: epoch 12" in row)
    finding = next(row for row in rows if "overfit" in row)

    assert curve.index("◆") == best.index("▲") == finding.index("├")
    assert finding.rstrip()[-1] == "┤"
    assert len(finding.rstrip()) == 80


def test_plot_has_no_escape_codes_without_terminal(run_plot, overfit, diverged_job):
    assert "\x1b" not in run_plot(overfit, diverged_job)


@pytest.mark.parametrize("width", [10, 24, 40, 80, 200])
def test_plot_rows_fit_terminal_width(run_plot, overfit, diverged_job, width):
    rows = run_plot(overfit, diverged_job, width=width).splitlines()

    assert max(map(len, rows)) <= width
    assert width < 20 or max(map(len, rows)) == width


def test_plot_names_jobs_by_differing_hyperparameters(run_plot, overfit, diverged_job):
    shown = run_plot(overfit, diverged_job, *NLL)

    assert f"a job {overfit}: learning_rate by default\n" in shown
    assert f"b job {diverged_job}: learning_rate 4.0\n" in shown or "learning_rate 4\n" in shown
    assert re.search(r"┤.*a.*", shown)
    assert "b not_finite" in shown


def test_plot_of_diverged_job_ends_at_last_finite_epoch(run_plot, diverged_job):
    linear, log = run_plot(diverged_job, *NLL), run_plot(diverged_job, *NLL, "--log")

    assert "not_finite" in linear
    assert "nan" not in linear
    assert "100000┤" in linear.replace(" ", "")
    assert re.search(r"^ +1000┤", log, re.MULTILINE)
    assert log.splitlines()[2].startswith("negative log-likelihood (logarithmic)")


def test_plot_marks_single_epoch_and_reports_missing_figures(run_plot, past):
    one, none = past.job([figures(0, 9)], best=0), past.job([])

    assert "┤◆" in run_plot(one, *NLL)
    assert "No figures to draw." in run_plot(none)
    assert "best" not in run_plot(none)


def test_plot_keeps_single_spike_among_10000_epochs(run_plot, past, tmp_path):
    spike = {7000: 5.0}
    long = past.job(figures(n, 9, validation_nll=spike.get(n, 1.0)) for n in range(10_000))

    shown = run_plot(long, *NLL)
    run_plot(long, *NLL, "--output", tmp_path / "long.svg")
    svg = (tmp_path / "long.svg").read_text()
    line = re.search(r'"line validation" d="([^"]+)"', svg)[1]

    assert re.search(r"5┤ {40,}[^ ]+$", shown, re.MULTILINE)
    assert "8000" in shown
    assert len(svg) < 100_000
    assert min(float(y) for y in re.findall(r" ([\d.]+)", line)) == 68.0


def test_plot_svg_has_curves_baselines_and_findings(run_plot, overfit, tmp_path):
    file = tmp_path / "curve.svg"
    assert run_plot(overfit, "--output", file).startswith("Plot written to ")
    svg = file.read_text()

    assert {"global mean 1.120", "best: epoch 12, 1.2149", "overfit"} <= set(words(svg))
    assert svg.count('<path class="line validation"') == 2
    assert svg.count('<path class="line training"') == 2
    assert "prefers-color-scheme:dark" in svg


def test_plot_svg_has_line_per_job(run_plot, overfit, diverged_job, tmp_path):
    file = tmp_path / "curve.svg"
    run_plot(overfit, diverged_job, *NLL, "--log", "--output", file)
    svg = file.read_text()

    assert svg.count('<path class="line job1"') == svg.count('<path class="line job2"') == 1
    assert "negative log-likelihood (logarithmic)" in words(svg)
    assert f"a  job {overfit}: learning_rate by default" in words(svg)


def pixels(png: bytes) -> tuple[int, int, bytes]:
    """Give width, height and the unpacked, still filtered bytes of a PNG."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    data, at = b"", 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += length + 12
    return width, height, zlib.decompress(data)


def test_plot_png_is_image_with_content(run_plot, overfit, tmp_path):
    file = tmp_path / "curve.PNG"
    run_plot(overfit, *NLL, "--output", file)
    width, height, data = pixels(file.read_bytes())

    assert (width, height) == (2 * 860, 2 * (68 + 250 + 46 + 2 * 18))
    assert len(data) == height * (1 + 4 * width)
    rows = [data[n * (1 + 4 * width) :][: 1 + 4 * width] for n in range(height)]
    assert len(set(rows)) > height / 3


def test_plot_exits_with_2_for_unknown_file_format(recsvc, tmp_path):
    told = recsvc("jobs", "plot", 1, "--output", tmp_path / "curve.pdf")

    assert told.returncode == 2
    assert "must end in .svg or .png" in " ".join(told.stderr.split())


def test_plot_exits_with_2_for_unknown_metric(recsvc):
    assert recsvc("jobs", "plot", 1, "--metric", "loss").returncode == 2


def test_plot_exits_with_2_for_too_many_jobs(recsvc):
    assert recsvc("jobs", "plot", *range(1, 10)).returncode == 2


def test_plot_exits_with_1_for_unknown_job(recsvc, past):
    told = recsvc("jobs", "plot", 987654, "--url", past.url)

    assert told.returncode == 1
    assert told.stderr.startswith("error: Job not found: ")


def test_check_png_support_names_missing_package(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "resvg_py", None)

    with pytest.raises(ClientError, match=r"pip install 'recsvc\[plot\]'"):
        image_files.check_png_support(tmp_path / "curve.png")
    image_files.check_png_support(tmp_path / "curve.svg")
