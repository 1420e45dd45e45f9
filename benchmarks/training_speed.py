"""One epoch of CD-1 on MovieLens 1M, beside scikit-learn's BernoulliRBM and the machine's limit.

    .venv/bin/python -m benchmarks training_speed

100 hidden units, batches of 100 users, nothing evaluated; all on the same ratings. scikit-learn
learns from the one-hot CSR matrix (item × level columns; what is missing is 0 there) with
batch_size=100, in float64, its usual type, and in float32. Operations are counted as
n · F · (2 + 6K) for n ratings, F hidden units and K levels.
"""

import time
from collections.abc import Callable

import numpy as np
from scipy import sparse
from sklearn.neural_network import BernoulliRBM

from benchmarks.data import FIVE_STARS, ml_1m
from recsvc.rbm.params import Hyperparameters, initial_params
from recsvc.rbm.ratings import RatingMatrix
from recsvc.rbm.schedules import pace
from recsvc.rbm.training import TrainerState, TrainingData, learn_epoch

N_HIDDEN, BATCH_SIZE, N_LEVELS = 100, 100, 5
EPOCHS = 7
PRODUCT_SIZE = 4096


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def ours(ratings: RatingMatrix) -> float:
    """Median of some epochs, the first (which compiles) not among them."""
    hyper = Hyperparameters(n_hidden=N_HIDDEN, batch_size=BATCH_SIZE)
    data = TrainingData(ratings, ratings.select(np.zeros(ratings.n_ratings, bool)), FIVE_STARS)
    params = initial_params(ratings, N_LEVELS, hyper, rng=np.random.default_rng(0))
    state = TrainerState.initial(params)
    times = [
        seconds(
            lambda epoch=epoch: learn_epoch(
                state, data, hyper, pace(hyper, epoch), seed=0, epoch=epoch
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


def main() -> None:
    ratings = ml_1m()
    own, limit = ours(ratings), matrix_product()
    peers = {dtype.__name__: scikit_learn(ratings, dtype) for dtype in (np.float64, np.float32)}
    operations = ratings.n_ratings * N_HIDDEN * (2 + 6 * N_LEVELS)
    print("| MovieLens 1M, CD-1, 100 hidden units | s an epoch | ratings a second | GFLOP/s | |")
    print("|---|---:|---:|---:|---|")
    rows = [("recsvc (float32)", own, "at least 28× scikit-learn")]
    for name, took in peers.items():
        rows.append(
            (f"scikit-learn BernoulliRBM, {name}", took, f"recsvc is {took / own:.0f}× as fast")
        )
    for name, took, note in rows:
        rate = ratings.n_ratings / took
        print(f"| {name} | {took:.3f} | {rate:,.0f} | {operations / took / 1e9:.1f} | {note} |")
    reached = f"recsvc reaches {operations / own / limit:.0%}"
    print(f"| float32 matrix product, {PRODUCT_SIZE}² | | | {limit / 1e9:.0f} | {reached} |")


if __name__ == "__main__":
    main()
