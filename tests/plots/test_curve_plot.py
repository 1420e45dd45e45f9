"""What of error curves is drawn."""

import math

from recsvc.plots.curve_plot import Curve, build_plot
from recsvc.plots.panels import Span

NLL = [{"epoch": n, "validation_nll": 2.0 / (n + 1), "train_nll": 1.0 / (n + 1)} for n in range(5)]


def names(*curves: Curve, figures=()) -> dict[str, list[str]]:
    panels = build_plot(curves, figures).panels
    return {panel.name: [line.key.name for line in panel.lines] for panel in panels}


def test_plot_omits_empty_metrics_unless_requested():
    curve = Curve(7, "succeeded", NLL)

    assert names(curve) == {"negative log-likelihood": ["validation", "training"]}
    assert names(curve, figures=["seconds"]) == {"seconds": ["training"]}
    assert names(Curve(7, "queued", [])) == {"negative log-likelihood": ["validation", "training"]}


def test_plot_of_several_jobs_has_validation_only_by_default():
    two = Curve(7, "succeeded", NLL), Curve(9, "succeeded", NLL)

    assert names(*two) == {"negative log-likelihood": ["job 7", "job 9"]}
    both = build_plot(two, ["train_nll", "validation_nll"]).panels[0].lines
    assert [(line.key.mark, line.is_dashed) for line in both] == [
        ("a", False),
        ("A", True),
        ("b", False),
        ("B", True),
    ]


def test_plot_has_gap_at_value_that_axis_cannot_show():
    values = [1.0, math.nan, math.inf, 1e200, 0.0, None]
    rows = [{"epoch": n, "seconds": value} for n, value in enumerate(values)]

    def drawn(**how: bool) -> list[float | None]:
        panel = build_plot([Curve(7, "failed", rows)], ["seconds"], **how).panels[0]
        return [value for _, value in panel.lines[0].points]

    assert drawn() == [1.0, None, None, None, 0.0, None]
    assert drawn(is_log=True) == [1.0, None, None, None, None, None]


def test_plot_epochs_include_those_of_findings():
    found = Span("not_finite", "problem", (8, 8))

    assert build_plot([Curve(7, "failed", NLL, findings=[found])]).epochs() == (0, 8)


def test_plot_ceiling_cuts_off_lines_and_omits_levels_above():
    diverging = [{"epoch": n, "validation_nll": 2.0 * 10**n} for n in range(3)]
    baselines = {"global_mean": {"nll": 2.5}, "item_mean": {"nll": 9.0}}
    curves = Curve(7, "succeeded", NLL, baselines=baselines), Curve(9, "succeeded", diverging)

    (panel,) = build_plot(curves, ["validation_nll"], ceiling=3.0).panels
    (whole,) = build_plot(curves, ["validation_nll"]).panels

    assert (max(panel.values()), panel.is_cut()) == (3.0, True)
    assert panel.levels == {"global mean": 2.5}
    assert (max(whole.values()), whole.is_cut()) == (200.0, False)


def test_plot_legend_names_differing_hyperparameters_only():
    asked = [{"n_hidden": 8, "learning_rate": rate} for rate in (0.1, 0.2)]
    jobs = [Curve(n, "succeeded", NLL, hyperparameters=one) for n, one in enumerate(asked, start=7)]

    told = [key.name for key in build_plot(jobs).legend]

    assert told == ["job 7: learning_rate 0.1", "job 8: learning_rate 0.2"]
