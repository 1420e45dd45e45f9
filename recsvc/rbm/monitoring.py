"""The figures of an epoch, measured on fixed ratings."""

from dataclasses import dataclass

import numpy as np

from recsvc.rbm import units
from recsvc.rbm.params import Params
from recsvc.rbm.ratings import Doubles, RatingMatrix

MONITORED_USERS = 256
MONITORED_RATINGS = 8192


@dataclass(frozen=True)
class Monitor:
    """Which ratings the error curve is measured on; the same in every epoch.

    train       all train ratings, what validation ratings are predicted from
    validation  all validation ratings
    subset      the train ratings of up to 256 users, for the figures that need no more
    subset_validation  the validation ratings of the same users
    """

    train: RatingMatrix
    validation: RatingMatrix
    values: Doubles
    subset: RatingMatrix
    subset_validation: RatingMatrix

    @classmethod
    def of(
        cls, train: RatingMatrix, validation: RatingMatrix, values: Doubles, *, seed: int
    ) -> "Monitor":
        """Choose the monitored users among those who rated anything."""
        users = np.flatnonzero(np.diff(train.indptr))
        chosen = np.random.default_rng([seed, 0, 1]).permutation(users)[:MONITORED_USERS]
        return cls(train, validation, values, train.rows(chosen), validation.rows(chosen))

    def measure(self, params: Params) -> dict[str, float | None]:
        """Give the figures of EpochReport that depend on the parameters alone."""
        predictor = units.Predictor.of(params)
        figures = {**self._on_validation(params, predictor), **self._on_subset(params, predictor)}
        return {name: None if value is None else float(value) for name, value in figures.items()}

    def _on_validation(self, params: Params, predictor: units.Predictor) -> dict[str, float | None]:
        if self.validation.n_ratings == 0:
            return {"validation_nll": None, "validation_rmse": None}
        shares = predictor.level_probabilities(
            units.hidden_probabilities(params, self.train),
            self.validation.users().astype(np.int64),
            self.validation.items.astype(np.int64),
            in_parallel=True,
        )
        given = self.validation.levels
        errors = shares @ self.values - self.values[given]
        return {
            "validation_nll": mean_nll(shares, given),
            "validation_rmse": np.sqrt(np.mean(np.square(errors))),
        }

    def _on_subset(self, params: Params, predictor: units.Predictor) -> dict[str, float | None]:
        subset, held_out = self.subset, self.subset_validation
        hidden = units.hidden_probabilities(params, subset)
        step = max(1, subset.n_ratings // MONITORED_RATINGS)
        levels = subset.levels[::step]
        shares = predictor.leave_one_out_probabilities(
            hidden,
            subset.users()[::step].astype(np.int64),
            subset.items[::step].astype(np.int64),
            levels,
        )
        held_out_energy = units.free_energy(params, held_out).sum()
        return {
            "train_nll": mean_nll(shares, levels),
            "train_free_energy": units.free_energy(params, subset).sum() / subset.n_ratings,
            "validation_free_energy": held_out_energy / held_out.n_ratings
            if held_out.n_ratings
            else None,
            "hidden_activity": hidden.mean(),
        }


def mean_nll(probabilities: Doubles, levels: np.ndarray) -> float:
    """Mean −log of the probability given to what happened; probabilities (n, n_levels)."""
    given = probabilities[np.arange(levels.size), levels]
    return float(-np.log(np.maximum(given, np.finfo(np.float64).tiny)).mean())
