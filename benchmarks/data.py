"""The data sets that benchmarks read, and the splits they share."""

import os
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recsvc.rbm.ratings import RatingMatrix

FOLDER = Path(os.environ.get("RECSVC_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
ML_1M = "ml-1m/ratings_no_timestamp.dat"
FIVE_STARS = np.arange(1.0, 6.0)


def data_file(name: str) -> Path:
    """Give a data set's file, or end with what to do."""
    if not (FOLDER / name).is_file():
        sys.exit(f"There is no {name} in {FOLDER}: name the folder in RECSVC_TEST_DATA.")
    return FOLDER / name


def ml_1m_rows() -> NDArray[np.int64]:
    """(1000209, 3) user id, item id, rating, in the official order."""
    text = data_file(ML_1M).read_text().replace("::", " ")
    return np.fromstring(text, dtype=np.int64, sep=" ").reshape(-1, 3)


def ml_1m() -> RatingMatrix:
    """All of MovieLens 1M; levels 0 … 4 stand for 1 … 5 stars."""
    rows = ml_1m_rows()
    user_ids, users = np.unique(rows[:, 0], return_inverse=True)
    item_ids, items = np.unique(rows[:, 1], return_inverse=True)
    levels = (rows[:, 2] - 1).astype(np.uint8)
    return RatingMatrix.build(users, items, levels, shape=(user_ids.size, item_ids.size))


def random_split(
    ratings: RatingMatrix, *, seed: int, test_share: float = 0.2
) -> tuple[RatingMatrix, RatingMatrix]:
    """Divide at random over the ratings: train, test."""
    is_test = np.random.default_rng(seed).random(ratings.n_ratings) < test_share
    return ratings.select(~is_test), ratings.select(is_test)
