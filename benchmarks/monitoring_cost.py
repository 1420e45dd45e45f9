"""What watching a machine costs, beside the training that it watches.

    .venv/bin/python -m benchmarks monitoring_cost

MovieLens 1M, all that a training job computes, with all defaults. Watching is what is measured of
an epoch but its validation ratings and lists, the looks inside the machine, and the diagnosis of
the curve so far; each is timed on the machine as it is after its last epoch, the best of thirty,
and counted as often as the job does it. What validation needs, too, is made before. The last column
is the same with the processor's caches emptied before each time, as an epoch would. The largest
weight comes from the pass over all weights that tells whether they are still numbers, without which
no training can go on, and is not counted.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from statistics import mean

import numpy as np

from benchmarks import ours
from benchmarks.data import data_set
from benchmarks.progress import steps
from recsvc.rbm.diagnosis import Run, diagnose
from recsvc.rbm.machine import machine_of
from recsvc.rbm.monitoring import Monitor
from recsvc.rbm.params import ModelKind
from recsvc.rbm.suiting import Shape, suited
from recsvc.rbm.training import TrainerState, TrainingData, train, update_to_weight_ratio
from recsvc.rbm.watching import Watch, is_watched

KINDS: tuple[ModelKind, ...] = ("joint_rbm", "user_rbm")
LARGER_THAN_CACHES = 16_000_000  # numbers of eight bytes


def main() -> None:
    print(
        "| MovieLens 1M, defaults | epochs | job, s | figures, ms | look, ms | diagnosis, ms "
        "| of the job (at most 1 %) | caches emptied |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    with steps("watched", len(KINDS)) as step:
        for kind in KINDS:
            print(row(kind), flush=True)
            step(kind)


def row(kind: ModelKind) -> str:
    data = data_set("ml-1m")
    split = ours.division(data.ratings, data.scale, seed=0)
    hyper, _ = suited(kind, Shape.of(data.ratings, data.scale.n_all_levels), {})
    values = np.array(data.scale.values)
    first = machine_of(kind).initial_params(
        split.train, values.size, hyper, rng=np.random.default_rng([0, 0])
    )
    learned = TrainingData(split.train, split.validation, values, data.scale.first_liked)
    state, rows = TrainerState.initial(first), []
    for report, reached in train(learned, hyper, seed=0, state=state, model_kind=kind):
        state = reached
        rows.append(asdict(report))
    n_epochs = len(rows) + (state.best_epoch if kind == "joint_rbm" else 0)
    began = time.perf_counter()
    ours.fit(data.ratings, data.scale, seed=0, kind=kind)
    took = time.perf_counter() - began

    nothing = split.validation.select(np.zeros(split.validation.n_ratings, bool))
    machine = machine_of(kind)
    ready = machine.predictor(state.params, values.size)
    monitor = Monitor.of(machine, split.train, split.validation, values, seed=0)
    unjudged = replace(
        monitor, validation=nothing, machine=replace(machine, predictor=lambda *_: ready)
    )
    watch = Watch.of(kind, split.train, seed=0)
    watched = [n for n, one in enumerate(rows, 1) if is_watched(one["epoch"])]

    def costs(before: Callable[[], object]) -> tuple[float, float, float]:
        figures = seconds(lambda: unjudged.measure(state.params), before)
        figures += seconds(
            lambda: update_to_weight_ratio(state, report.learning_rate, kind), before
        )
        look = seconds(lambda: watch.look(state, report.learning_rate), before)
        told = mean(
            seconds(lambda n=n: diagnose(Run.of(rows[:n], hyper=hyper, model_kind=kind)), before)
            for n in watched
        )
        return figures, look, told

    def share(figures: float, look: float, told: float) -> str:
        return f"{100 * (n_epochs * figures + len(watched) * (look + told)) / took:.2f} %"

    usual = costs(lambda: None)
    told = " | ".join(f"{1000 * cost:.1f}" for cost in usual)
    emptied = share(*costs(np.ones(LARGER_THAN_CACHES).sum))
    return f"| {kind} | {n_epochs} | {took:.1f} | {told} | {share(*usual)} | {emptied} |"


def seconds(act: Callable[[], object], before: Callable[[], object]) -> float:
    """Give the shortest of thirty times, without what is done before each."""
    times = []
    for _ in range(30):
        before()
        began = time.perf_counter()
        act()
        times.append(time.perf_counter() - began)
    return min(times)


if __name__ == "__main__":
    main()
