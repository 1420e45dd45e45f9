"""Layout of error curves, of one job or of several: panels, lines and spans."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from recsvc.epoch_metrics import BY_NAME, CHARTS_BY_ID, USUAL, EpochMetric
from recsvc.plots.panels import Key, Line, Panel, Plot, Span

MAX_JOBS = 8  # there are eight distinguishable colours
LARGEST_DRAWABLE = 1e100  # treated as infinite: ticks would overflow


@dataclass(frozen=True)
class Curve:
    """A training job's error curve, and its context.

    epochs           one entry an epoch: the metrics that were measured
    baselines        name → metrics
    findings         the diagnosis: code, severity, epochs
    hyperparameters  the requested hyperparameters; the legend shows those that differ
    """

    job_id: int
    state: str
    epochs: Sequence[Mapping[str, float | None]]
    best_epoch: int | None = None
    baselines: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    findings: Sequence[Span] = ()
    hyperparameters: Mapping[str, object] = field(default_factory=dict)


def build_plot(
    curves: Sequence[Curve],
    metrics: Iterable[str] = (),
    *,
    is_log: bool = False,
    ceiling: float = math.inf,
) -> Plot:
    """Build the plot of one or several error curves.

    metrics  names of those to draw; by default the usual ones that have values
    ceiling  higher values are cut off at this value
    """
    chosen = tuple(dict.fromkeys(metrics))
    panels = _panels(curves, chosen or _usual(curves), is_log=is_log, ceiling=ceiling)
    if not chosen:
        likelihood = panels[1:2]
        panels = [panel for panel in panels if panel.values()] or likelihood
    several = len(curves) > 1
    numbers = ", ".join(str(curve.job_id) for curve in curves)
    return Plot(
        f"Training jobs {numbers}" if several else f"Training job {numbers} · {curves[0].state}",
        panels,
        _legend(curves) if several else (),
        [span for n, curve in enumerate(curves) for span in _best(curve, _mark(n, several))],
        [
            span._replace(label=f"{_mark(n, several)}{span.label}")
            for n, curve in enumerate(curves)
            for span in curve.findings
        ],
        is_log,
    )


def _usual(curves: Sequence[Curve]) -> tuple[str, ...]:
    """Return the default metrics; several jobs are drawn without the train likelihood."""
    several = len(curves) > 1
    return tuple(name for name in USUAL if not (several and name == "train_nll"))


def _panels(
    curves: Sequence[Curve], names: Sequence[str], *, is_log: bool, ceiling: float
) -> list[Panel]:
    groups: dict[str, list[EpochMetric]] = {}
    for name in names:
        groups.setdefault(BY_NAME[name].quantity, []).append(BY_NAME[name])
    return [
        Panel(
            quantity,
            [
                _line(curves, n, metric, is_log=is_log, is_second=place > 0)
                for n in range(len(curves))
                for place, metric in enumerate(
                    sorted(group, key=lambda metric: metric.part, reverse=True)
                )
            ],
            _levels(curves[0], group[0], is_log=is_log, ceiling=ceiling),
            ceiling,
        )
        for quantity, group in groups.items()
    ]


def _line(
    curves: Sequence[Curve], n: int, metric: EpochMetric, *, is_log: bool, is_second: bool
) -> Line:
    curve = curves[n]
    points = [
        (int(epoch["epoch"] or 0), drawable_value(epoch.get(metric.name), is_log=is_log))
        for epoch in curve.epochs
    ]
    best = None if is_second else curve.best_epoch
    if len(curves) == 1:
        return Line(Key(metric.part[0], metric.part, metric.part), points, best)
    letter = chr(ord("A" if is_second else "a") + n)
    name = f"job {curve.job_id}" + (f" {metric.part}" if is_second else "")
    return Line(Key(letter, f"job{n + 1}", name), points, best, is_dashed=is_second)


def _levels(curve: Curve, metric: EpochMetric, *, is_log: bool, ceiling: float) -> dict[str, float]:
    named = CHARTS_BY_ID[metric.chart].baseline if metric.chart else None
    levels = {
        name.replace("_", " "): drawable_value(figures.get(named), is_log=is_log)
        for name, figures in curve.baselines.items()
        if named
    }
    return {name: value for name, value in levels.items() if value is not None and value <= ceiling}


def drawable_value(value: float | None, *, is_log: bool = False) -> float | None:
    """Return the value if an axis can show it, else None."""
    if value is None or not math.isfinite(value) or abs(value) > LARGEST_DRAWABLE:
        return None
    return None if is_log and value < 1 / LARGEST_DRAWABLE else value


def _mark(n: int, several: bool) -> str:
    return f"{chr(ord('a') + n)} " if several else ""


def _best(curve: Curve, mark: str) -> list[Span]:
    best = curve.best_epoch
    if best is None or all(epoch["epoch"] != best for epoch in curve.epochs):
        return []
    return [Span(f"{mark}best: epoch {best}", "best", (best, best))]


def _legend(curves: Sequence[Curve]) -> list[Key]:
    """Return a legend entry for each job, with the hyperparameters that differ."""
    names = dict.fromkeys(name for curve in curves for name in curve.hyperparameters)
    differing = [
        name
        for name in names
        if len({repr(curve.hyperparameters.get(name)) for curve in curves}) > 1
    ]
    return [
        Key(chr(ord("a") + n), f"job{n + 1}", _format_job(curve, differing))
        for n, curve in enumerate(curves)
    ]


def _format_job(curve: Curve, differing: Sequence[str]) -> str:
    settings = [f"{name} {curve.hyperparameters.get(name, 'by default')}" for name in differing]
    return f"job {curve.job_id}" + (f": {', '.join(settings)}" if settings else "")
