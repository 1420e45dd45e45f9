"""The figures of ratings: how far off the expected ones are, how likely the given ones were."""

from dataclasses import dataclass

import numpy as np

from recsvc.rbm.arrays import Doubles, Levels
from recsvc.rbm.evaluation.calibration import Calibration
from recsvc.rbm.monitoring.epoch_evaluator import mean_nll
from recsvc.rbm.rating_scale import RatingScale


@dataclass(frozen=True)
class RatingMetrics:
    """Of test ratings, each of which counts alike.

    rmse         √ of the mean squared error of the expected rating, on the users' scale
    mae          its mean absolute error
    nll          mean −log of the probability given to the level that the user gave, in nats
    calibration  whether what is said with probability p happens in a share p of the cases
    """

    rmse: float
    mae: float
    nll: float
    calibration: Calibration

    def as_dict(self) -> dict[str, float]:
        """Give the figures by the names they have on a card."""
        return {
            "validation_nll": self.nll,
            "validation_rmse": self.rmse,
            "validation_mae": self.mae,
            "calibration_error": self.calibration.error,
        }


def rating_metrics(shares: Doubles, levels: Levels, scale: RatingScale) -> RatingMetrics:
    """Measure predicted distributions of at least one test rating.

    shares  (n_ratings, n_levels) predicted before the rating was seen
    levels  (n_ratings,) given
    """
    values = np.array(scale.values)
    rmse, mae = errors(shares @ values, values[levels])
    calibration = Calibration.of(shares, levels, scale)
    return RatingMetrics(rmse, mae, mean_nll(shares, levels), calibration)


def errors(expected: Doubles, given: Doubles) -> tuple[float, float]:
    """Give RMSE and MAE of expected ratings, both (n_ratings,)."""
    off = expected - given
    return float(np.sqrt(np.mean(np.square(off)))), float(np.mean(np.abs(off)))
