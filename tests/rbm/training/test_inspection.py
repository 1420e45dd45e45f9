"""Looks inside a machine: hidden units' activity, histograms of weights and updates."""

from itertools import pairwise
from math import gcd

import numpy as np
import pytest

from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.machines.functions import machine_functions
from recsvc.rbm.params import Params
from recsvc.rbm.training import inspection
from recsvc.rbm.training.inspection import (
    HISTOGRAM_EDGES,
    Histogram,
    Inspector,
    inspection_units,
    is_inspected,
    weight_stride,
)
from recsvc.rbm.training.trainer import TrainerState, TrainingData, train
from tests.factories.machines import STARS, movielens_100k


def in_bin(value: float) -> int:
    """The bin of a histogram that a number belongs in."""
    return int(np.flatnonzero(np.log10(abs(value)) >= HISTOGRAM_EDGES)[-1])


def test_histogram_counts_orders_of_magnitude_without_sign():
    counted = Histogram.from_numbers(
        np.array([0.0, 0.0, 0.011, -0.012, 5.1, np.nan, np.inf], np.float32)
    )

    assert counted.zeros == 2
    assert counted.counts.shape == (HISTOGRAM_EDGES.size - 1,)
    assert counted.counts[in_bin(0.011)] == 2
    assert counted.counts[in_bin(5.1)] == 1
    assert counted.counts.sum() == 3


def test_histogram_puts_numbers_beyond_edges_into_outer_bins():
    counted = Histogram.from_numbers(np.array([1e-30, 1e-9, 1e30], np.float32))

    assert (counted.zeros, counted.counts[0], counted.counts[-1]) == (0, 2, 1)


def test_is_inspected_thins_out_late_epochs():
    watched = [epoch for epoch in range(10_001) if is_inspected(epoch)]

    assert watched[:17] == list(range(17))
    assert watched[17:20] == [18, 20, 22]
    assert 100 not in watched
    assert 104 in watched
    assert all(after - before <= max(1, after // 8) for before, after in pairwise(watched))
    assert len(watched) < 100


@pytest.mark.parametrize("n_hidden", [1, 2, 63, 64, 65, 100, 1000])
def test_inspection_units_are_spread_evenly(n_hidden):
    units = inspection_units(n_hidden)

    assert units.size == min(64, n_hidden)
    assert (units[0], units[-1]) == (0, n_hidden - 1)
    assert (np.diff(units) > 0).all()


@pytest.mark.parametrize("shape", [(3, 5, 4), (3706, 5, 128), (1682, 5, 100), (9000, 10, 60)])
def test_weight_stride_leaves_out_no_unit(shape):
    empty = np.empty(0, np.float32)
    apart = weight_stride(Params(np.empty(shape, np.float32), empty, empty))

    assert gcd(apart, shape[-1]) == 1
    assert np.prod(shape) / apart <= inspection.MAX_WEIGHTS


@pytest.fixture(scope="module")
def real(data_dir):
    """ml-100k."""
    return movielens_100k(data_dir, "u.data")


@pytest.mark.parametrize("kind", ["user_rbm", "joint_rbm"])
def test_inspect_returns_activity_and_last_steps(real, kind):
    hyper = Hyperparameters.from_changes(kind, {"n_hidden": 12, "epochs": 2})
    nothing = real.select(np.zeros(real.n_ratings, dtype=np.bool_))
    first = machine_functions(kind).initial_params(real, 5, hyper, rng=np.random.default_rng(0))
    watch, looks = Inspector.build(kind, real, seed=0), []

    start, data = TrainerState.initial(first), TrainingData(real, nothing, STARS)
    for report, state in train(data, hyper, seed=0, state=start, model_kind=kind):
        looks.append(watch.inspect(state, report.learning_rate))
    hidden = machine_functions(kind).hidden_probabilities(state.params, watch.cases)

    before, _, last = looks
    assert watch.cases.n_users == 64
    np.testing.assert_allclose(last.activity / 255, hidden, atol=0.5 / 255 + 1e-6)
    assert before.updates.counts.sum() == 0
    assert before.updates.zeros == before.weights.zeros + before.weights.counts.sum()
    assert typical(before.weights) == pytest.approx(np.log10(hyper.initial_weight), abs=0.5)
    size = np.sqrt(np.mean(np.square(state.params.weights)))
    assert typical(last.weights) == pytest.approx(np.log10(size), abs=0.7)
    step = report.update_to_weight_ratio * size
    assert typical(last.updates) == pytest.approx(np.log10(step), abs=0.7)


def typical(counted: Histogram) -> float:
    """The mean order of magnitude of the larger half."""
    middles = (HISTOGRAM_EDGES[1:] + HISTOGRAM_EDGES[:-1]) / 2
    orders = np.repeat(middles, counted.counts)
    return float(orders[orders.size // 2 :].mean())


def test_inspector_chooses_same_cases_with_ratings(real):
    once, again = (Inspector.build("user_rbm", real, seed=3).cases for _ in range(2))

    assert (once.indptr == again.indptr).all()
    assert (np.diff(once.indptr) > 0).all()
