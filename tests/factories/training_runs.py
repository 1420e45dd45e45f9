"""Error curves of healthy and faulty training on ml-100k, stored because each takes seconds.

A test that asks for a run that is not stored fails. Compute all runs again with
`python -m tests.factories.training_runs DATA_FOLDER`, where DATA_FOLDER contains ml-100k.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from recsvc.errors import Diverged
from recsvc.rbm.diagnosis import RunRecord
from recsvc.rbm.machines.functions import machine_functions
from recsvc.rbm.params import Hyperparameters
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.training.trainer import TrainerState, TrainingData, train
from tests.factories.machines import STARS, movielens_100k

STORED = Path(__file__).with_suffix(".json")
BASELINES = {"item_mean": {"rmse": 1.03}}
RATE = Hyperparameters().learning_rate


def spec_of(kind="user_rbm", seed=0, epochs=40, **changes: object) -> dict[str, Any]:
    return {"kind": kind, "seed": seed, "epochs": epochs, **changes}


HEALTHY = [
    spec_of(kind, seed, epochs)
    for kind, epochs in (("user_rbm", 60), ("joint_rbm", 24))
    for seed in (0, 1)
]
FAULTY = [
    spec_of(learning_rate=100 * RATE),
    spec_of(learning_rate=RATE / 100),
    spec_of(learning_rate=RATE / 1000),
    spec_of(initial_weight=5.0),
    spec_of(initial_weight=0.0),
    spec_of(weight_decay=10.0),
    spec_of(batch_size=1000),
    spec_of(batch_size=50_000),
    spec_of(learning_rate=10 * RATE),
    spec_of(initial_weight=0.05, initialisation="constant"),
    spec_of(patience=1, warm_up_epochs=0),
    spec_of("joint_rbm", epochs=24, learning_rate=0.06),
    spec_of("joint_rbm", epochs=24, learning_rate=0.6),
    spec_of("joint_rbm", epochs=16, learning_rate=1.0, weight_decay=0.0, dropout=0.0),
    spec_of(learning_rate=100.0, weight_decay=10.0, rollbacks=0),
]
SPECS = HEALTHY + FAULTY


def stored_run(**spec: object) -> RunRecord:
    """Return the stored run of a specification."""
    wanted = spec_of(**spec)
    curve = next(curve for curve in json.loads(STORED.read_text()) if curve["spec"] == wanted)
    columns = curve["columns"]
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return _run_of(wanted, rows, curve["diverged_at"])


def trained_run(ratings: RatingMatrix, spec: dict[str, Any]) -> RunRecord:
    """Train on nine tenths of the ratings and return the run as a job would."""
    return _run_of(spec, *_train(ratings, spec))


def _run_of(spec: dict[str, Any], rows: list[dict], diverged_at: int | None) -> RunRecord:
    return RunRecord.of(
        rows, diverged_at=diverged_at, hyper=_hyperparameters(spec), model_kind=spec["kind"],
        baselines=BASELINES,
    )  # fmt: skip


def _hyperparameters(spec: dict[str, Any]) -> Hyperparameters:
    changes = {name: value for name, value in spec.items() if name not in ("kind", "seed")}
    return Hyperparameters.chosen(spec["kind"], changes)


def _train(ratings: RatingMatrix, spec: dict[str, Any]) -> tuple[list[dict], int | None]:
    kind, seed, hyper = spec["kind"], spec["seed"], _hyperparameters(spec)
    held_out = np.random.default_rng(seed).random(ratings.n_ratings) < 0.1
    parts = ratings.select(~held_out), ratings.select(held_out)
    rng = np.random.default_rng(seed)
    state = TrainerState.initial(
        machine_functions(kind).initial_params(parts[0], 5, hyper, rng=rng)
    )
    rows: list[dict] = []
    try:
        data = TrainingData(*parts, STARS)
        for report, _ in train(data, hyper, seed=seed, state=state, model_kind=kind):
            rows.append(asdict(report))
    except Diverged as error:
        return rows, error.facts["epoch"]
    return rows, None


def _curve(ratings: RatingMatrix, spec: dict[str, Any]) -> dict[str, Any]:
    rows, diverged_at = _train(ratings, spec)
    columns = {name: [_rounded(row[name]) for row in rows] for name in rows[0]}
    return {"spec": spec, "diverged_at": diverged_at, "columns": columns}


def _rounded(figure: float | None) -> float | None:
    return figure if figure is None or isinstance(figure, int) else float(f"{figure:.5g}")


def main(folder: Path) -> None:
    """Compute every run and write the file."""
    ratings = movielens_100k(folder, "u.data")
    curves = [json.dumps(_curve(ratings, spec)) for spec in SPECS]
    STORED.write_text("[\n" + ",\n".join(curves) + "\n]\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
