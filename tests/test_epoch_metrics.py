import csv
import io
from dataclasses import fields
from typing import get_args

import pytest

from recsvc.api.dashboard.page import _registers
from recsvc.api.routes.training.error_curve import Epoch, _as_csv
from recsvc.db.tables import TrainingEpoch
from recsvc.epoch_metrics import BY_NAME, CHARTS, METRICS, USUAL, MetricName, metrics_of
from recsvc.rbm.model_kind import BestMetric
from recsvc.rbm.training.trainer import EpochReport

NAMES = [metric.name for metric in METRICS]


def test_register_names_each_metric_and_chart_once():
    assert len(BY_NAME) == len(METRICS)
    assert {metric.chart for metric in METRICS} - {None} == {chart.id for chart in CHARTS}


def test_training_reports_every_metric_but_the_duration():
    reported = {field.name for field in fields(EpochReport)} - {"epoch"}

    assert reported == {*NAMES} - {"seconds"}


def test_error_curve_has_a_column_for_every_metric():
    columns = TrainingEpoch.__table__.columns

    assert {*NAMES} == {*columns.keys()} - {"job_id", "epoch"}
    assert {name for name in NAMES if not columns[name].nullable} == {
        metric.name for metric in METRICS if metric.is_setting
    }


def test_api_describes_every_metric_in_the_order_of_the_register():
    assert [*Epoch.model_fields] == ["epoch", *NAMES]
    assert all(Epoch.model_fields[name].description for name in NAMES)
    assert next(csv.reader(io.StringIO(_as_csv([])))) == ["epoch", *NAMES]


def test_metric_names_start_with_usual_metrics():
    assert sorted(MetricName) == sorted(NAMES)
    assert tuple(MetricName)[: len(USUAL)] == USUAL


@pytest.mark.parametrize("name", get_args(BestMetric))
def test_metrics_that_choose_an_epoch_have_a_direction(name):
    assert BY_NAME[name].better is not None


def test_validation_metric_is_the_first_of_its_chart():
    charts = {chart.id: [metric.name for metric in metrics_of(chart)] for chart in CHARTS}

    assert charts["free_energy"] == ["validation_free_energy", "train_free_energy"]
    assert charts["units"] == ["saturated_units", "dead_units"]


def test_dashboard_module_lists_every_chart():
    module = _registers().content.decode()

    assert module.startswith("export const CHARTS = [")
    assert all(f'"id": "{chart.id}"' in module for chart in CHARTS)
