"""The charts' own arithmetic, run where it will run: ticks, scales, and lines of many points."""

import itertools
import json

import pytest
from playwright.sync_api import Page

from tests.dashboard.conftest import Open

# Draws a line through ys at their places onto something that only takes note of the points.
DRAWN = """
async ([ys, width]) => {
  const { drawLine } = await import("/dashboard/static/js/charts/canvas.js");
  const { scale } = await import("/dashboard/static/js/charts/ticks.js");
  const points = [];
  const note = (way) => (x, y) => points.push([way, x, y]);
  const context = { beginPath() {}, stroke() {}, moveTo: note("move"), lineTo: note("line") };
  const xs = ys.map((_, n) => n);
  const numbers = ys.map((y) => y ?? NaN);
  const x = scale(0, ys.length - 1, 0, width);
  const last = ys.length - 1;
  drawLine(context, { xs, ys: numbers, first: 0, last, x, y: (v) => v, isLog: false });
  return points;
}
"""
TICKS = """
async ([name, low, high, count]) => {
  const found = await import("/dashboard/static/js/charts/ticks.js");
  return found[name](low, high, count);
}
"""

# The ends of the axis of values, for a line that stays low and one that goes high.
ENDS = """
async ([ceiling, isLog]) => {
  const { LineChart } = await import("/dashboard/static/js/charts/line-chart.js");
  const { SharedAxis } = await import("/dashboard/static/js/charts/shared-axis.js");
  const known = { key: "", name: "", xs: [0, 1], first: 0, last: 1 };
  const lines = [[1, 2], [1, 100]].map((ys) => ({ ...known, ys }));
  const chart = new LineChart("Loss", new SharedAxis());
  chart.show({ lines, ceiling: ceiling ?? undefined });
  return chart.range(lines, isLog);
}
"""


@pytest.fixture
def page(page_of: Open) -> Page:
    return page_of("#/jobs")


def test_path_thins_many_points_to_ends_and_extremes_per_column(page: Page):
    ys = [n % 7 + (100 if n == 4321 else 0) for n in range(10_000)]

    drawn = page.evaluate(DRAWN, [ys, 300])

    assert len(drawn) <= 4 * 301
    columns = itertools.groupby(range(10_000), key=lambda n: int(n * 300 / 9999 + 0.5))
    wanted = {column: {ys[n] for n in places} for column, places in columns}
    for column, values in wanted.items():
        seen = [y for _, x, y in drawn if x == column]
        assert (min(seen), max(seen)) == (min(values), max(values)), column


def test_path_draws_few_points_unchanged(page: Page):
    drawn = page.evaluate(DRAWN, [[3, 1, 2], 100])

    assert drawn == [["move", 0, 3], ["line", 50, 1], ["line", 100, 2]]


@pytest.mark.parametrize("count", [9, 9000])
def test_path_breaks_at_missing_values(page: Page, count: int):
    ys = [None if count // 3 <= n < 2 * count // 3 else 1.0 for n in range(count)]

    drawn = page.evaluate(DRAWN, [ys, 600])

    assert [way for way, *_ in drawn].count("move") == 2
    begins = [x for way, x, _ in drawn if way == "move"]
    assert begins[0] == 0
    assert begins[1] == pytest.approx(600 * (2 * count // 3) / (count - 1), abs=1)


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (1.2, 1.23), (-5, 1e6), (1e-7, 3e-7), (3, 3), (0, 9999)]
)
def test_ticks_are_sorted_rounded_and_within_range(page: Page, low: float, high: float):
    found = page.evaluate(TICKS, ["ticks", low, high, 5])

    assert found == sorted(found)
    assert 1 <= len(found) <= 11
    room = 1e-9 * max(abs(low), abs(high))
    assert all(low - room <= tick <= high + room for tick in found)
    assert all(len(json.dumps(tick).strip("-0.").split("e")[0]) <= 7 for tick in found)


@pytest.mark.parametrize(("low", "high"), [(1e-6, 10), (0.9, 5), (1, 1.1), (1e-3, 2e4)])
def test_log_ticks_are_sorted_and_within_range(page: Page, low: float, high: float):
    found = page.evaluate(TICKS, ["logTicks", low, high, 6])

    assert found == sorted(found)
    assert 2 <= len(found) <= 12
    assert all(low <= tick <= high for tick in found)


def test_axis_ends_apply_ceiling_to_linear_scale_only(page: Page):
    assert page.evaluate(ENDS, [3, False]) == pytest.approx([0.88, 3.12])
    assert page.evaluate(ENDS, [None, False])[1] > 100
    assert page.evaluate(ENDS, [3, True])[1] > 100
