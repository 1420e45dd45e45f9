"""The learned arrays, and the values they start from."""

import dataclasses
from dataclasses import dataclass
from hashlib import sha256
from math import ceil, isfinite

import numpy as np

from recsvc.rbm import kernels
from recsvc.rbm.arrays import Doubles, Floats, Ints
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.rating_matrix import RatingMatrix


@dataclass(frozen=True)
class Params:
    """The learned arrays, float32.

    weights       (n_items, n_levels, n_hidden)
    visible_bias  (n_items, n_levels)
    hidden_bias   (n_hidden,)
    """

    weights: Floats
    visible_bias: Floats
    hidden_bias: Floats

    def copy(self) -> "Params":
        """Return a copy with arrays of its own."""
        return Params(self.weights.copy(), self.visible_bias.copy(), self.hidden_bias.copy())

    def zeros_like(self) -> "Params":
        """Return zeros in the same shapes: the velocity before the first step."""
        return Params(
            np.zeros_like(self.weights),
            np.zeros_like(self.visible_bias),
            np.zeros_like(self.hidden_bias),
        )

    def arrays(self) -> dict[str, Floats]:
        """Return the arrays by name, in the order of hashing and storing."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def is_finite(self) -> bool:
        """Return whether all parameters are finite."""
        return isfinite(self.largest_weight()) and self.has_finite_biases()

    def has_finite_biases(self) -> bool:
        """Return whether all biases are finite."""
        return bool(np.isfinite(self.visible_bias).all() and np.isfinite(self.hidden_bias).all())

    def largest_weight(self) -> float:
        """Max |W|; infinite or NaN if one of them is."""
        bits = kernels.largest_magnitude(self.weights.reshape(-1).view(np.int32))
        return float(np.array(bits, dtype=np.int32).view(np.float32))

    def sha256(self) -> str:
        """Return the hash of the arrays' bytes: equal for equal weights in any file format."""
        digest = sha256()
        for array in self.arrays().values():
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def vector_width(n_hidden: int) -> int:
    """Round up to a multiple of 64 numbers, or of 16 for small numbers: whole vector registers."""
    run = 64 if n_hidden > 64 else 16
    return run * ceil(n_hidden / run)


def initial_params(
    ratings: RatingMatrix, n_levels: int, hyper: Hyperparameters, *, rng: np.random.Generator
) -> Params:
    """Return initial parameters: biases of each item's level shares and small random weights.

    The visible biases are the log base rates, smoothed towards the global level shares by one
    rating each, so that none is log 0 [H10 section 8]. "glorot" scales the weights so that a
    user's expected number of ratings moves a hidden input by about one unit.
    """
    return Params(
        weights=initial_weights(ratings, n_levels, hyper, rng=rng),
        visible_bias=np.log(base_rates(ratings, n_levels)).astype(np.float32),
        hidden_bias=np.zeros(hyper.n_hidden, dtype=np.float32),
    )


def initial_weights(
    ratings: RatingMatrix, n_levels: int, hyper: Hyperparameters, *, rng: np.random.Generator
) -> Floats:
    """Draw the initial weights, (n_items, n_levels, n_hidden)."""
    deviation = hyper.initial_weight
    if hyper.initialisation == "glorot":
        ratings_per_user = ratings.n_ratings / max(1, ratings.n_users)
        deviation = float(np.sqrt(2.0 / (ratings_per_user + hyper.n_hidden)))
    shape = (ratings.n_items, n_levels, hyper.n_hidden)
    if hyper.initialisation == "constant":
        return np.full(shape, deviation, dtype=np.float32)
    weights = rng.standard_normal(shape, dtype=np.float32)
    weights *= np.float32(deviation)
    return weights


def base_rates(ratings: RatingMatrix, n_levels: int) -> Doubles:
    """Return each item's shares of levels, (n_items, n_levels), smoothed towards the global ones.

    A global share counts every level at least once, so that none is zero.
    """
    counts = ratings.level_counts(n_levels)
    return smooth_shares(counts, counts.sum(axis=0))


def smooth_shares(counts: Ints, everywhere: Ints) -> Doubles:
    """Return shares of levels, as if each item had one more rating by the global shares.

    counts      (n_items, n_levels)
    everywhere  (n_levels,) counts of all items together
    """
    at_least_once = everywhere + 1.0
    smoothed = counts + at_least_once / at_least_once.sum()
    shares: Doubles = smoothed / smoothed.sum(axis=1, keepdims=True)
    return shares
