"""Are probabilities to be believed: of all cases given 30 %, did 30 % happen."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsvc.rbm.arrays import Doubles, Levels
from recsvc.rbm.rating_scale import RatingScale

N_BINS = 10


class Bin(NamedTuple):
    """The cases that were given a probability from `least` up to `most`, 1 included.

    predicted  mean probability that they were given
    observed   share of them that happened
    """

    least: float
    most: float
    n: int
    predicted: float
    observed: float


@dataclass(frozen=True)
class Calibration:
    """How far predicted probabilities are from what happened, as ten bins of equal width tell.

    Every test rating makes one forecast a level: "the user gives this level". The error of a
    level is Σ_bins n_bin / n · |observed − predicted| of its forecasts, the expected calibration
    error [Naeini, Cooper, Hauskrecht, AAAI 2015]; `error` is its mean over the levels, the
    classwise-ECE of [Kull et al., NeurIPS 2019, section 2]. 0 is perfect; errors of different
    levels never cancel. A finite sample of a perfect forecaster comes out somewhat above 0.

    level_errors  (n_levels,) of each level
    predicted     (n_levels,) mean probability of each level
    observed      (n_levels,) share of test ratings at each level
    levels        the reliability table: the forecasts of all levels together, empty bins left out
    liked         the same of one forecast a rating: "the user likes the item"
    """

    error: float
    level_errors: tuple[float, ...]
    predicted: tuple[float, ...]
    observed: tuple[float, ...]
    levels: tuple[Bin, ...]
    liked: tuple[Bin, ...]

    @classmethod
    def of(cls, shares: Doubles, levels: Levels, scale: RatingScale) -> "Calibration":
        """Compare forecasts with what came.

        shares  (n_ratings, n_levels);  levels  (n_ratings,)
        """
        happened = levels[:, np.newaxis] == np.arange(scale.n_levels)
        level_errors = [_error(_bins(p, h)) for p, h in zip(shares.T, happened.T, strict=True)]
        liked = shares[:, scale.first_liked :].sum(axis=1)
        return cls(
            float(np.mean(level_errors)),
            tuple(level_errors),
            tuple(shares.mean(axis=0).tolist()),
            tuple(happened.mean(axis=0).tolist()),
            _bins(shares.ravel(), happened.ravel()),
            _bins(liked, levels >= scale.first_liked),
        )

    def as_dict(self, scale: RatingScale) -> dict[str, Any]:
        """Give the form in which a card keeps it."""
        each = zip(scale.values, self.predicted, self.observed, self.level_errors, strict=True)
        names = ("value", "predicted", "observed", "error")
        return {
            "error": self.error,
            "levels": [dict(zip(names, level, strict=True)) for level in each],
            "reliability": [bin_._asdict() for bin_ in self.levels],
            "liked_reliability": [bin_._asdict() for bin_ in self.liked],
        }


def _bins(probabilities: Doubles, happened: NDArray[np.bool_]) -> tuple[Bin, ...]:
    """Sort forecasts (n,) into bins by their probability."""
    numbers = np.clip((probabilities * N_BINS).astype(np.int64), 0, N_BINS - 1)
    counts = np.bincount(numbers, minlength=N_BINS)
    predicted = np.bincount(numbers, weights=probabilities, minlength=N_BINS)
    observed = np.bincount(numbers, weights=happened, minlength=N_BINS)
    return tuple(
        Bin(
            bin_ / N_BINS,
            (bin_ + 1) / N_BINS,
            int(counts[bin_]),
            float(predicted[bin_] / counts[bin_]),
            float(observed[bin_] / counts[bin_]),
        )
        for bin_ in np.flatnonzero(counts).tolist()
    )


def _error(bins: tuple[Bin, ...]) -> float:
    """Expected calibration error: mean distance of the bins, each weighted by its cases."""
    n = sum(bin_.n for bin_ in bins)
    return sum(bin_.n / n * abs(bin_.observed - bin_.predicted) for bin_ in bins)
