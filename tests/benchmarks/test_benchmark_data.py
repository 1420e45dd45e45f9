"""The benchmarks read every data set as its README counts it."""

import numpy as np
import pytest

from benchmarks.data import READERS, STARS, data_set, matrix
from tests.conftest import go_without

# users, items, ratings, levels
COUNTS = {
    "ml-100k": (943, 1_682, 100_000, 5),
    "ml-1m": (6_040, 3_706, 1_000_209, 5),
    "goodbooks": (53_424, 10_000, 979_478, 5),
    "movietweetings": (16_554, 10_506, 100_000, 11),
    "online-retail": (4_339, 3_665, 266_802, 1),
}


@pytest.mark.parametrize("name", COUNTS)
def test_data_set_has_documented_counts(data_dir, name):
    if not (data_dir / name).is_dir():
        go_without(f"no {name} in {data_dir}: name the folder in RECSVC_TEST_DATA")

    data = data_set(name)

    ratings = data.ratings
    assert (ratings.n_users, ratings.n_items, ratings.n_ratings, data.scale.n_all_levels) == COUNTS[
        name
    ]
    assert ratings.level_counts(data.scale.n_all_levels).sum(axis=0).min() > 0
    assert _distinct(ratings) == ratings.n_ratings


def test_documented_counts_cover_every_reader():
    assert set(COUNTS) == set(READERS)


def test_matrix_keeps_last_line_of_duplicate_pair():
    rows = np.array([[7, 30, 5], [7, 20, 4], [9, 30, 1], [7, 30, 2]])

    ratings = matrix(rows, STARS)

    assert ratings.indptr.tolist() == [0, 2, 3]
    assert ratings.items.tolist() == [0, 1, 1]
    assert ratings.levels.tolist() == [3, 1, 0]


def _distinct(ratings) -> int:
    return np.unique(ratings.users().astype(np.int64) * ratings.n_items + ratings.items).size
