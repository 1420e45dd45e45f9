"""Calibration: whether events with a predicted probability of 30 % occur in 30 % of the cases."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsvc.rbm.arrays import Doubles, Levels
from recsvc.rbm.rating_scale import RatingScale

N_BINS = 10


class Bin(NamedTuple):
    """The forecasts with a probability of at least `least` and below `most`; the last includes 1.

    predicted  mean predicted probability
    observed   share of the forecasts that came true
    """

    least: float
    most: float
    n: int
    predicted: float
    observed: float


@dataclass(frozen=True)
class Calibration:
    """The distance of predicted probabilities from observed shares, in ten bins of equal width.

    Every test rating makes one forecast a level: "the user gives this level". The error of a
    level is Σ_bins n_bin / n · |observed − predicted| of its forecasts, the expected calibration
    error [Naeini, Cooper, Hauskrecht, AAAI 2015]; `error` is its mean over the levels, the
    classwise-ECE of [Kull et al., NeurIPS 2019, section 2]. 0 is perfect; errors of different
    levels never cancel. A perfect forecaster is somewhat above 0 on a finite sample.

    level_errors  (n_levels,) of each level
    predicted     (n_levels,) mean probability of each level
    observed      (n_levels,) share of test ratings at each level
    levels        the reliability table of the forecasts of all levels, without empty bins
    liked         the same for one forecast per rating: "the user likes the item"
    """

    error: float
    level_errors: tuple[float, ...]
    predicted: tuple[float, ...]
    observed: tuple[float, ...]
    levels: tuple[Bin, ...]
    liked: tuple[Bin, ...]

    @classmethod
    def from_forecasts(cls, shares: Doubles, levels: Levels, scale: RatingScale) -> "Calibration":
        """Compute the calibration from forecasts and observed levels.

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
        """Return the form that a model card stores."""
        each = zip(scale.values, self.predicted, self.observed, self.level_errors, strict=True)
        names = ("value", "predicted", "observed", "error")
        return {
            "error": self.error,
            "levels": [dict(zip(names, level, strict=True)) for level in each],
            "reliability": [bin_._asdict() for bin_ in self.levels],
            "liked_reliability": [bin_._asdict() for bin_ in self.liked],
        }


def _bins(probabilities: Doubles, happened: NDArray[np.bool_]) -> tuple[Bin, ...]:
    """Return the non-empty bins of forecasts (n,), by their probability."""
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
    """Return the expected calibration error: mean distance of the bins, weighted by size."""
    n = sum(bin_.n for bin_ in bins)
    return sum(bin_.n / n * abs(bin_.observed - bin_.predicted) for bin_ in bins)
