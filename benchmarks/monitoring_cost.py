"""What watching a machine costs, beside the training that it watches.

    .venv/bin/python -m benchmarks monitoring_cost

MovieLens 1M, all that a training job computes, with all defaults. Watching is what is measured of
an epoch but its validation ratings and lists, the looks inside the machine, and the diagnosis of
the curve so far, counted as often as the job does each. The figures are timed where a job measures
them, after each of the first thirty epochs and with the caches as learning left them, but for
what validation needs, too, which is made before; a look and a diagnosis after every epoch that a
job watches. All are means. The largest weight comes from the pass over all weights that tells
whether they are still numbers, without which no training can go on, and is not counted.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from statistics import mean

import numpy as np

from benchmarks import ours
from benchmarks.data import data_set
from benchmarks.progress import steps
from recsvc.rbm.auto_hyperparameters import DataShape, resolve_hyperparameters
from recsvc.rbm.diagnosis import RunRecord, diagnose
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.machines.functions import machine_functions
from recsvc.rbm.model_kind import MACHINES, ModelKind
from recsvc.rbm.training.inspection import Inspector, is_inspected
from recsvc.rbm.training.schedules import epoch_settings
from recsvc.rbm.training.trainer import (
    LEARNERS,
    TrainerState,
    TrainingData,
    build_evaluator,
    train,
    update_to_weight_ratio,
)

KINDS: tuple[ModelKind, ...] = ("joint_rbm", "user_rbm")
TIMED_EPOCHS = 30


def main() -> None:
    print(
        "| MovieLens 1M, defaults | epochs | job, s | figures, ms | look, ms | diagnosis, ms "
        "| of the job (at most 1 %) |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|")
    with steps("watched", len(KINDS)) as step:
        for kind in KINDS:
            print(row(kind), flush=True)
            step(kind)


def row(kind: ModelKind) -> str:
    data = data_set("ml-1m")
    split = ours.division(data.ratings, data.scale, seed=0)
    hyper, _ = resolve_hyperparameters(
        kind, DataShape.from_ratings(data.ratings, data.scale.n_all_levels), {}
    )
    values = np.array(data.scale.values)
    first = machine_functions(kind).initial_params(
        split.train, values.size, hyper, rng=np.random.default_rng([0, 0])
    )
    learned = TrainingData(split.train, split.validation, values, data.scale.first_liked)
    began = time.perf_counter()
    ours.fit(data.ratings, data.scale, seed=0, kind=kind)
    took = time.perf_counter() - began

    figures, look = watched(learned, hyper, TrainerState.initial(first.copy()), kind)
    curve = [
        (asdict(report), state.best_epoch)
        for report, state in train(
            learned, hyper, seed=0, state=TrainerState.initial(first), model_kind=kind
        )
    ]
    rows = [report for report, _ in curve]
    n_epochs = len(rows) + (curve[-1][1] if kind == "joint_rbm" else 0)
    ends = [n for n, one in enumerate(rows, 1) if is_inspected(one["epoch"])]

    def findings_after(n_points: int) -> object:
        return diagnose(RunRecord.from_rows(rows[:n_points], hyper=hyper, model_kind=kind))

    told = mean(seconds(findings_after, n_points) for n_points in ends)
    share = (n_epochs * figures + len(ends) * (look + told)) / took
    costs = " | ".join(f"{1000 * cost:.2f}" for cost in (figures, look, told))
    return f"| {kind} | {n_epochs} | {took:.1f} | {costs} | {100 * share:.2f} % |"


def watched(
    data: TrainingData, hyper: Hyperparameters, state: TrainerState, kind: ModelKind
) -> tuple[float, float]:
    """Learn some epochs; give the mean seconds of an epoch's figures and of a look."""
    machine = machine_functions(kind)
    monitor = build_evaluator(data, kind, seed=0)
    nothing = data.validation.select(np.zeros(data.validation.n_ratings, bool))
    watch = Inspector.build(kind, data.train, seed=0)
    figures, looks = [], []
    for epoch in range(TIMED_EPOCHS + 1):
        now = epoch_settings(hyper, max(1, epoch))
        if epoch:  # the first round compiles
            LEARNERS[MACHINES[kind].learner](state, data, hyper, now, seed=0, epoch=epoch)
        state.params.largest_weight()
        predictor = machine.predictor(state.params, data.n_levels)
        ready = replace(machine, predictor=lambda *_, made=predictor: made)
        unjudged = replace(monitor, validation=nothing, lists=None, machine=ready)
        figures.append(
            seconds(unjudged.measure, state.params)
            + seconds(update_to_weight_ratio, state, now.learning_rate, kind)
        )
        looks.append(seconds(watch.inspect, state, now.learning_rate))
    return mean(figures[1:]), mean(looks[1:])


def seconds(act: Callable[..., object], *args: object) -> float:
    began = time.perf_counter()
    act(*args)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
