"""Train a case of the bank and give its run; what was trained is kept until the model changes."""

import json
from dataclasses import asdict
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import data_set, random_split
from benchmarks.diagnosis.bank import EPOCHS, USERS, Case
from recsvc.errors import Diverged
from recsvc.rbm.baselines import Biases
from recsvc.rbm.diagnosis import Run
from recsvc.rbm.machine import machine_of
from recsvc.rbm.params import Hyperparameters
from recsvc.rbm.ratings import RatingMatrix
from recsvc.rbm.suiting import Shape, suited
from recsvc.rbm.training import TrainerState, TrainingData, train

ROOT = Path(__file__).parents[2]
LEAST_RATINGS = 20
CACHE = ROOT / "benchmarks" / ".cache" / "diagnosis"


def run_of(case: Case) -> tuple[Run, list[dict[str, Any]]]:
    """Give what is diagnosed, and the error curve's rows for the rules of others."""
    known = CACHE / f"{sha256(f'{case.name} {model_code()}'.encode()).hexdigest()[:24]}.json"
    if not known.is_file():
        known.parent.mkdir(parents=True, exist_ok=True)
        known.write_text(json.dumps(trained(case)))
    told = json.loads(known.read_text())
    run = Run.of(
        told["rows"], diverged_at=told["diverged_at"], model_kind=case.kind,
        hyper=Hyperparameters(**told["hyper"]), baselines=told["baselines"],
    )  # fmt: skip
    return run, told["rows"]


def trained(case: Case) -> dict[str, Any]:
    ratings, values = sample(case.data)
    learn, validation = random_split(ratings, seed=case.seed, test_share=0.1)
    hyper = hyperparameters(case, learn, values.size)
    rng = np.random.default_rng([case.seed, 0])
    if case.fault is not None:
        learn = case.fault.spoil(learn, case.strength, np.random.default_rng(case.seed))
    first = machine_of(case.kind).initial_params(learn, values.size, hyper, rng=rng)
    if case.fault is not None:
        first = case.fault.start(first, case.strength)
    frozen = first.weights.copy() if case.fault is not None and case.fault.frozen else None
    rows, diverged_at = [], None
    data, state = TrainingData(learn, validation, values), TrainerState.initial(first)
    try:
        for report, reached in train(
            data, hyper, seed=case.seed, state=state, model_kind=case.kind
        ):
            rows.append(asdict(report))
            if frozen is not None:
                reached.params.weights[...] = frozen
    except Diverged as error:
        diverged_at = error.facts["epoch"]
    return {
        "rows": rows, "diverged_at": diverged_at, "hyper": hyper.as_dict(),
        "baselines": {"item_mean": {"rmse": rmse_of_item_means(learn, validation, values)}},
    }  # fmt: skip


def hyperparameters(case: Case, learn: RatingMatrix, n_levels: int) -> Hyperparameters:
    shape = Shape.of(learn, n_levels)
    asked = {"epochs": EPOCHS[case.kind], **dict(case.sound)}
    usual, _ = suited(case.kind, shape, asked)
    if case.fault is not None:
        asked |= case.fault.asked(usual, case.strength)
    return suited(case.kind, shape, asked)[0]


@cache
def sample(name: str) -> tuple[RatingMatrix, np.ndarray]:
    """Give a data set, or so many of its users with the items that they rated, and the values.

    Of 3,000 users with a dozen ratings each nothing can be learned but what is popular, so that
    no run is sound: users have twenty ratings at least, as MovieLens has them.
    """
    data = data_set(name)
    ratings, values = data.ratings, np.array(data.scale.values)
    if name in USERS:
        users = np.flatnonzero(np.diff(ratings.indptr) >= LEAST_RATINGS)
        users = np.random.default_rng(0).permutation(users)[: USERS[name]]
        some = ratings.rows(np.sort(users))
        items, numbers = np.unique(some.items, return_inverse=True)
        ratings = RatingMatrix.build(
            some.users(), numbers, some.levels, shape=(some.n_users, items.size)
        )
    return ratings, values


def rmse_of_item_means(learn: RatingMatrix, validation: RatingMatrix, values: np.ndarray) -> float:
    means = Biases.fit(learn, values).item_means[validation.items]
    return float(np.sqrt(np.mean(np.square(means - values[validation.levels]))))


@cache
def model_code() -> str:
    """Hash the code that training depends on; the diagnosis is not part of it."""
    digest = sha256()
    for file in sorted((ROOT / "recsvc" / "rbm").rglob("*.py")):
        if "diagnosis" not in file.parts:
            digest.update(file.read_bytes())
    return digest.hexdigest()
