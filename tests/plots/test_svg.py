"""A plot as SVG."""

import re

from recsvc.plots import svg
from recsvc.plots.curve_plot import Curve, build_plot

Y = re.compile(r'class="line validation" d="([^"]*)"')


def curve(*values: float | None) -> Curve:
    rows = [{"epoch": n, "validation_nll": value} for n, value in enumerate(values)]
    return Curve(7, "succeeded", rows)


def test_svg_line_breaks_at_gap_and_draws_single_point():
    path = Y.search(svg.draw(build_plot([curve(1.0, 2.0, None, 1.5)])))[1]

    assert [part.count("L") for part in path.split("M")[1:]] == [2, 1]


def test_thin_points_keeps_ends_extremes_and_gaps():
    values: list[float | None] = [1.0] * 10_000
    values[3333], values[4444] = 9.0, -9.0
    values[5000:7000] = [None] * 2000
    points = list(enumerate(values))

    kept = svg.thin_points(points, 100)

    assert len(kept) <= 400
    assert {points[0], points[-1], (3333, 9.0), (4444, -9.0), (6000, None)} <= set(kept)
    assert kept == sorted(kept, key=lambda point: point[0])
    assert svg.thin_points(points[:300], 100) == points[:300]


def test_svg_escapes_names():
    baselines = {"<b>&": {"rmse": 1.0}}
    rows = [{"epoch": 0, "validation_rmse": 0.9}]

    drawn = svg.draw(build_plot([Curve(7, "<script>", rows, baselines=baselines)]))

    assert "<script>" not in drawn
    assert "&lt;b&gt;&amp;" in drawn
