"""Estimates of the memory and the time of a training job, made before it starts.

The time is estimated from the number of operations and the measured speed of a matrix product.
The share of that speed that each part of training reaches was measured, and so was the memory
(benchmarks/training_memory.py, benchmarks/RESULTS.md).
"""

import time

import numpy as np

from recsvc.rbm.auto_hyperparameters import DataShape
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.machines.couplings import MAX_ITEMS
from recsvc.rbm.model_kind import MACHINES, ModelKind
from recsvc.rbm.rating_ensemble.ensemble import fits_memory
from recsvc.rbm.rating_ensemble.fine_tuning import choose_n_hidden
from recsvc.runtime.sizes import MEGABYTE

PROCESS_BYTES = 300 * MEGABYTE  # the interpreter, its libraries and the compiled kernels
BYTES_PER_RATING = 110  # snapshot, split, transposition and the sort that makes them
COPIES_OF_WEIGHTS = 9  # parameters, velocity, best epoch, predictor, checkpoint being written
HIDDEN_ARRAYS = 4
COPIES_OF_SAMPLED_ITEMS = 2  # sampled and rated ones; weights and gradients
COPIES_WHILE_FINETUNING = 6
COPIES_TO_ANSWER = 4  # to fold in and to predict, and both in the checkpoint being written
PAIR_MATRICES = 3  # of items by items, while the couplings are fitted

PRODUCT_SIDE = 1024
BEST_OF = 4
FIXED_SECONDS = 2.5  # to start, read, evaluate the baselines and the model, and publish
SECONDS_PER_RATING = 1.1e-5  # for the same
JOINT_SHARE = 0.36
MASKED_SHARE = 0.12
ENSEMBLE_EPOCHS = 12  # with few ratings more are allowed, but patience ends sooner
ENSEMBLE_OPERATIONS = 440.0  # for a rating and a hidden unit, in products of equal duration


def estimate_bytes(shape: DataShape, model_kind: ModelKind, hyper: Hyperparameters) -> int:
    """Estimate the largest resident memory of a training job."""
    n_users, n_items, n_ratings, n_levels = shape
    machine = MACHINES[model_kind]
    n_visible, n_cases = (n_users, n_items) if machine.cases_are_items else (n_items, n_users)
    weights = 4 * n_visible * n_levels * (hyper.n_hidden + 1)
    hidden = 4 * n_cases * hyper.n_hidden
    special = 0
    if machine.samples_items:
        n_pairs = n_levels * min(n_items, hyper.candidates)
        special += 4 * n_pairs * (hyper.batch_size + COPIES_OF_SAMPLED_ITEMS * hyper.n_hidden)
    if machine.uses_adam:
        special += weights  # the second moment
    if machine.has_couplings:
        special += 4 * PAIR_MATRICES * n_items**2 * (n_items <= MAX_ITEMS)
    if machine.rates_by_ensemble:
        special += _ensemble_bytes(shape, hyper)
    return (
        PROCESS_BYTES
        + special
        + BYTES_PER_RATING * n_ratings
        + COPIES_OF_WEIGHTS * weights
        + HIDDEN_ARRAYS * hidden
    )


def _ensemble_bytes(shape: DataShape, hyper: Hyperparameters) -> int:
    """Estimate the memory of the rating ensemble."""
    n_users, n_items, n_ratings, n_levels = shape
    if hyper.rating_epochs == 0 or not fits_memory(n_users, n_items, n_levels):
        return 0
    sizes = [
        n_visible * n_levels * choose_n_hidden(n_visible, n_ratings, n_levels)
        for n_visible in (n_users, n_items)
    ]
    return 4 * (COPIES_WHILE_FINETUNING * max(sizes) + COPIES_TO_ANSWER * sum(sizes))


def measure_product_rate() -> float:
    """Return the operations a second of a float32 matrix product on all threads, best of a few."""
    left = np.ones((PRODUCT_SIDE, PRODUCT_SIDE), dtype=np.float32)
    out = np.empty_like(left)
    best = np.inf
    for _ in range(BEST_OF):
        start = time.perf_counter()
        np.matmul(left, left, out=out)
        best = min(best, time.perf_counter() - start)
    return 2.0 * PRODUCT_SIDE**3 / best


def estimate_seconds(
    shape: DataShape, model_kind: ModelKind, hyper: Hyperparameters, *, rate: float
) -> float:
    """Estimate the seconds of a whole job that runs all its epochs.

    rate  result of `measure_product_rate`
    """
    fixed = FIXED_SECONDS + SECONDS_PER_RATING * shape.n_ratings
    if not MACHINES[model_kind].samples_items:
        per_rating = hyper.n_hidden * (2 + 6 * hyper.cd_steps)
        return fixed + hyper.epochs * shape.n_ratings * per_rating / (MASKED_SHARE * rate)
    n_pairs = min(shape.n_items, hyper.candidates) * shape.n_levels
    epoch = 6.0 * shape.n_users * n_pairs * hyper.n_hidden / (JOINT_SHARE * rate)
    return fixed + 2 * hyper.epochs * epoch + _ensemble_seconds(shape, hyper, rate)


def _ensemble_seconds(shape: DataShape, hyper: Hyperparameters, rate: float) -> float:
    """Estimate the seconds of the two predictors of the rating ensemble, by user and by item."""
    n_users, n_items, n_ratings, n_levels = shape
    if hyper.rating_epochs == 0 or not fits_memory(n_users, n_items, n_levels):
        return 0.0
    n_hidden = sum(choose_n_hidden(n, n_ratings, n_levels) for n in (n_users, n_items))
    epochs = min(hyper.rating_epochs, ENSEMBLE_EPOCHS)
    return epochs * n_ratings * n_hidden * ENSEMBLE_OPERATIONS / rate
