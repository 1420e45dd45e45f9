"""Small machines and ratings for the model's tests, and real ratings as matrices."""

from pathlib import Path

import numpy as np

from recsvc.rbm import kernels
from recsvc.rbm.params import Hyperparameters, Params, initial_params
from recsvc.rbm.ratings import RatingMatrix, RatingScale
from recsvc.rbm.training import TrainerState, TrainingData, train

STARS = np.array([1.0, 2.0, 3.0, 4.0, 5.0])


def ratings_of(rows: list[dict[int, int]], n_items: int) -> RatingMatrix:
    """A matrix from one {item: level} a user."""
    triples = [(user, item, level) for user, row in enumerate(rows) for item, level in row.items()]
    users, items, levels = np.array(triples, dtype=np.int64).reshape(-1, 3).T
    return RatingMatrix.build(users, items, levels.astype(np.uint8), shape=(len(rows), n_items))


def random_ratings(
    rng: np.random.Generator, *, n_users: int = 12, n_items: int = 9, n_levels: int = 5
) -> RatingMatrix:
    """About half of all pairs; the first and the last user and the last item have none."""
    rated = rng.random((n_users, n_items)) < 0.5
    rated[[0, -1]] = False
    rated[:, -1] = False
    users, items = np.nonzero(rated)
    levels = rng.integers(n_levels, size=users.size).astype(np.uint8)
    return RatingMatrix.build(users, items, levels, shape=(n_users, n_items))


def random_params(
    rng: np.random.Generator,
    *,
    n_items: int = 9,
    n_levels: int = 5,
    n_hidden: int = 7,
    spread: float = 0.5,
) -> Params:
    shapes = ((n_items, n_levels, n_hidden), (n_items, n_levels), (n_hidden,))
    return Params(*(rng.normal(0, spread, shape).astype(np.float32) for shape in shapes))


def run_chain(
    params: Params, ratings: RatingMatrix, users: np.ndarray, *, seed=3, epoch=1, cd_steps=1
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """kernels.reconstruct: data_hidden, model_hidden, model_levels, first."""
    first = np.concatenate([[0], np.cumsum(np.diff(ratings.indptr)[users])]).astype(np.int64)
    data_hidden = np.full((users.size, params.hidden_bias.size), np.nan, np.float32)
    model_hidden = data_hidden.copy()
    model_levels = np.full(first[-1], 255, np.uint8)
    kernels.reconstruct(
        params.weights, params.visible_bias, params.hidden_bias,
        ratings.indptr, ratings.items, ratings.levels, users, first,
        seed, epoch, cd_steps, data_hidden, model_hidden, model_levels,
    )  # fmt: skip
    return data_hidden, model_hidden, model_levels, first


def run_grouping(
    ratings: RatingMatrix, users: np.ndarray, first: np.ndarray, model_levels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """kernels.group_by_item: item_indptr, rows, data_levels, model_levels."""
    item_indptr = np.full(ratings.n_items + 1, -1, np.int64)
    rows = np.full(model_levels.size, -1, np.int32)
    data_levels, grouped = np.full_like(model_levels, 255), np.full_like(model_levels, 255)
    kernels.group_by_item(
        ratings.indptr, ratings.items, ratings.levels, users, first, model_levels,
        item_indptr, rows, data_levels, grouped,
    )  # fmt: skip
    return item_indptr, rows, data_levels, grouped


def run_step(
    params: Params,
    velocity: Params,
    ratings: RatingMatrix,
    users: np.ndarray,
    *,
    rate: float,
    momentum: float = 0.0,
    decay: float = 0.0,
    **chance: int,
) -> None:
    """One CD step of weights and visible biases on a batch, in place."""
    data_hidden, model_hidden, model_levels, first = run_chain(params, ratings, users, **chance)
    kernels.cd_step(
        params.weights, params.visible_bias, velocity.weights, velocity.visible_bias,
        *run_grouping(ratings, users, first, model_levels), data_hidden, model_hidden,
        np.float32(rate), np.float32(momentum), np.float32(decay),
    )  # fmt: skip


def learn(
    ratings: RatingMatrix,
    *,
    validation: RatingMatrix | None = None,
    values: np.ndarray = STARS,
    seed: int = 0,
    state: TrainerState | None = None,
    model_kind: str = "user_rbm",
    **hyper: object,
) -> list:
    """Train to the end: every (report, state); `params` and `velocity` are the trainer's own."""
    chosen = Hyperparameters.chosen(model_kind, hyper)
    if validation is None:
        validation = ratings.select(np.zeros(ratings.n_ratings, bool))
    if state is None:
        rng = np.random.default_rng(seed)
        state = TrainerState.initial(initial_params(ratings, values.size, chosen, rng=rng))
    data = TrainingData(ratings, validation, values)
    return list(train(data, chosen, seed=seed, state=state))


def movielens_100k(folder: Path, name: str) -> RatingMatrix:
    """u.data, u1.base … as 943 users × 1,682 items."""
    table = np.loadtxt(folder / "ml-100k" / name, dtype=np.int64)
    levels = RatingScale.parse("1:5:1").levels(table[:, 2].astype(float))
    return RatingMatrix.build(table[:, 0] - 1, table[:, 1] - 1, levels, shape=(943, 1682))


def movielens_1m(folder: Path) -> RatingMatrix:
    """The rated items of ml-1m, numbered densely: 6,040 users × 3,706 items."""
    text = (folder / "ml-1m" / "ratings_no_timestamp.dat").read_text().replace("::", " ")
    table = np.fromstring(text, dtype=np.int64, sep=" ").reshape(-1, 3)
    items, numbers = np.unique(table[:, 1], return_inverse=True)
    levels = (table[:, 2] - 1).astype(np.uint8)
    return RatingMatrix.build(table[:, 0] - 1, numbers, levels, shape=(6040, items.size))
