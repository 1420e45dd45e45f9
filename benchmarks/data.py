"""The data sets that benchmarks read, and the splits they share.

As they are read – ids become numbers in order of id, values become levels, and every distinct
(user, item) counts once:

ml-100k         u.data: user, item, rating
ml-1m           ratings_no_timestamp.dat: user::item::rating
goodbooks       ratings.csv: book_id, user_id, rating; of a pair given more than once, the last
                line counts (981,756 lines, 979,478 pairs)
movietweetings  ratings.dat: user::item::rating::time, from 0 to 10
online-retail   purchases: the lines of online_retail.csv.gz with a customer and a positive
                quantity, as distinct (customer, stock code) pairs; amounts, prices and the time
                are not used. No ratings, hence one level
"""

import csv
import gzip
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import RatingScale
from recsvc.rbm.vocabulary import Vocabulary

FOLDER = Path(os.environ.get("RECSVC_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
ML_1M = "ml-1m/ratings_no_timestamp.dat"
FIVE_STARS = np.arange(1.0, 6.0)
STARS = RatingScale.parse("1:5:1")
TEN_POINTS = RatingScale.parse("0:10:1")
PURCHASED = RatingScale((), (), ("purchase",))


@dataclass(frozen=True)
class DataSet:
    """One data set as every system gets it.

    scale  what the levels stand for; of purchases one of their own
    """

    name: str
    title: str
    ratings: RatingMatrix
    scale: RatingScale

    @property
    def has_ratings(self) -> bool:
        """Whether users said how they liked it, not only what they took."""
        return self.scale.n_levels > 0


def data_file(name: str) -> Path:
    """Give a data set's file, or end with what to do."""
    if not (FOLDER / name).is_file():
        sys.exit(f"There is no {name} in {FOLDER}: name the folder in RECSVC_TEST_DATA.")
    return FOLDER / name


def ml_1m_rows() -> NDArray[np.int64]:
    """(1000209, 3) user id, item id, rating, in the official order."""
    return separated_rows(ML_1M, columns=3)


def separated_rows(name: str, *, columns: int) -> NDArray[np.int64]:
    """Read whole numbers with :: between them."""
    text = data_file(name).read_text().replace("::", " ")
    return np.fromstring(text, dtype=np.int64, sep=" ").reshape(-1, columns)


def ml_1m() -> RatingMatrix:
    """All of MovieLens 1M; levels 0 … 4 stand for 1 … 5 stars."""
    return matrix(ml_1m_rows(), STARS)


def matrix(rows: NDArray[np.int64], scale: RatingScale) -> RatingMatrix:
    """Number the ids of (user id, item id, value) rows; the last one of a pair counts."""
    user_ids, users = np.unique(rows[:, 0], return_inverse=True)
    item_ids, items = np.unique(rows[:, 1], return_inverse=True)
    _, from_end = np.unique((users * item_ids.size + items)[::-1], return_index=True)
    last = len(rows) - 1 - from_end
    return RatingMatrix.build(
        users[last],
        items[last],
        scale.levels(rows[last, 2].astype(np.float64)),
        shape=(user_ids.size, item_ids.size),
    )


def ml_100k() -> RatingMatrix:
    rows = np.loadtxt(data_file("ml-100k/u.data"), dtype=np.int64, usecols=(0, 1, 2))
    return matrix(rows, STARS)


def goodbooks() -> RatingMatrix:
    file = data_file("goodbooks/ratings.csv")
    rows = np.loadtxt(file, dtype=np.int64, delimiter=",", skiprows=1, usecols=(1, 0, 2))
    return matrix(rows, STARS)


def movietweetings() -> RatingMatrix:
    return matrix(separated_rows("movietweetings/ratings.dat", columns=4), TEN_POINTS)


def online_retail() -> RatingMatrix:
    with gzip.open(data_file("online-retail/online_retail.csv.gz"), "rt", encoding="utf-8") as file:
        lines = csv.reader(file)
        columns = next(lines)
        user, item, quantity = map(columns.index, ("CustomerID", "StockCode", "Quantity"))
        pairs = {
            (line[user], line[item]) for line in lines if line[user] and int(line[quantity]) > 0
        }
    user_ids, item_ids = (Vocabulary.from_ids(ids) for ids in zip(*pairs, strict=True))
    users = user_ids.numbers(user_id for user_id, _ in pairs)
    items = item_ids.numbers(item_id for _, item_id in pairs)
    levels = np.zeros(len(pairs), np.uint8)
    return RatingMatrix.build(users, items, levels, shape=(len(user_ids), len(item_ids)))


READERS: dict[str, tuple[str, Callable[[], RatingMatrix], RatingScale]] = {
    "ml-100k": ("MovieLens 100K", ml_100k, STARS),
    "ml-1m": ("MovieLens 1M", ml_1m, STARS),
    "goodbooks": ("goodbooks-10k", goodbooks, STARS),
    "movietweetings": ("MovieTweetings", movietweetings, TEN_POINTS),
    "online-retail": ("Online Retail", online_retail, PURCHASED),
}


@cache
def data_set(name: str) -> DataSet:
    """Read a data set by its folder's name."""
    title, read, scale = READERS[name]
    return DataSet(name, title, read(), scale)


def random_split(
    ratings: RatingMatrix, *, seed: int, test_share: float = 0.2
) -> tuple[RatingMatrix, RatingMatrix]:
    """Divide at random over the ratings: train, test."""
    is_test = np.random.default_rng(seed).random(ratings.n_ratings) < test_share
    return ratings.select(~is_test), ratings.select(is_test)
