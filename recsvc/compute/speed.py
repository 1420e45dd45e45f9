"""How long training takes on this machine, reckoned before it begins.

A matrix product is timed, for a moment, and what training does is counted in operations; which
share of the product's rate each part of it reaches was measured (benchmarks/training_memory.py).
"""

import time

import numpy as np

from recsvc.rbm.auto_hyperparameters import Shape
from recsvc.rbm.model_kind import MACHINES, ModelKind
from recsvc.rbm.params import Hyperparameters
from recsvc.rbm.rating_ensemble.ensemble import are_affordable
from recsvc.rbm.rating_ensemble.fine_tuning import suited_hidden

SIDE = 1024
BEST_OF = 4
AT_LEAST_SECONDS = 2.5  # to start, read, measure baselines, evaluate and publish
SECONDS_PER_RATING = 1.1e-5  # of the same
JOINT_SHARE = 0.36
MASKED_SHARE = 0.12
RATER_EPOCHS = 12  # of few ratings more are allowed, and patience ends sooner
RATER_OPERATIONS = 440.0  # of a rating and a hidden unit, in products that take as long


def product_rate() -> float:
    """Operations a second of a float32 matrix product on all threads; the best of a few."""
    left = np.ones((SIDE, SIDE), dtype=np.float32)
    out = np.empty_like(left)
    best = np.inf
    for _ in range(BEST_OF):
        began = time.perf_counter()
        np.matmul(left, left, out=out)
        best = min(best, time.perf_counter() - began)
    return 2.0 * SIDE**3 / best


def estimated_seconds(
    shape: Shape, model_kind: ModelKind, hyper: Hyperparameters, *, rate: float
) -> float:
    """Estimate a job's time from start to end, if no epoch is left out for want of progress.

    rate  of `product_rate`
    """
    around = AT_LEAST_SECONDS + SECONDS_PER_RATING * shape.n_ratings
    if not MACHINES[model_kind].samples_items:
        per_rating = hyper.n_hidden * (2 + 6 * hyper.cd_steps)
        return around + hyper.epochs * shape.n_ratings * per_rating / (MASKED_SHARE * rate)
    n_pairs = min(shape.n_items, hyper.candidates) * shape.n_levels
    epoch = 6.0 * shape.n_users * n_pairs * hyper.n_hidden / (JOINT_SHARE * rate)
    return around + 2 * hyper.epochs * epoch + _raters_seconds(shape, hyper, rate)


def _raters_seconds(shape: Shape, hyper: Hyperparameters, rate: float) -> float:
    """Estimate the machines that predict ratings beside a joint one: one by user, one by item."""
    n_users, n_items, n_ratings, n_levels = shape
    if hyper.rating_epochs == 0 or not are_affordable(n_users, n_items, n_levels):
        return 0.0
    n_hidden = sum(suited_hidden(n, n_ratings, n_levels) for n in (n_users, n_items))
    epochs = min(hyper.rating_epochs, RATER_EPOCHS)
    return epochs * n_ratings * n_hidden * RATER_OPERATIONS / rate
