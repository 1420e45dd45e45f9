"""Small machines and ratings for the model's tests, and real ratings as matrices."""

from pathlib import Path

import numpy as np

from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.machines import joint
from recsvc.rbm.model import Model
from recsvc.rbm.params import Params, initial_params
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import RatingScale
from recsvc.rbm.training.batches import Batch, build_layout
from recsvc.rbm.training.contrastive_divergence import CDLearner
from recsvc.rbm.training.trainer import TrainerState, TrainingData, train
from recsvc.rbm.vocabulary import Vocabulary

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


def batch_of(ratings: RatingMatrix, users: np.ndarray) -> Batch:
    """Some users, in this order."""
    own = ratings.rows(users)
    return Batch.build(users, own.indptr, own.items, own.levels, n_items=ratings.n_items)


def learner_of(
    params: Params,
    velocity: Params,
    ratings: RatingMatrix,
    users: np.ndarray,
    *,
    seed: int = 3,
    epoch: int = 1,
    rate: float = 0.0,
    momentum: float = 0.0,
    decay: float = 0.0,
) -> CDLearner:
    """An epoch of one batch, these users in this order, whose data are summed up."""
    deal = build_layout(ratings, users, users.size, seed=seed, epoch=epoch)
    learner = CDLearner.build(
        params, velocity, deal, learning_rate=rate, momentum=momentum, weight_decay=decay
    )
    learner.begin()
    return learner


def run_chain(
    params: Params, ratings: RatingMatrix, users: np.ndarray, *, seed=3, epoch=1, cd_steps=1
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The chain: data_hidden, model_hidden, model_levels, and where each user's levels begin."""
    learner = learner_of(params, params.zeros_like(), ratings, users, seed=seed, epoch=epoch)
    learner.reconstruct(0, cd_steps=cd_steps)
    chain, by_user = learner.chain, np.argsort(learner.layout.rows, kind="stable")
    indptr = ratings.rows(users).indptr
    return chain.data_hidden, chain.model_hidden, chain.model_levels[by_user], indptr


def run_step(
    params: Params,
    velocity: Params,
    ratings: RatingMatrix,
    users: np.ndarray,
    *,
    cd_steps: int = 1,
    **how: float,
) -> None:
    """One CD step on a batch, in place."""
    learner = learner_of(params, velocity, ratings, users, **how)
    learner.reconstruct(0, cd_steps=cd_steps)
    learner.take_step(0)
    learner.finish()


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
    chosen = Hyperparameters.from_changes(model_kind, hyper)
    if validation is None:
        validation = ratings.select(np.zeros(ratings.n_ratings, bool))
    if state is None:
        rng = np.random.default_rng(seed)
        state = TrainerState.initial(initial_params(ratings, values.size, chosen, rng=rng))
    data = TrainingData(ratings, validation, values)
    return list(train(data, chosen, seed=seed, state=state, model_kind=model_kind))


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


def learn_joint(ratings: RatingMatrix, *, seed: int = 0, state=None, **changes):
    """Let a joint machine learn; one of seven hidden units, if nothing else is said."""
    hyper = Hyperparameters.from_changes("joint_rbm", {"n_hidden": 7, **changes})
    if state is None:
        rng = np.random.default_rng(seed)
        state = TrainerState.initial(joint.initial_params(ratings, 5, hyper, rng=rng))
    data = TrainingData(ratings, ratings.select(np.zeros(ratings.n_ratings, bool)), STARS)
    return train(data, hyper, seed=seed, state=state, model_kind="joint_rbm")


def joint_model_of(params: Params, ratings: RatingMatrix, **more) -> Model:
    """A joint model on five stars whose users and items are named by their numbers."""
    return model_of("joint_rbm", params, ratings, **more)


def model_of(model_kind: str, params: Params, ratings: RatingMatrix, **more) -> Model:
    """Return a model on five stars whose users and items are named by their numbers."""
    users, items = (
        Vocabulary([f"{number:05}" for number in range(n)])
        for n in (ratings.n_users, ratings.n_items)
    )
    scale = RatingScale((1.0, 2.0, 3.0, 4.0, 5.0))
    return Model.build(model_kind, params, ratings, scale=scale, users=users, items=items, **more)
