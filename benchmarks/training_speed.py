"""Time to learn MovieLens 1M, beside the peers and the machine's limit.

    .venv/bin/python -m benchmarks training_speed

One epoch: masked CD-1, 100 hidden units, batches of 100 users, nothing evaluated; all on the same
ratings. scikit-learn learns from the one-hot CSR matrix (item × level columns; what is missing is
0 there) with batch_size=100, in float64, its usual type, and in float32. Operations are counted as
n · F · (2 + 6K) for n ratings, F hidden units and K levels.

The whole fit: recsvc as a training job does it, with the defaults, both fits, and the evaluation
of ratings, lists and baselines, beside the time that peers take to fit the same, with both cores
where they can: ALS with 64 factors and 15 sweeps; BPR with 64 factors and 100 epochs; EASE;
item-kNN with 100 neighbours; Surprise's SVD with 100 factors and 20 epochs; BernoulliRBM with 100
hidden units and 20 epochs on which items a user rated. One run each, kernels compiled before.
"""

import time
from collections.abc import Callable
from functools import partial

import numpy as np
from scipy import sparse
from sklearn.neural_network import BernoulliRBM

from benchmarks import ours
from benchmarks.data import FIVE_STARS, STARS, ml_1m
from benchmarks.peers import LISTS
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.params import initial_params
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.training.schedules import epoch_settings
from recsvc.rbm.training.trainer import TrainerState, TrainingData, learn_epoch
from recsvc.service.models import comparison

N_HIDDEN, BATCH_SIZE, N_LEVELS = 100, 100, 5
EPOCHS = 7
PRODUCT_SIZE = 4096
MOST_TIMES_ALS = 40
ALS = "implicit ALS"
# all cores where the library can use them; else it is left as it comes
FITTED = {
    ALS: {"factors": 64, "threads": 0},
    "implicit BPR": {"factors": 64, "threads": 0},
    "EASE": {},
    "item-kNN": {},
    "Surprise SVD": {},
    "scikit-learn BernoulliRBM": {},
}


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def own_epoch(ratings: RatingMatrix) -> float:
    """Median of some epochs, the first (which compiles) not among them."""
    hyper = Hyperparameters(n_hidden=N_HIDDEN, batch_size=BATCH_SIZE)
    data = TrainingData(ratings, ratings.select(np.zeros(ratings.n_ratings, bool)), FIVE_STARS)
    params = initial_params(ratings, N_LEVELS, hyper, rng=np.random.default_rng(0))
    state = TrainerState.initial(params)
    times = [
        seconds(
            lambda epoch=epoch: learn_epoch(
                state, data, hyper, epoch_settings(hyper, epoch), seed=0, epoch=epoch
            )
        )
        for epoch in range(1, EPOCHS + 1)
    ]
    return float(np.median(times[1:]))


def scikit_learn(ratings: RatingMatrix, dtype: type) -> float:
    """Seconds an epoch, of two; it computes in the type of the matrix."""
    columns = ratings.items.astype(np.int64) * N_LEVELS + ratings.levels
    ones = np.ones(columns.size, dtype)
    shape = (ratings.n_users, ratings.n_items * N_LEVELS)
    one_hot = sparse.csr_matrix((ones, columns, ratings.indptr), shape=shape)
    machine = BernoulliRBM(
        n_components=N_HIDDEN, batch_size=BATCH_SIZE, n_iter=2, learning_rate=0.01, random_state=0
    )
    return seconds(lambda: machine.fit(one_hot)) / 2


def matrix_product() -> float:
    """float32 operations a second of a large product."""
    left = np.random.default_rng(0).random((PRODUCT_SIZE, PRODUCT_SIZE), dtype=np.float32)
    left @ left
    return 2 * PRODUCT_SIZE**3 / min(seconds(lambda: left @ left) for _ in range(3))


def own_fit(ratings: RatingMatrix) -> float:
    """Seconds of a whole training job: learn twice, measure lists and ratings and the baselines."""

    def job() -> None:
        folded = ours.fit(ratings, STARS, seed=0, kind="joint_rbm")
        split = ours.division(ratings, STARS, seed=0)
        comparison.evaluate_baselines(split)
        comparison.evaluate_model(folded.model, split)

    return seconds(job)


def fit_rows(ratings: RatingMatrix) -> list[tuple[str, float, str]]:
    """Give the table's rows of whole fits: name, seconds, note."""
    took = {
        name: seconds(partial(LISTS[name].fit, ratings, STARS, seed=0, **choice))
        for name, choice in FITTED.items()
    }
    own = own_fit(ratings)
    times = f"{own / took[ALS]:.1f}× implicit ALS (at most {MOST_TIMES_ALS}×)"
    rows = [("recsvc, a whole training job with its evaluation", own, times)]
    return rows + [(f"{name}, fit", one, "") for name, one in took.items()]


def main() -> None:
    ratings = ml_1m()
    own, limit = own_epoch(ratings), matrix_product()
    peers = {dtype.__name__: scikit_learn(ratings, dtype) for dtype in (np.float64, np.float32)}
    operations = ratings.n_ratings * N_HIDDEN * (2 + 6 * N_LEVELS)
    print("| MovieLens 1M | s | ratings a second | GFLOP/s | |")
    print("|---|---:|---:|---:|---|")
    rows = [("recsvc (float32), a CD-1 epoch", own, "at least 28× scikit-learn")]
    for name, took in peers.items():
        rows.append(
            (
                f"scikit-learn BernoulliRBM, {name}, an epoch",
                took,
                f"recsvc is {took / own:.0f}× as fast",
            )
        )
    for name, took, note in rows:
        rate = ratings.n_ratings / took
        print(f"| {name} | {took:.3f} | {rate:,.0f} | {operations / took / 1e9:.1f} | {note} |")
    reached = f"recsvc reaches {operations / own / limit:.0%}"
    print(f"| float32 matrix product, {PRODUCT_SIZE}² | | | {limit / 1e9:.0f} | {reached} |")
    for name, took, note in fit_rows(ratings):
        print(f"| {name} | {took:.2f} | | | {note} |")


if __name__ == "__main__":
    main()
