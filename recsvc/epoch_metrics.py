"""The register of the metrics of an epoch, and of the charts that show them.

The model, the database, the API, the plots, the command line, the dashboard and the documentation
read METRICS. Its order is that of the JSON fields and of the columns of the CSV file.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

Direction = Literal["lower", "higher"]
Part = Literal["training", "validation"]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart of the dashboard.

    baseline  the metric of the baselines that compares, if any
    is_usual  whether a plot shows it if no metric is named
    """

    id: str
    title: str
    baseline: str | None = None
    is_usual: bool = False


@dataclass(frozen=True, kw_only=True)
class EpochMetric:
    """One metric of an epoch.

    text        its definition, one sentence without a full stop
    example     a value for the API's documentation
    label       its heading in tables
    quantity    the measured quantity; metrics of one quantity share a panel of a plot
    part        the ratings that it is measured on
    unit        empty for a pure number
    better      the direction of improvement, None where neither is better
    chart       the id of its chart on the dashboard, None if it has none
    line        the name of its line within the chart
    is_count    whether it is a whole number
    is_setting  whether every epoch has it: settings of the epoch and its duration
    """

    name: str
    text: str
    example: float
    label: str
    quantity: str
    part: Part = "training"
    unit: str = ""
    better: Direction | None = None
    chart: str | None = None
    line: str = "training"
    is_count: bool = False
    is_setting: bool = False


CHARTS = (
    Chart(id="ndcg", title="nDCG@10", baseline="ndcg_at_10", is_usual=True),
    Chart(id="nll", title="Negative log-likelihood", baseline="nll", is_usual=True),
    Chart(id="rmse", title="RMSE", baseline="rmse", is_usual=True),
    Chart(id="reconstruction", title="Reconstruction error", is_usual=True),
    Chart(id="free_energy", title="Free energy"),
    Chart(id="update", title="Update to weight ratio"),
    Chart(id="units", title="Hidden units"),
    Chart(id="activity", title="Hidden activity"),
    Chart(id="similarity", title="Unit similarity"),
    Chart(id="weight", title="Largest weight"),
    Chart(id="spread", title="Prediction spread"),
    Chart(id="kept", title="Kept levels"),
    Chart(id="rate", title="Learning rate"),
    Chart(id="momentum", title="Momentum"),
    Chart(id="seconds", title="Seconds an epoch"),
)

METRICS = (
    EpochMetric(
        name="validation_nll",
        text="Mean −log p(level | item, user) of validation ratings, each user folded in from "
        "their train ratings",
        example=1.32,
        label="validation NLL",
        quantity="negative log-likelihood",
        part="validation",
        unit="nats",
        better="lower",
        chart="nll",
        line="validation",
    ),
    EpochMetric(
        name="validation_rmse",
        text="Root mean square error of the expected rating of the same ratings",
        example=0.97,
        label="validation RMSE",
        quantity="RMSE",
        part="validation",
        unit="rating",
        better="lower",
        chart="rmse",
        line="validation",
    ),
    EpochMetric(
        name="validation_ndcg",
        text="nDCG@10 of the validation items of up to 1,024 users, by the hidden units alone; "
        "null for a kind that only predicts ratings, otherwise it determines the best epoch",
        example=0.31,
        label="validation nDCG@10",
        quantity="nDCG@10",
        part="validation",
        better="higher",
        chart="ndcg",
        line="validation",
    ),
    EpochMetric(
        name="train_nll",
        text="NLL of train ratings, each left out of its own input; far below the validation NLL "
        "it indicates overfitting",
        example=1.28,
        label="train NLL",
        quantity="negative log-likelihood",
        unit="nats",
        better="lower",
        chart="nll",
    ),
    EpochMetric(
        name="reconstruction_error",
        text="RMSE between ratings and their one-step reconstructions (user_rbm and item_rbm)",
        example=0.41,
        label="reconstruction",
        quantity="reconstruction error",
        unit="rating",
        better="lower",
        chart="reconstruction",
    ),
    EpochMetric(
        name="train_free_energy",
        text="Mean free energy per train rating of up to 64 users",
        example=-112.4,
        label="train free energy",
        quantity="free energy",
        unit="nats",
        chart="free_energy",
    ),
    EpochMetric(
        name="validation_free_energy",
        text="Mean free energy per validation rating of the same users; a growing distance from "
        "the train one indicates overfitting",
        example=-110.9,
        label="validation free energy",
        quantity="free energy",
        part="validation",
        unit="nats",
        chart="free_energy",
        line="validation",
    ),
    EpochMetric(
        name="update_to_weight_ratio",
        text="RMS of the epoch's last step over RMS of the weights; about .001 is healthy",
        example=0.001,
        label="update / weight",
        quantity="update to weight ratio",
        chart="update",
    ),
    EpochMetric(
        name="prediction_spread",
        text="Standard deviation of the expected validation ratings over that of the actual ones",
        example=0.55,
        label="prediction spread",
        quantity="prediction spread",
        chart="spread",
    ),
    EpochMetric(
        name="kept_levels",
        text="Share of ratings that the Gibbs chain reproduces unchanged (user_rbm and item_rbm)",
        example=0.48,
        label="kept levels",
        quantity="kept levels",
        chart="kept",
    ),
    EpochMetric(
        name="hidden_activity",
        text="Mean of P(h = 1 | v) over up to 256 users and all hidden units",
        example=0.31,
        label="hidden activity",
        quantity="hidden activity",
        chart="activity",
        line="mean",
    ),
    EpochMetric(
        name="hidden_certainty",
        text="Mean of |P(h = 1 | v) − ½|: 0 is undecided for every user, ½ is always certain",
        example=0.22,
        label="hidden certainty",
        quantity="hidden certainty",
        chart="activity",
        line="certainty",
    ),
    EpochMetric(
        name="saturated_units",
        text="Share of hidden units that are on, or off, for nearly every user",
        example=0.02,
        label="saturated units",
        quantity="saturated units",
        better="lower",
        chart="units",
        line="saturated",
    ),
    EpochMetric(
        name="dead_units",
        text="Share of hidden units that respond to every user alike",
        example=0.0,
        label="dead units",
        quantity="dead units",
        better="lower",
        chart="units",
        line="dead",
    ),
    EpochMetric(
        name="unit_similarity",
        text="Greatest |cosine| between the weights of two hidden units",
        example=0.61,
        label="unit similarity",
        quantity="unit similarity",
        better="lower",
        chart="similarity",
    ),
    EpochMetric(
        name="largest_weight",
        text="Greatest absolute value of a weight",
        example=1.7,
        label="largest weight",
        quantity="largest weight",
        chart="weight",
    ),
    EpochMetric(
        name="rollbacks",
        text="Times so far that training diverged and went on from its best epoch at a tenth of "
        "the learning rate; a diverged epoch has the metrics of the best one",
        example=0,
        label="rollbacks",
        quantity="rollbacks",
        better="lower",
        is_count=True,
    ),
    EpochMetric(
        name="learning_rate",
        text="Learning rate of the epoch",
        example=0.01,
        label="learning rate",
        quantity="learning rate",
        chart="rate",
        is_setting=True,
    ),
    EpochMetric(
        name="momentum",
        text="Momentum of the epoch",
        example=0.9,
        label="momentum",
        quantity="momentum",
        chart="momentum",
        is_setting=True,
    ),
    EpochMetric(
        name="cd_steps",
        text="Gibbs steps of the negative phase in the epoch",
        example=1,
        label="CD steps",
        quantity="cd steps",
        is_count=True,
        is_setting=True,
    ),
    EpochMetric(
        name="seconds",
        text="Duration of the epoch",
        example=0.42,
        label="seconds",
        quantity="seconds",
        unit="s",
        chart="seconds",
        is_setting=True,
    ),
)

BY_NAME = {metric.name: metric for metric in METRICS}
CHARTS_BY_ID = {chart.id: chart for chart in CHARTS}


def metrics_of(chart: Chart) -> list[EpochMetric]:
    """Return the metrics of a chart, those of validation ratings first."""
    own = [metric for metric in METRICS if metric.chart == chart.id]
    return sorted(own, key=lambda metric: metric.part, reverse=True)


def _plot_order() -> Iterator[EpochMetric]:
    """Yield the metrics of the usual charts, then all others."""
    for chart in CHARTS:
        if chart.is_usual:
            yield from metrics_of(chart)
    for metric in METRICS:
        if metric.chart is None or not CHARTS_BY_ID[metric.chart].is_usual:
            yield metric


USUAL = tuple(metric.name for chart in CHARTS if chart.is_usual for metric in metrics_of(chart))
if TYPE_CHECKING:
    MetricName = str
else:  # the schema of the API that lists the names is called Figure
    MetricName = StrEnum("Figure", {metric.name.upper(): metric.name for metric in _plot_order()})
    MetricName.__doc__ = "A metric of an epoch."
