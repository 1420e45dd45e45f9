"""Accuracy of predicted ratings: RMSE, MAE, NLL and calibration."""

from dataclasses import dataclass

import numpy as np

from recsvc.rbm.arrays import Doubles, Levels
from recsvc.rbm.evaluation.calibration import Calibration
from recsvc.rbm.monitoring.epoch_evaluator import mean_nll
from recsvc.rbm.rating_scale import RatingScale


@dataclass(frozen=True)
class RatingMetrics:
    """Means over test ratings with equal weights.

    rmse         √ of the mean squared error of the expected rating, on the users' scale
    mae          its mean absolute error
    nll          mean −log of the predicted probability of the user's level, in nats
    calibration  whether events of probability p occur in a share p of the cases
    """

    rmse: float
    mae: float
    nll: float
    calibration: Calibration

    def as_dict(self) -> dict[str, float]:
        """Return the metrics by their names on a model card."""
        return {
            "validation_nll": self.nll,
            "validation_rmse": self.rmse,
            "validation_mae": self.mae,
            "calibration_error": self.calibration.error,
        }


def rating_metrics(shares: Doubles, levels: Levels, scale: RatingScale) -> RatingMetrics:
    """Return the metrics of predicted distributions for at least one test rating.

    shares  (n_ratings, n_levels) predicted without the rating
    levels  (n_ratings,) of the test ratings
    """
    values = np.array(scale.values)
    rmse, mae = errors(shares @ values, values[levels])
    calibration = Calibration.from_forecasts(shares, levels, scale)
    return RatingMetrics(rmse, mae, mean_nll(shares, levels), calibration)


def errors(expected: Doubles, rated: Doubles) -> tuple[float, float]:
    """Return RMSE and MAE of expected ratings; both arrays are (n_ratings,)."""
    off = expected - rated
    return float(np.sqrt(np.mean(np.square(off)))), float(np.mean(np.abs(off)))
