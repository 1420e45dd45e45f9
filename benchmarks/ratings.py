"""RMSE on MovieLens 100K's five official folds, through the service's own API, with the defaults.

    .venv/bin/python -m benchmarks ratings

Each fold: u<n>.base is imported, a model of each kind is trained and published, and every rating
of u<n>.test is predicted at /v1/users/{user_id}/predictions. Of what is imported the service
keeps a tenth for validation, as it would in a shop. Beside it user + item bias, fitted to all of
u<n>.base.
"""

import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import mean

import numpy as np

from benchmarks.data import FIVE_STARS, data_file
from benchmarks.service import imported, service, trained
from recsvc.client import Client
from recsvc.rbm.machines.baselines import Biases
from recsvc.rbm.rating_matrix import RatingMatrix

FOLDS = range(1, 6)
KINDS = ("user_rbm", "item_rbm")
BARS = {"user_rbm": 0.97, "item_rbm": 0.93}
AT_ONCE = 100  # items in one request
SHAPE = (943, 1682)


def fold(number: int) -> tuple[Path, Path]:
    """Give a fold's files: to learn from, to be asked about."""
    return data_file(f"ml-100k/u{number}.base"), data_file(f"ml-100k/u{number}.test")


def rows_of(file: Path) -> np.ndarray:
    """(n_ratings, 3) user id, item id, rating."""
    return np.loadtxt(file, dtype=np.int64, usecols=(0, 1, 2))


def rmse_of_predictions(client: Client, test: Path) -> float:
    """Ask the running service for every rating of a file."""
    of_user: dict[str, dict[str, int]] = defaultdict(dict)
    for user, item, value in rows_of(test).tolist():
        of_user[str(user)][str(item)] = value
    errors = [
        predicted["expected_rating"] - wanted[predicted["item_id"]]
        for user_id, wanted in of_user.items()
        for asked in parts(list(wanted))
        for predicted in client.predictions(user_id, asked)["items"]
    ]
    return float(np.sqrt(np.mean(np.square(errors))))


def parts(item_ids: list[str]) -> list[list[str]]:
    return [item_ids[start : start + AT_ONCE] for start in range(0, len(item_ids), AT_ONCE)]


def bias_rmse(base: Path, test: Path) -> float:
    """Measure user + item bias on the same files."""
    train, asked = matrix(rows_of(base)), matrix(rows_of(test))
    return Biases.fit(train, FIVE_STARS).rmse(asked, FIVE_STARS)["user_item_bias"]


def matrix(rows: np.ndarray) -> RatingMatrix:
    users, items, values = rows.T
    return RatingMatrix.build(users - 1, items - 1, (values - 1).astype(np.uint8), shape=SHAPE)


def measured(number: int) -> dict[str, float]:
    """Measure all ways on one fold."""
    base, test = fold(number)
    found = {"user + item bias": bias_rmse(base, test)}
    with tempfile.TemporaryDirectory() as home, service(Path(home)) as client:
        imported(client, base)
        for model_kind in KINDS:
            version = trained(client, model_kind=model_kind)["result"]["version"]
            wait_until_answering(client, version)
            found[model_kind] = rmse_of_predictions(client, test)
    return found


def wait_until_answering(client: Client, version: int) -> None:
    while client.predictions("1", ["1"])["model_version"] != version:
        time.sleep(0.1)


def main() -> None:
    folds = [measured(number) for number in FOLDS]
    names = " | ".join(f"u{number}" for number in FOLDS)
    print(f"| MovieLens 100K, RMSE | {names} | mean | |")
    print("|---|" + "---:|" * (len(FOLDS) + 1) + "---|")
    for way in folds[0]:
        figures = [found[way] for found in folds]
        bar = f"at most {BARS[way]}" if way in BARS else ""
        shown = " | ".join(f"{figure:.4f}" for figure in figures)
        print(f"| {way} | {shown} | **{mean(figures):.4f}** | {bar} |")


if __name__ == "__main__":
    main()
