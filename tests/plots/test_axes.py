"""Axes: round ticks that enclose the values, and labels that differ."""

import pytest

from recsvc.plots.axes import Axis, epoch_ticks

RANGES = [(1.0, 2.0), (0.93, 0.9301), (5.0, 5.0), (1e-9, 3e-9), (3.0, 1e30), (1e99, 1e100), (7, 8)]


@pytest.mark.parametrize("is_log", [False, True])
@pytest.mark.parametrize(("low", "high"), [*RANGES, (1e-100, 1e100)])
def test_axis_ticks_enclose_range_and_have_distinct_labels(low, high, is_log):
    axis = Axis.enclosing([low, high], is_log=is_log)

    assert axis.ticks[0] <= low * (1 + 1e-9)
    assert axis.ticks[-1] >= high * (1 - 1e-9)
    assert list(axis.ticks) == sorted(set(axis.ticks))
    assert len(set(axis.labels())) == len(axis.ticks) <= 10


@pytest.mark.parametrize("values", [[0.0, 0.0], [-3.0, -1.0], [-1e100, 1e100]])
def test_linear_axis_accepts_values_below_zero(values):
    axis = Axis.enclosing(values)

    assert 0 <= axis.share(values[0]) <= axis.share(values[1]) <= 1
    assert axis.share(axis.ticks[0]) == 0
    assert axis.share(axis.ticks[-1]) == 1


def test_log_axis_spaces_factors_of_ten_equally():
    axis = Axis.enclosing([1, 10_000], is_log=True)

    assert [axis.share(v) for v in (1, 10, 100, 10_000)] == pytest.approx([0, 0.25, 0.5, 1])


@pytest.mark.parametrize(("first", "last"), [(0, 0), (1, 2), (0, 30), (5, 10_000)])
def test_epoch_ticks_are_few_and_start_at_first_epoch(first, last):
    ticks = epoch_ticks(first, last, most=5)

    assert ticks[0] == first
    assert 1 <= len(ticks) <= 6
    assert ticks[-1] <= last
